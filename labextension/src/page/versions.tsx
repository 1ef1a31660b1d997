/**
 * The versions of a pipeline: who made each, what runs, how two differ, and the way back.
 */
import { TranslationBundle } from '@jupyterlab/translation';
import React, { useState } from 'react';

import { Rest } from '../rest';
import { IPipeline, IVersion } from '../wire';
import { useRead } from './hooks';
import { moment } from './moment';
import { Section, Wide } from './section';

interface IComparison {
  readonly from: string;
  readonly to: string;
}

export function Versions(props: {
  readonly rest: Rest;
  readonly pipeline: IPipeline;
  readonly isVisible: boolean;
  readonly onRollBack: (version: string) => void;
  readonly trans: TranslationBundle;
}): JSX.Element {
  const { rest, pipeline, trans } = props;
  const read = useRead(
    async () =>
      (
        await rest.post<{ versions: IVersion[] }>('pipelines/list_versions', {
          pipeline_id: pipeline.pipeline_id
        })
      ).versions,
    props.isVisible,
    [pipeline.version, pipeline.pipeline_version, pipeline.deployment_id]
  );
  const [compared, setCompared] = useState<IComparison | null>(null);
  const versions = read.value ?? [];
  const base = pipeline.pipeline_version ?? versions[0]?.version;
  return (
    <Section title={trans.__('Versions')} error={read.error}>
      <Wide label={trans.__('Versions')}>
        <table className="jp-wallaroo-table">
          <thead>
            <tr>
              <th scope="col">{trans.__('Version')}</th>
              <th scope="col">{trans.__('Made')}</th>
              <th scope="col">{trans.__('State')}</th>
              <th scope="col">{trans.__('Actions')}</th>
            </tr>
          </thead>
          <tbody>
            {versions.map(version => (
              <tr
                key={version.id}
                aria-current={version.version === pipeline.pipeline_version}
              >
                <td title={version.version}>
                  <code>{version.version.slice(0, 8)}</code>
                  <div className="jp-wallaroo-more">
                    {version.models.join(', ')}
                  </div>
                </td>
                <td>
                  {moment(Date.parse(version.created_at))}
                  <div className="jp-wallaroo-more">
                    {trans.__('by %1', version.author)}
                  </div>
                </td>
                <td>{stateText(version, pipeline, trans)}</td>
                <td className="jp-wallaroo-actions">
                  {base !== undefined && version.version !== base && (
                    <button
                      className="jp-wallaroo-button"
                      aria-label={trans.__(
                        'Compare with %1',
                        version.version.slice(0, 8)
                      )}
                      onClick={() =>
                        setCompared({ from: version.version, to: base })
                      }
                    >
                      {trans.__('Compare')}
                    </button>
                  )}
                  {version.was_deployed &&
                    !version.is_deployed &&
                    pipeline.deployment_id !== null && (
                      <button
                        className="jp-wallaroo-button"
                        aria-label={trans.__(
                          'Roll back to %1',
                          version.version.slice(0, 8)
                        )}
                        onClick={() => props.onRollBack(version.version)}
                      >
                        {trans.__('Roll back')}
                      </button>
                    )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
      {compared !== null && (
        <Comparison
          {...compared}
          rest={rest}
          isVisible={props.isVisible}
          onClose={() => setCompared(null)}
          trans={trans}
        />
      )}
    </Section>
  );
}

function Comparison(
  props: IComparison & {
    readonly rest: Rest;
    readonly isVisible: boolean;
    readonly onClose: () => void;
    readonly trans: TranslationBundle;
  }
): JSX.Element {
  const { rest, from, to, trans } = props;
  const read = useRead(
    () => rest.post<{ text: string }>('pipelines/diff', { from, to }),
    props.isVisible,
    [from, to]
  );
  const title = trans.__('From %1 to %2', from.slice(0, 8), to.slice(0, 8));
  return (
    <div className="jp-wallaroo-diff">
      <header>
        <h3>{title}</h3>
        <button className="jp-wallaroo-button" onClick={props.onClose}>
          {trans.__('Close')}
        </button>
      </header>
      <pre tabIndex={0} aria-label={title}>
        {read.error ?? read.value?.text ?? trans.__('Reading…')}
      </pre>
    </div>
  );
}

/** What answers comes from the processes; a version that is to run may still be coming up. */
function stateText(
  version: IVersion,
  pipeline: IPipeline,
  trans: TranslationBundle
): string {
  if (version.version === pipeline.pipeline_version) {
    return trans.__('Deployed');
  }
  if (version.is_deployed) {
    return trans.__('Coming up');
  }
  return version.was_deployed ? trans.__('Ran before') : trans.__('Never ran');
}
