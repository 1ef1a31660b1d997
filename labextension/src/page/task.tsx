/**
 * The page of a task: when it runs, how its runs went, and what they printed.
 */
import React, { useState } from 'react';

import {
  ITaskItem,
  runTypeText,
  TASK,
  taskItem,
  taskRunState,
  taskRunText
} from '../catalog/tasks';
import { isTaskEvent, isTaskRunEvent } from '../events';
import { StateIcon } from '../stateicon';
import { IWallaroo } from '../tokens';
import { IVerb } from '../verbs/verb';
import { ITask, ITaskRun } from '../wire';
import { Head } from './head';
import { useEvents, useNow, usePeriod, useRead } from './hooks';
import { duration, moment } from './moment';
import { IPageArgs, Page } from './page';
import { logText } from './printed';
import { Printout } from './printout';
import { Section, Wide } from './section';

/** How many runs and how many lines of a log are read. */
const MOST_RUNS = 50;
const MOST_LINES = 1000;

export class TaskPage extends Page {
  constructor(
    wallaroo: IWallaroo,
    args: IPageArgs,
    private readonly verbs: readonly IVerb<ITaskItem>[]
  ) {
    super(wallaroo, args, TASK, wallaroo.trans.__('Task %1', args.name));
  }

  protected content(): JSX.Element {
    return (
      <TaskView
        wallaroo={this.wallaroo}
        id={this.args.key}
        verbs={this.verbs}
        turn={this.wallaroo.catalog.turn}
        isVisible={this.isAttending}
      />
    );
  }
}

function TaskView(props: {
  readonly wallaroo: IWallaroo;
  readonly id: string;
  readonly verbs: readonly IVerb<ITaskItem>[];
  /** Different whenever events may have been missed. */
  readonly turn: number;
  readonly isVisible: boolean;
}): JSX.Element {
  const { wallaroo, id, isVisible } = props;
  const { rest, trans } = wallaroo;
  const read = useRead<ITask>(
    () => rest.post('task/get_by_id', { id, run_limit: MOST_RUNS }),
    isVisible,
    [id, props.turn]
  );
  useEvents(
    wallaroo.events,
    event =>
      (isTaskEvent(event) || isTaskRunEvent(event)) && event.task_id === id,
    read.again,
    isVisible
  );
  const [chosen, setChosen] = useState<string | null>(null);
  const task = read.value;
  if (task === null) {
    return (
      <p className="jp-wallaroo-note" role="status">
        {read.error ?? trans.__('Reading…')}
      </p>
    );
  }
  const item = taskItem(task, trans);
  const run =
    task.last_runs.find(({ run_id }) => run_id === chosen) ??
    task.last_runs.find(({ started_at }) => started_at !== null);
  return (
    <div className="jp-wallaroo-view">
      <Head item={item} words={item.detail} verbs={props.verbs} trans={trans} />
      {read.error !== null && (
        <p className="jp-wallaroo-problem" role="alert">
          {read.error}
        </p>
      )}
      <div className="jp-wallaroo-columns">
        <div>
          <Facts wallaroo={wallaroo} task={task} />
          <RunList
            wallaroo={wallaroo}
            runs={task.last_runs}
            chosen={run?.run_id ?? null}
            isVisible={isVisible}
            onChoose={setChosen}
          />
        </div>
        <div>
          <Log wallaroo={wallaroo} run={run ?? null} isVisible={isVisible} />
        </div>
      </div>
    </div>
  );
}

function Facts({
  wallaroo: { trans },
  task
}: {
  readonly wallaroo: IWallaroo;
  readonly task: ITask;
}): JSX.Element {
  return (
    <Section title={trans.__('When it runs')}>
      <dl className="jp-wallaroo-facts">
        <dt>{trans.__('Kind')}</dt>
        <dd>{runTypeText(task.run_type, trans)}</dd>
        {task.schedule !== null && (
          <>
            <dt>{trans.__('Schedule')}</dt>
            <dd>
              <code>{task.schedule}</code> {task.time_zone}
            </dd>
            <dt>{trans.__('Next')}</dt>
            <dd>
              {task.next_firings.length === 0
                ? trans.__('It does not fire any more.')
                : task.next_firings.map(firing => (
                    <div key={firing}>{moment(firing)}</div>
                  ))}
            </dd>
          </>
        )}
        {task.timeout !== null && (
          <>
            <dt>{trans.__('Time limit')}</dt>
            <dd>{trans.__('%1 s', task.timeout)}</dd>
          </>
        )}
        <dt>{trans.__('Arguments')}</dt>
        <dd>
          <code>{JSON.stringify(task.input_data)}</code>
        </dd>
      </dl>
    </Section>
  );
}

