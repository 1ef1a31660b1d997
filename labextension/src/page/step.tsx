/**
 * What one step of a run is, how it went, what it printed, and what it left.
 */
import { Notification } from '@jupyterlab/apputils';
import { Contents } from '@jupyterlab/services';
import { CommandRegistry } from '@lumino/commands';
import React from 'react';

import { stepState, stepText } from '../catalog/runs';
import { StateIcon } from '../stateicon';
import { IWallaroo } from '../tokens';
import { complain } from '../verbs/verb';
import { IRun, IStep, IStepDefinition } from '../wire';
import { useRead } from './hooks';
import { moment } from './moment';
import { plain, printedBy } from './printed';
import { Printout } from './printout';
import { Section } from './section';

/** JupyterLab's command that opens a file. */
const OPEN_FILE = 'docmanager:open';

/** What opens an executed notebook. */
export interface IOpening {
  readonly commands: CommandRegistry;
  readonly contents: Contents.IManager;
}

export function StepSection(props: {
  readonly wallaroo: IWallaroo;
  readonly opening: IOpening;
  readonly run: IRun;
  readonly stepKey: string;
  readonly isVisible: boolean;
}): JSX.Element {
  const { wallaroo, run, stepKey, isVisible } = props;
  const { rest, trans } = wallaroo;
  const step = run.steps.find(item => item.key === stepKey);
  const path = `runs/${run.id}/${encodeURIComponent(stepKey)}`;
  const printed = useRead<string | null>(
    async () =>
      step?.has_notebook === true
        ? printedBy(await rest.get(`${path}/notebook`))
        : null,
    isVisible,
    [path, step?.has_notebook]
  );
  const act = (work: () => Promise<void>): void => {
    work().catch(complain);
  };
  return (
    <Section
      title={stepKey}
      error={printed.error}
      className="jp-wallaroo-log"
      beside={
        <span className="jp-wallaroo-aside">
          {step?.has_notebook === true && (
            <button
              className="jp-wallaroo-button"
              title={trans.__('Save a copy of the executed notebook and open it')}
              onClick={() => act(() => openNotebook(props, path))}
            >
              {trans.__('Open Notebook')}
            </button>
          )}
          <button
            className="jp-wallaroo-button"
            title={trans.__('End this step; those that need it never begin')}
            disabled={step?.status !== 'STARTED'}
            onClick={() =>
              act(async () => {
                await rest.delete(path);
              })
            }
          >
            {trans.__('Abort Step')}
          </button>
        </span>
      }
    >
      <StepFacts
        wallaroo={wallaroo}
        step={step}
        definition={run.definition.steps[stepKey]}
      />
      {step !== undefined && step.outputs.length > 0 && (
        <Outputs
          wallaroo={wallaroo}
          step={step}
          onDownload={(name, fileName) =>
            act(async () =>
              save(
                await rest.blob(`${path}/outputs/${encodeURIComponent(name)}`),
                fileName
              )
            )
          }
        />
      )}
      {step?.traceback != null && (
        <Printout label={trans.__('Traceback')} text={plain(step.traceback)} />
      )}
      {printed.value ? (
        <Printout label={trans.__('Printed')} text={printed.value} />
      ) : (
        printed.value === '' && (
          <p className="jp-wallaroo-note">{trans.__('It printed nothing.')}</p>
        )
      )}
    </Section>
  );
}

function StepFacts({
  wallaroo: { trans },
  step,
  definition
}: {
  readonly wallaroo: IWallaroo;
  readonly step: IStep | undefined;
  readonly definition: IStepDefinition | undefined;
}): JSX.Element {
  const parameters = definition?.parameters ?? {};
  const source = definition?.path ?? definition?.pipeline;
  return (
    <dl className="jp-wallaroo-facts">
      <dt>{trans.__('Status')}</dt>
      <dd>
        {step === undefined ? (
          trans.__('Not in this run')
        ) : (
          <span className="jp-wallaroo-status">
            <StateIcon state={stepState(step.status)} />
            {stepText(step.status, trans)}
          </span>
        )}
        {step?.message != null && (
          <div className="jp-wallaroo-more">{step.message}</div>
        )}
        {step?.reason != null && (
          <div className="jp-wallaroo-more">{plain(step.reason)}</div>
        )}
      </dd>
      <dt>{trans.__('Kind')}</dt>
      <dd>
        {kindText()} {source != null && <code>{source}</code>}
      </dd>
      {(definition?.parents ?? []).length > 0 && (
        <>
          <dt>{trans.__('Needs')}</dt>
          <dd>{definition?.parents?.join(', ')}</dd>
        </>
      )}
      {Object.keys(parameters).length > 0 && (
        <>
          <dt>{trans.__('Parameters')}</dt>
          <dd>
            <code>{JSON.stringify(parameters)}</code>
          </dd>
        </>
      )}
      {step?.started_at != null && (
        <>
          <dt>{trans.__('Began')}</dt>
          <dd>{moment(step.started_at)}</dd>
        </>
      )}
    </dl>
  );

  function kindText(): string {
    switch (definition?.kind) {
      case 'notebook':
        return trans.__('Notebook');
      case 'script':
        return trans.__('Script');
      case 'inference':
        return trans.__('Inference of');
      default:
        return definition?.kind ?? '';
    }
  }
}

function Outputs({
  wallaroo: { trans },
  step,
  onDownload
}: {
  readonly wallaroo: IWallaroo;
  readonly step: IStep;
  readonly onDownload: (name: string, fileName: string) => void;
}): JSX.Element {
  return (
    <table className="jp-wallaroo-table">
      <thead>
        <tr>
          <th scope="col">{trans.__('Output')}</th>
          <th scope="col">{trans.__('Kind')}</th>
          <th scope="col">{trans.__('Bytes')}</th>
          <th scope="col">{trans.__('Actions')}</th>
        </tr>
      </thead>
      <tbody>
        {step.outputs.map(({ name, kind, size_bytes, file_name }) => (
          <tr key={name}>
            <td>
              <code>{name}</code>
            </td>
            <td>{kind}</td>
            <td>{size_bytes.toLocaleString()}</td>
            <td className="jp-wallaroo-actions">
              <button
                className="jp-wallaroo-button"
                aria-label={trans.__('Download %1', name)}
                onClick={() =>
                  onDownload(name, file_name ?? `${name}${ENDINGS[kind] ?? ''}`)
                }
              >
                {trans.__('Download')}
              </button>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const ENDINGS: Readonly<Record<string, string>> = {
  arrow: '.arrow',
  json: '.json',
  bytes: '.bin'
};

/** Save a copy of a step's executed notebook among Jupyter's files, and open it. */
async function openNotebook(
  { wallaroo, opening, run, stepKey }: Parameters<typeof StepSection>[0],
  path: string
): Promise<void> {
  const { rest, trans } = wallaroo;
  const content: unknown = await rest.get(`${path}/notebook`);
  const step = stepKey.replace(/[^\w.-]+/g, '-').slice(0, 60);
  const file = `${step}-${run.id.slice(0, 8)}.ipynb`;
  await opening.contents.save(file, {
    type: 'notebook',
    format: 'json',
    content
  });
  if (opening.commands.hasCommand(OPEN_FILE)) {
    await opening.commands.execute(OPEN_FILE, { path: file });
  } else {
    Notification.success(trans.__('Saved as %1', file), { autoClose: 4000 });
  }
}

/** Have the browser keep a file. */
function save(blob: Blob, fileName: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = fileName;
  link.click();
  URL.revokeObjectURL(link.href);
}
