/**
 * How many requests, how fast, how many anomalies: figures of the last minute and charts of the last ten.
 */
import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { ITraffic } from '../wire';
import { Chart } from './chart';
import { Section } from './section';

export function TrafficSection(props: {
  traffic: ITraffic | null;
  error: string | null;
  trans: TranslationBundle;
}): JSX.Element {
  const { traffic, trans } = props;
  return (
    <Section
      title={trans.__('Traffic')}
      error={props.error}
      beside={
        <span className="jp-wallaroo-aside">
          {traffic && trans.__('last %1 s', traffic.recent_s)}
        </span>
      }
    >
      {traffic && <Figures traffic={traffic} trans={trans} />}
    </Section>
  );
}

function Figures(props: {
  traffic: ITraffic;
  trans: TranslationBundle;
}): JSX.Element {
  const { traffic, trans } = props;
  const { recent, slot_s, slots } = traffic;
  const rate = recent.requests / traffic.recent_s;
  const figures: [string, string][] = [
    [trans.__('Requests/s'), short(rate)],
    [trans.__('Rows/s'), short(recent.rows / traffic.recent_s)],
    [trans.__('p50'), milliseconds(recent.p50_ms)],
    [trans.__('p95'), milliseconds(recent.p95_ms)],
    [trans.__('p99'), milliseconds(recent.p99_ms)],
    [trans.__('Failed'), String(recent.failed)],
    [trans.__('Anomalies'), String(recent.anomalies)]
  ];
  const minutes = Math.round((slots.length * slot_s) / 60);
  const ends = [trans.__('%1 min ago', minutes), trans.__('now')] as const;
  return (
    <>
      <dl className="jp-wallaroo-figures">
        {figures.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div className="jp-wallaroo-charts">
        <Chart
          title={trans.__('Requests/s')}
          words={trans.__(
            'Requests per second over the last %1 minutes; now %2',
            minutes,
            short(rate)
          )}
          lines={[
            {
              name: trans.__('Requests/s'),
              tone: 1,
              values: slots.map(slot => slot.requests / slot_s)
            }
          ]}
          format={short}
          ends={ends}
        />
        <Chart
          title={trans.__('Latency')}
          words={trans.__(
            'Latency over the last %1 minutes; median now %2, 95th percentile %3',
            minutes,
            milliseconds(recent.p50_ms),
            milliseconds(recent.p95_ms)
          )}
          lines={[
            {
              name: 'p50',
              tone: 1,
              values: slots.map(slot => slot.p50_ms)
            },
            {
              name: 'p95',
              tone: 2,
              values: slots.map(slot => slot.p95_ms)
            }
          ]}
          format={milliseconds}
          ends={ends}
        />
      </div>
    </>
  );
}

function short(value: number): string {
  return value >= 100 || Number.isInteger(value)
    ? value.toFixed(0)
    : value.toPrecision(2);
}

function milliseconds(value: number | null): string {
  if (value === null) {
    return '–';
  }
  return value >= 1000
    ? `${(value / 1000).toPrecision(3)} s`
    : `${value.toPrecision(value >= 100 ? 3 : 2)} ms`;
}
