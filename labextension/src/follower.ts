/**
 * Waits for a deployment to be as it was asked to be, by Jupyter's events.
 */
import { ISignal, Signal } from '@lumino/signaling';

import { IDeploymentEvent, IEvent, isDeploymentEvent } from './events';
import { Rest } from './rest';
import { IPipeline } from './wire';

/** How a deployment is: what its events and the overview of pipelines both say. */
export type IDeployed = Pick<
  IDeploymentEvent,
  'status' | 'replicas_running' | 'replicas_wanted' | 'reason'
> & {
  readonly pipeline_id: number;
  readonly pipeline_version: string | null;
};

/** How long no event may come before the server is asked, in milliseconds. */
const SILENCE_MS = 15_000;

export class Follower {
  constructor(private readonly rest: Rest) {}

  /** Take in an event of Jupyter's. */
  hear(event: IEvent): void {
    if (isDeploymentEvent(event)) {
      this.told.emit(event);
    }
  }

  /**
   * Do something, and wait until a pipeline's deployment is as wanted.
   *
   * @param act - what is done; returns the pipeline's id. Events that come while it runs count.
   * @param isDone - whether this is how it should be; throws when it never will be.
   */
  async after(
    act: () => Promise<number>,
    isDone: (deployed: IDeployed) => boolean
  ): Promise<void> {
    const heard: IDeployed[] = [];
    let wake = (): void => undefined;
    const listen = (_: unknown, event: IDeployed): void => {
      heard.push(event);
      wake();
    };
    const told: ISignal<this, IDeployed> = this.told;
    told.connect(listen);
    try {
      const pipelineId = await act();
      for (;;) {
        while (heard.length > 0) {
          const event = heard.shift();
          if (event?.pipeline_id === pipelineId && isDone(event)) {
            return;
          }
        }
        const isSilent = await new Promise<boolean>(resolve => {
          wake = () => resolve(false);
          window.setTimeout(() => resolve(true), SILENCE_MS);
        });
        if (isSilent) {
          const known = await this.rest.post<{ pipelines: IPipeline[] }>(
            'pipelines/overview',
            {}
          );
          heard.push(...known.pipelines);
        }
      }
    } finally {
      told.disconnect(listen);
    }
  }

  private readonly told = new Signal<this, IDeployed>(this);
}
