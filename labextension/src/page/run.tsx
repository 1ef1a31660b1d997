/**
 * The page of a run: its graph with how each step is, and what the chosen step left.
 */
import React, { useState } from 'react';

import { IRunItem, RUN, runItem, stepState, stepText } from '../catalog/runs';
import { isRunEvent, isRunStepEvent } from '../events';
import { Graph, INodeFacts } from '../graph/graph';
import { IWallaroo } from '../tokens';
import { IVerb } from '../verbs/verb';
import { IRun, IStep } from '../wire';
import { Head } from './head';
import { useEvents, useNow, useRead } from './hooks';
import { duration, moment } from './moment';
import { IPageArgs, Page } from './page';
import { Section } from './section';
import { IOpening, StepSection } from './step';

export class RunPage extends Page {
  constructor(
    wallaroo: IWallaroo,
    args: IPageArgs,
    private readonly verbs: readonly IVerb<IRunItem>[],
    private readonly opening: IOpening
  ) {
    super(wallaroo, args, RUN, wallaroo.trans.__('Run %1', args.name));
  }

  protected content(): JSX.Element {
    return (
      <RunView
        wallaroo={this.wallaroo}
        id={this.args.key}
        verbs={this.verbs}
        opening={this.opening}
        turn={this.wallaroo.catalog.turn}
        isVisible={this.isAttending}
      />
    );
  }
}

function RunView(props: {
  readonly wallaroo: IWallaroo;
  readonly id: string;
  readonly verbs: readonly IVerb<IRunItem>[];
  readonly opening: IOpening;
  /** Different whenever events may have been missed. */
  readonly turn: number;
  readonly isVisible: boolean;
}): JSX.Element {
  const { wallaroo, id, isVisible } = props;
  const { rest, trans } = wallaroo;
  const read = useRead<IRun>(() => rest.get(`runs/${id}`), isVisible, [
    id,
    props.turn
  ]);
  useEvents(
    wallaroo.events,
    event =>
      (isRunEvent(event) || isRunStepEvent(event)) && event.run_id === id,
    read.again,
    isVisible
  );
  const [chosen, setChosen] = useState<string | null>(null);
  const run = read.value;
  const goesOn = run !== null && run.ended_at === null;
  const now = useNow(isVisible && goesOn);
  if (run === null) {
    return (
      <p className="jp-wallaroo-note" role="status">
        {read.error ?? trans.__('Reading…')}
      </p>
    );
  }
  const item = runItem(run, trans);
  const ended = run.steps.filter(step => step.ended_at !== null).length;
  const nodes = nodesOf(run, wallaroo, now);
  return (
    <div className="jp-wallaroo-view">
      <Head
        item={item}
        words={item.detail}
        beside={
          <span className="jp-wallaroo-aside">
            {trans.__('%1 of %2 steps ended', ended, run.steps.length)}
            {' · '}
            {timeText(run, wallaroo, now)}
          </span>
        }
        verbs={props.verbs}
        trans={trans}
      />
      {(run.reason ?? read.error) !== null && (
        <p className="jp-wallaroo-problem" role="alert">
          {run.reason ?? read.error}
        </p>
      )}
      <Section title={trans.__('Steps')}>
        <Graph
          label={trans.__('Steps')}
          nodes={nodes}
          chosen={chosen}
          onChoose={setChosen}
        />
      </Section>
      {chosen === null ? (
        <p className="jp-wallaroo-note">
          {trans.__('Choose a step to see what it printed and left.')}
        </p>
      ) : (
        <StepSection
          key={chosen}
          wallaroo={wallaroo}
          opening={props.opening}
          run={run}
          stepKey={chosen}
          isVisible={isVisible}
        />
      )}
    </div>
  );
}

function timeText(run: IRun, { trans }: IWallaroo, now: number): string {
  if (run.started_at === null) {
    return trans.__('submitted %1', moment(run.created_at));
  }
  const time = duration(run.started_at, run.ended_at, now);
  return run.ended_at === null
    ? trans.__('for %1 so far', time)
    : trans.__('took %1', time);
}

function nodesOf(
  run: IRun,
  { trans }: IWallaroo,
  now: number
): readonly INodeFacts[] {
  const executed = new Map(run.steps.map(step => [step.key, step]));
  return Object.entries(run.definition.steps).map(([key, { parents }]) => ({
    key,
    parents: parents ?? [],
    needs: parents?.length ? trans.__('needs %1', parents.join(', ')) : '',
    ...lookOf(executed.get(key))
  }));

  function lookOf(step: IStep | undefined): Pick<INodeFacts, 'state' | 'words' | 'took'> {
    return step === undefined
      ? { state: 'off', words: trans.__('Not in this run'), took: '' }
      : {
          state: stepState(step.status),
          words: stepText(step.status, trans),
          took:
            step.started_at === null
              ? ''
              : duration(step.started_at, step.ended_at, now)
        };
  }
}
