/**
 * The processes of a deployment, and what went wrong with each.
 */
import { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';

import { stateOf, statusText } from '../catalog/pipelines';
import { Rest } from '../rest';
import { StateIcon } from '../stateicon';
import { IDeploymentStatus, IPipeline } from '../wire';
import { useRead } from './hooks';
import { Section, Wide } from './section';

export function Replicas(props: {
  rest: Rest;
  pipeline: IPipeline;
  isVisible: boolean;
  trans: TranslationBundle;
}): JSX.Element {
  const { rest, pipeline, trans } = props;
  const { deployment, status, replicas_running, replicas_wanted } = pipeline;
  const read = useRead<IDeploymentStatus | null>(
    async () =>
      deployment === null
        ? null
        : rest.post('status/get_deployment', { name: deployment }),
    props.isVisible,
    // Every event of the deployment is a reason to look at its processes again.
    [deployment, pipeline]
  );
  const pods = [
    ...(read.value?.engines ?? []),
    ...(read.value?.sidekicks ?? [])
  ];
  return (
    <Section
      title={trans.__('Replicas')}
      error={deployment === null ? null : read.error}
      beside={
        <span className="jp-wallaroo-aside">
          {status === 'Undeployed'
            ? ''
            : trans.__('%1 of %2 running', replicas_running, replicas_wanted)}
        </span>
      }
    >
      {deployment === null ? (
        <p className="jp-wallaroo-note">
          {trans.__('Not deployed: no process runs for this pipeline.')}
        </p>
      ) : (
        <Wide label={trans.__('Replicas')}>
          <table className="jp-wallaroo-table">
            <thead>
              <tr>
                <th scope="col">{trans.__('Status')}</th>
                <th scope="col">{trans.__('Name')}</th>
                <th scope="col">{trans.__('CPUs')}</th>
                <th scope="col">{trans.__('Memory')}</th>
                <th scope="col">{trans.__('Process')}</th>
              </tr>
            </thead>
            <tbody>
              {pods.map(pod => (
                <tr key={pod.name}>
                  <td>
                    <span className="jp-wallaroo-status">
                      <StateIcon state={stateOf(pod.info.health)} />
                      {statusText(pod.info.health, trans)}
                    </span>
                  </td>
                  <td>
                    <code>{pod.name}</code>
                    {pod.reason !== null && (
                      <div className="jp-wallaroo-more">{pod.reason}</div>
                    )}
                  </td>
                  <td>{pod.info.required_cpu ?? '–'}</td>
                  <td>{pod.info.required_memory ?? '–'}</td>
                  <td>{pod.info.labels['pid'] ?? '–'}</td>
                  </tr>
              ))}
            </tbody>
          </table>
        </Wide>
      )}
    </Section>
  );
}
