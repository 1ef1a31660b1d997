/**
 * The log of a pipeline, a page at a time, the newest first.
 */
import { TranslationBundle } from '@jupyterlab/translation';
import React, { useEffect, useState } from 'react';

import { ILogPage, logPage } from '../inference';
import { Rest } from '../rest';
import { IPipeline, IRecord } from '../wire';
import { useRead } from './hooks';
import { Records } from './records';
import { Section } from './section';

export function LogSection(props: {
  readonly rest: Rest;
  readonly pipeline: IPipeline;
  readonly pageSize: number;
  /** Different whenever there may be new records. */
  readonly news: unknown;
  readonly isVisible: boolean;
  readonly onRecords: (records: readonly IRecord[]) => void;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { rest, pipeline, pageSize, trans } = props;
  const [onlyAnomalies, setOnlyAnomalies] = useState(false);
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const cursor = cursors[cursors.length - 1];
  const read = useRead<ILogPage>(
    () =>
      logPage(rest, pipeline, {
        pageSize,
        onlyAnomalies,
        ...(cursor === undefined ? {} : { cursor })
      }),
    props.isVisible,
    // An older page does not change: only the newest is read again.
    [pipeline.pipeline_id, pageSize, onlyAnomalies, cursor, cursor ?? props.news]
  );
  const records = read.value?.records ?? [];
  const next = read.value?.cursor ?? null;
  const { onRecords } = props;
  useEffect(() => onRecords(records), [read.value, onRecords]);
  return (
    <Section
      title={trans.__('Log')}
      error={read.error}
      className="jp-wallaroo-log"
      beside={
        <span className="jp-wallaroo-aside">
          <label>
            <input
              type="checkbox"
              checked={onlyAnomalies}
              onChange={event => {
                setOnlyAnomalies(event.target.checked);
                setCursors([]);
              }}
            />
            {trans.__('Only anomalies')}
          </label>
          <button
            className="jp-wallaroo-button"
            disabled={cursors.length === 0}
            onClick={() => setCursors(cursors.slice(0, -1))}
          >
            {trans.__('Newer')}
          </button>
          <button
            className="jp-wallaroo-button"
            disabled={next === null}
            onClick={() => next !== null && setCursors([...cursors, next])}
          >
            {trans.__('Older')}
          </button>
        </span>
      }
    >
      {records.length > 0 ? (
        <Records label={trans.__('Log')} records={records} trans={trans} />
      ) : (
        <p className="jp-wallaroo-note">
          {read.value === null
            ? trans.__('Reading…')
            : trans.__('No records: inferences appear here as they are answered.')}
        </p>
      )}
    </Section>
  );
}
