/**
 * All there is to see of one pipeline.
 */
import { CommandRegistry } from '@lumino/commands';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import React, { useCallback, useState } from 'react';

import {
  IPipelineItem,
  stateOf,
  statusText
} from '../catalog/pipelines';
import { StateIcon } from '../stateicon';
import { IWallaroo } from '../tokens';
import { IRecord, ITraffic } from '../wire';
import { IVerb } from '../verbs/verb';
import { usePeriod, useRead } from './hooks';
import { LogSection } from './log';
import { Replicas } from './replicas';
import { TrafficSection } from './traffic';
import { TryIt } from './tryit';
import { Versions } from './versions';
import { CommandIDs } from '../tokens';

export function PipelineView(props: {
  readonly wallaroo: IWallaroo;
  readonly commands: CommandRegistry;
  readonly verbs: readonly IVerb[];
  readonly item: IPipelineItem;
  readonly isVisible: boolean;
}): JSX.Element {
  const { item, isVisible, verbs } = props;
  const { rest, settings, trans } = props.wallaroo;
  const { pipeline } = item;
  const id = pipeline.pipeline_id;
  const traffic = useRead<ITraffic>(
    () => rest.post('pipelines/get_traffic', { pipeline_id: id }),
    isVisible,
    [id]
  );
  usePeriod(traffic.again, settings.refreshPeriod_s, isVisible);
  const [answers, setAnswers] = useState(0);
  const [example, setExample] = useState<IRecord | null>(null);
  const onRecords = useCallback(
    (records: readonly IRecord[]) => setExample(records[0] ?? null),
    []
  );
  const run = (command: string, args: ReadonlyPartialJSONObject = {}): void => {
    void props.commands.execute(command, { ...args, pipelineId: id });
  };
  const news = `${traffic.value?.total_requests}/${answers}`;
  const common = { rest, pipeline, isVisible, trans };
  return (
    <div className="jp-wallaroo-view">
      <header className="jp-wallaroo-head">
        <div>
          <h1>{pipeline.pipeline}</h1>
          <p className="jp-wallaroo-status" role="status">
            <StateIcon state={stateOf(pipeline.status)} />
            {statusText(pipeline.status, trans)}
            {pipeline.deployment !== null && <code>{pipeline.deployment}</code>}
          </p>
        </div>
        <div
          className="jp-wallaroo-verbs"
          role="group"
          aria-label={trans.__('Actions')}
        >
          {verbs.map((verb, index) => (
            <button
              key={verb.id}
              className={`jp-wallaroo-button ${index === 0 ? 'jp-mod-primary' : ''}`}
              title={verb.caption}
              disabled={!(verb.isFor?.(item) ?? true)}
              onClick={() => run(verb.id)}
            >
              {verb.label}
            </button>
          ))}
        </div>
      </header>
      {pipeline.reason !== null && (
        <p className="jp-wallaroo-problem" role="alert">
          {pipeline.reason}
        </p>
      )}
      <div className="jp-wallaroo-columns">
        <div>
          <TrafficSection
            traffic={traffic.value}
            error={traffic.error}
            trans={trans}
          />
          <Replicas {...common} />
          <Versions
            {...common}
            onRollBack={version => run(CommandIDs.rollback, { version })}
          />
        </div>
        <div>
          <TryIt
            {...common}
            example={example}
            onAnswer={() => {
              setAnswers(answers + 1);
              traffic.again();
            }}
          />
          <LogSection
            {...common}
            pageSize={settings.logPageSize}
            news={news}
            onRecords={onRecords}
          />
        </div>
      </div>
    </div>
  );
}
