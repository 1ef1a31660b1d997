/**
 * Pipelines in the tree.
 */
import { TranslationBundle } from '@jupyterlab/translation';

import { IEvent, isDeploymentEvent, isPipelineEvent } from '../events';
import { Rest } from '../rest';
import { IPipeline, Status } from '../wire';
import { IGone, IItem, INoun, State } from './noun';

export const PIPELINE = 'pipeline';

/** A pipeline with all that is known of it. */
export interface IPipelineItem extends IItem {
  readonly pipeline: IPipeline;
}

export function isPipelineItem(item: IItem): item is IPipelineItem {
  return item.kind === PIPELINE;
}

/** The words for a status. */
export function statusText(status: Status, trans: TranslationBundle): string {
  switch (status) {
    case 'Running':
      return trans.__('Running');
    case 'Starting':
      return trans.__('Starting');
    case 'Error':
      return trans.__('Error');
    default:
      return trans.__('Not deployed');
  }
}

/** The icon's state for a status; one that is not known is shown as not deployed. */
export function stateOf(status: Status): State {
  switch (status) {
    case 'Running':
      return 'running';
    case 'Starting':
      return 'starting';
    case 'Error':
      return 'error';
    default:
      return 'off';
  }
}

export class Pipelines implements INoun {
  readonly kind = PIPELINE;
  readonly isNewestFirst = false;

  constructor(private readonly trans: TranslationBundle) {}

  get label(): string {
    return this.trans.__('Pipeline');
  }

  get heading(): string {
    return this.trans.__('Pipelines');
  }

  async fetch(rest: Rest, workspaceId: number): Promise<readonly IItem[]> {
    const found = await rest.post<{ pipelines: IPipeline[] }>(
      'pipelines/overview',
      { workspace_id: workspaceId }
    );
    return found.pipelines.map(pipeline => this.item(pipeline));
  }

  hear(
    event: IEvent,
    workspaceId: number,
    known: ReadonlyMap<string, IItem>
  ): IItem | IGone | null {
    if (isPipelineEvent(event) && event.workspace_id === workspaceId) {
      const { pipeline_id, pipeline, version } = event;
      if (event.action === 'removed') {
        return { key: String(pipeline_id), isGone: true };
      }
      const before = this.before(known, pipeline_id) ?? {
        pipeline_id,
        pipeline,
        workspace_id: workspaceId,
        ...UNDEPLOYED
      };
      return this.item({ ...before, version });
    }
    if (isDeploymentEvent(event)) {
      const before = this.before(known, event.pipeline_id);
      return before === null ? null : this.item(after(before, event));
    }
    return null;
  }

  private before(
    known: ReadonlyMap<string, IItem>,
    pipelineId: number
  ): IPipeline | null {
    const found = known.get(String(pipelineId));
    return found !== undefined && isPipelineItem(found) ? found.pipeline : null;
  }

  private item(pipeline: IPipeline): IPipelineItem {
    const { status, replicas_running, replicas_wanted, reason } = pipeline;
    const words = statusText(status, this.trans);
    const isWhole = replicas_running === replicas_wanted;
    return {
      kind: PIPELINE,
      workspaceId: pipeline.workspace_id,
      key: String(pipeline.pipeline_id),
      name: pipeline.pipeline,
      state: stateOf(status),
      detail:
        status === 'Undeployed' || (isWhole && replicas_wanted === 1)
          ? words
          : `${words} ${replicas_running}/${replicas_wanted}`,
      hint: reason ?? '',
      pipeline
    };
  }
}

const UNDEPLOYED = {
  status: 'Undeployed',
  deployment_id: null,
  deployment: null,
  pipeline_version: null,
  replicas_running: 0,
  replicas_wanted: 0,
  reason: null
} as const;

function after(before: IPipeline, event: IPipelineNews): IPipeline {
  if (event.status === 'Undeployed') {
    // A deployment under another name may have ended; what runs now goes on.
    return before.deployment_id === event.deployment_id
      ? { ...before, ...UNDEPLOYED }
      : before;
  }
  return {
    ...before,
    status: event.status,
    deployment_id: event.deployment_id,
    deployment: event.deployment,
    pipeline_version: event.pipeline_version,
    replicas_running: event.replicas_running,
    replicas_wanted: event.replicas_wanted,
    reason: event.reason
  };
}

type IPipelineNews = Pick<
  IPipeline,
  'status' | 'replicas_running' | 'replicas_wanted' | 'reason'
> & {
  readonly deployment_id: number;
  readonly deployment: string;
  readonly pipeline_version: string;
};