function RunList(props: {
  readonly wallaroo: IWallaroo;
  readonly runs: readonly ITaskRun[];
  readonly chosen: string | null;
  readonly isVisible: boolean;
  readonly onChoose: (runId: string) => void;
}): JSX.Element {
  const { runs, chosen } = props;
  const { trans } = props.wallaroo;
  const now = useNow(props.isVisible && runs.some(isUnderWay));
  return (
    <Section title={trans.__('Runs')}>
      {runs.length === 0 ? (
        <p className="jp-wallaroo-note">{trans.__('It did not run yet.')}</p>
      ) : (
        <Wide label={trans.__('Runs')}>
          <table className="jp-wallaroo-table">
            <thead>
              <tr>
                <th scope="col">{trans.__('State')}</th>
                <th scope="col">{trans.__('Due')}</th>
                <th scope="col">{trans.__('Took')}</th>
                <th scope="col">{trans.__('Actions')}</th>
              </tr>
            </thead>
            <tbody>
              {runs.map(run => (
                <tr key={run.run_id} aria-current={run.run_id === chosen}>
                  <td>
                    <span className="jp-wallaroo-status">
                      <StateIcon state={taskRunState(run.state)} />
                      {taskRunText(run.state, trans)}
                    </span>
                    {run.reason !== null && (
                      <div className="jp-wallaroo-more">{run.reason}</div>
                    )}
                  </td>
                  <td>
                    {moment(run.fire_time)}
                    {run.missed > 0 && (
                      <div className="jp-wallaroo-more">
                        {trans._n(
                          'late: it stands for %1 firing that was missed',
                          'late: it stands for %1 firings that were missed',
                          run.missed
                        )}
                      </div>
                    )}
                  </td>
                  <td>
                    {duration(
                      run.started_at,
                      isUnderWay(run) ? null : run.updated_at,
                      now
                    )}
                  </td>
                  <td className="jp-wallaroo-actions">
                    {run.started_at !== null && (
                      <button
                        className="jp-wallaroo-button"
                        aria-pressed={run.run_id === chosen}
                        aria-label={trans.__(
                          'Log of the run due %1',
                          moment(run.fire_time)
                        )}
                        onClick={() => props.onChoose(run.run_id)}
                      >
                        {trans.__('Log')}
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Wide>
      )}
    </Section>
  );
}

function isUnderWay({ state }: ITaskRun): boolean {
  return state === 'running' || state === 'queued';
}

/** What a run printed; it is read again while the run goes on, since no event tells of a line. */
function Log(props: {
  readonly wallaroo: IWallaroo;
  readonly run: ITaskRun | null;
  readonly isVisible: boolean;
}): JSX.Element {
  const { run, isVisible } = props;
  const { rest, trans, settings } = props.wallaroo;
  const read = useRead<string>(
    async () => {
      if (run === null) {
        return '';
      }
      const found = await rest.post<{ logs: string[] }>(
        'task/get_logs_for_run',
        { id: run.run_id, lines: MOST_LINES }
      );
      return logText(found.logs);
    },
    isVisible,
    [run?.run_id, run?.state]
  );
  const goesOn = run !== null && isUnderWay(run);
  usePeriod(read.again, settings.refreshPeriod_s, isVisible && goesOn);
  return (
    <Section
      title={trans.__('Log')}
      error={read.error}
      className="jp-wallaroo-log"
      beside={
        <span className="jp-wallaroo-aside">
          {run !== null && trans.__('run due %1', moment(run.fire_time))}
        </span>
      }
    >
      {read.value ? (
        <Printout label={trans.__('Log')} text={read.value} />
      ) : (
        <p className="jp-wallaroo-note">
          {run === null
            ? trans.__('Nothing was printed: it did not run yet.')
            : trans.__('Nothing was printed yet.')}
        </p>
      )}
    </Section>
  );
}
