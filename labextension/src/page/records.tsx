/**
 * Rows of inferences as a table, those that failed a validation marked.
 */
import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { IRecord } from '../wire';
import { moment } from './moment';
import { Wide } from './section';

/** How much of a value a cell shows, and how much whoever points at it, in characters. */
const CELL_LENGTH = 48;
const HINT_LENGTH = 2000;

/** How many columns a table has at most on each side. */
const MOST_COLUMNS = 40;

export function Records(props: {
  readonly label: string;
  readonly records: readonly IRecord[];
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { records, trans } = props;
  const inputs = columns(records.map(record => record.in));
  const outputs = columns(records.map(record => record.out));
  return (
    <Wide label={props.label}>
      <table className="jp-wallaroo-table">
        <thead>
          <tr>
            <th scope="col">{trans.__('Time')}</th>
            {outputs.map(name => (
              <th scope="col" key={name}>{`out.${name}`}</th>
            ))}
            <th scope="col">{trans.__('Anomalies')}</th>
            {inputs.map(name => (
              <th scope="col" key={name}>{`in.${name}`}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {records.map((record, index) => {
            const failed = anomalies(record);
            return (
              <tr key={index} data-anomaly={failed.length > 0}>
                <td>{moment(record.time)}</td>
                {outputs.map(name => (
                  <Cell key={name} value={record.out[name]} />
                ))}
                <td>{failed.length > 0 ? `⚠ ${failed.join(', ')}` : '–'}</td>
                {inputs.map(name => (
                  <Cell key={name} value={record.in[name]} />
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </Wide>
  );
}

function Cell(props: { value: unknown }): JSX.Element {
  const { value } = props;
  const text =
    value === undefined
      ? ''
      : typeof value === 'string'
        ? value
        : JSON.stringify(value);
  return (
    <td className="jp-wallaroo-value" title={text.slice(0, HINT_LENGTH)}>
      {text.length > CELL_LENGTH ? `${text.slice(0, CELL_LENGTH)}…` : text}
    </td>
  );
}

/** The names of the validations that a record failed. */
function anomalies(record: IRecord): string[] {
  const { count, ...named } = record.anomaly ?? {};
  const failed = Object.keys(named).filter(name => Boolean(named[name]));
  return failed.length === 0 && Number(count) > 0 ? [String(count)] : failed;
}

function columns(rows: readonly Readonly<Record<string, unknown>>[]): string[] {
  const names = new Set<string>();
  for (const row of rows) {
    for (const name of Object.keys(row ?? {})) {
      if (names.size < MOST_COLUMNS) {
        names.add(name);
      }
    }
  }
  return [...names];
}
