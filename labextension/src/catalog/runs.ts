/**
 * Runs of step graphs in the tree: the newest ones.
 */
import { TranslationBundle } from '@jupyterlab/translation';

import { IEvent, isRunEvent } from '../events';
import { Rest } from '../rest';
import { IListedRun, Outcome, StepStatus } from '../wire';
import { IItem, INoun, State } from './noun';

export const RUN = 'run';

/** How many runs are read; older ones are found by their id. */
const MOST_RUNS = 200;

/** A run with how far it is. */
export interface IRunItem extends IItem {
  readonly run: IRunFacts;
}

type IRunFacts = Pick<
  IListedRun,
  'id' | 'name' | 'workspace_id' | 'status' | 'outcome' | 'reason'
>;

export class Runs implements INoun {
  readonly kind = RUN;
  readonly isNewestFirst = true;

  constructor(private readonly trans: TranslationBundle) {}

  get label(): string {
    return this.trans.__('Run');
  }

  get heading(): string {
    return this.trans.__('Runs');
  }

  async fetch(rest: Rest, workspaceId: number): Promise<readonly IItem[]> {
    const found = await rest.get<{ runs: IListedRun[] }>(
      `runs?workspace_id=${workspaceId}&limit=${MOST_RUNS}`
    );
    return found.runs.map(run => runItem(run, this.trans));
  }

  hear(event: IEvent, workspaceId: number): IItem | null {
    if (!isRunEvent(event) || event.workspace_id !== workspaceId) {
      return null;
    }
    const { run_id: id, run: name } = event;
    return runItem({ ...event, id, name }, this.trans);
  }
}

/** A run as the tree shows it. */
export function runItem(run: IRunFacts, trans: TranslationBundle): IRunItem {
  return {
    kind: RUN,
    workspaceId: run.workspace_id,
    key: run.id,
    name: run.name ?? run.id.slice(0, 8),
    state: stepState(shown(run)),
    detail: stepText(shown(run), trans),
    hint: run.reason ?? run.id,
    run
  };
}

/** How a run is: a run that has ended says by its outcome how it went. */
export function shown(run: {
  readonly status: StepStatus;
  readonly outcome: Outcome | null;
}): StepStatus {
  switch (run.outcome) {
    case 'ok':
      return 'SUCCESS';
    case 'failed':
      return 'FAILURE';
    case 'aborted':
      return 'ABORTED';
    default:
      return run.status;
  }
}

/** The icon's state for a run or a step. */
export function stepState(status: StepStatus): State {
  switch (status) {
    case 'PENDING':
      return 'waiting';
    case 'STARTED':
      return 'starting';
    case 'SUCCESS':
      return 'done';
    case 'FAILURE':
      return 'error';
    default:
      return 'stopped';
  }
}

/** The words for how a run or a step is. */
export function stepText(status: StepStatus, trans: TranslationBundle): string {
  switch (status) {
    case 'PENDING':
      return trans.__('Waiting');
    case 'STARTED':
      return trans.__('Running');
    case 'SUCCESS':
      return trans.__('Succeeded');
    case 'FAILURE':
      return trans.__('Failed');
    case 'ABORTED':
      return trans.__('Aborted');
    default:
      return status;
  }
}
