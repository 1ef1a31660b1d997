"""``%%wl task`` and ``%wl task …``: a cell that the server runs, once, on a schedule or all the time."""

from __future__ import annotations

from jupyter_wallaroo.errors import DeadlineExceeded
from jupyter_wallaroo.magics import connection_details, listings, task_cell
from jupyter_wallaroo.magics.listings import SHOWN_UUID, firing
from jupyter_wallaroo.magics.parser import Live, Parser
from jupyter_wallaroo.magics.results import Table
from jupyter_wallaroo.magics.states import marked
from jupyter_wallaroo.magics.task_words import label, named, say_end
from jupyter_wallaroo.magics.usage import usage
from jupyter_wallaroo.magics.verb import Call, Verb
from jupyter_wallaroo.sdk import task as tasks
from jupyter_wallaroo.sdk.orchestration import Orchestration
from jupyter_wallaroo.sdk.task import Task
from jupyter_wallaroo.sdk.task_run import LogLines
from jupyter_wallaroo.sdk.waiting import wait_until

DEFAULT_LINES = 100
SHOWN_FIRINGS = 3
MARGIN_S = 60.0
"""How much longer than its own time limit a run is waited for: it may have to wait for others."""
KILL_LIMIT_S = 30.0
_PAUSED = ("paused", "pending_pause")


# ---------------------------------------------------------------- a cell


def _configure(parser: Parser) -> None:
    parser.live("name", Live.TASK, metavar="NAME", help="what to call it")
    parser.add_argument(
        "--schedule", metavar="CRON", help="run it then, as '0 6 * * 1-5': minute hour day month weekday"
    )
    parser.add_argument("--time-zone", metavar="ZONE", help="of the schedule, as Europe/Berlin; default: the server's")
    parser.add_argument("--continuous", action="store_true", help="run it all the time, started again when it ends")
    parser.add_argument(
        "--requirements", metavar="'PKG …'", action="append", default=[], help="what to install, as 'polars==1.9 httpx'"
    )
    parser.add_argument(
        "--arg", metavar="KEY=VALUE", action="append", default=[], help="what wl.task_args() gives; VALUE may be JSON"
    )
    parser.add_argument("--timeout", type=int, metavar="S", help="seconds after which a run is ended")
    parser.add_argument("--replace", action="store_true", help="kill the tasks of this name that still run or fire")
    parser.add_argument("--no-wait", action="store_true", help="do not wait until the run has ended")


def _make(call: Call) -> Task:
    args = call.args
    assert call.cell is not None
    if args.continuous and (args.schedule or args.timeout):
        raise usage("%%wl task: --continuous goes with neither --schedule nor --timeout.")
    if args.time_zone and not args.schedule:
        raise usage("%%wl task: --time-zone is of a --schedule.")
    arguments = connection_details.parse(args.arg)
    task_cell.check(call.cell)
    wanted = [word for text in args.requirements for word in text.split()]
    others = [item for item in call.client.list_tasks() if item.name() == args.name and _is_alive(item)]
    orchestration = task_cell.orchestrated(call, args.name, task_cell.archive(call.cell, wanted))
    made = _started(call, orchestration, arguments)
    _of_before(call, others)
    if args.schedule:
        firings = ", ".join(firing(moment) for moment in made.next_firings()[:SHOWN_FIRINGS])
        call.say(f"{args.name}: fires next {firings}")
    elif args.continuous:
        call.say(f"{args.name}: runs all the time. %wl task logs {args.name} shows what it prints.")
    elif not args.no_wait:
        _wait(call, made)
    return made.refresh()


def _started(call: Call, orchestration: Orchestration, arguments: dict[str, object]) -> Task:
    args = call.args
    if args.schedule:
        return orchestration.run_scheduled(
            args.name, args.schedule, arguments, timeout=args.timeout, time_zone=args.time_zone
        )
    if args.continuous:
        return orchestration.run_continuously(args.name, arguments)
    return orchestration.run_once(args.name, arguments, timeout=args.timeout)


def _of_before(call: Call, others: list[Task]) -> None:
    """Kill what the same cell made before, or say that it goes on."""
    if call.args.replace:
        for item in others:
            item.kill()
    elif others:
        ids = ", ".join(item.id()[:SHOWN_UUID] for item in others)
        call.say(f"Made before with the same name, and goes on: {ids}. --replace, or %wl task kill ID, ends that.")


def _wait(call: Call, task: Task) -> None:
    limit_s = tasks.WAIT_LIMIT_S if call.args.timeout is None else call.args.timeout + MARGIN_S
    goes_on = f"{label(task)}: goes on. %wl task logs {label(task)} shows what it prints, %wl task kill ends it."
    try:
        run = task.wait(limit_s)
    except DeadlineExceeded:
        call.say(goes_on)
    except KeyboardInterrupt:
        call.say(goes_on)
        raise
    else:
        say_end(call, task, run)


# ---------------------------------------------------------------- what there is


def _configure_name(parser: Parser) -> None:
    parser.live(
        "name", Live.TASK, metavar="NAME|ID", help="a name, of several tasks the newest; or how the UUID begins"
    )


def _list(call: Call) -> Table[Task]:
    return listings.tasks(call.client.list_tasks())


def _configure_logs(parser: Parser) -> None:
    _configure_name(parser)
    parser.add_argument("--lines", type=int, metavar="N", help=f"the last N; default: {DEFAULT_LINES}")


def _logs(call: Call) -> LogLines:
    task = named(call, call.args.name)
    run = next((run for run in task.last_runs() if run.has_begun()), None)
    if run is None:
        raise usage(f"Task {label(task)!r} has not run yet.", _next(task))
    found = run.logs(limit=DEFAULT_LINES if call.args.lines is None else call.args.lines)
    call.say(f"{label(task)}: {marked(run.known_state())}, run of {listings.minute(run.fire_time())}")
    if call.args.lines is None and len(found) == DEFAULT_LINES:
        call.say(f"These are the last {DEFAULT_LINES} lines; --lines N shows more.")
    return found


def _kill(call: Call) -> Task:
    task = named(call, call.args.name, _is_alive)
    if task.kill() == "pending_kill":
        wait_until(f"Waiting until {label(task)} has ended", lambda: task.status() != "pending_kill", KILL_LIMIT_S)
    call.say(f"{label(task)}: {marked(task.known_status())}")
    return task


def _pause(call: Call) -> Task:
    task = named(call, call.args.name, Task.known_active)
    task.pause()
    call.say(f"{label(task)}: {marked(task.known_status())}. %wl task resume {label(task)} has it go on.")
    return task


def _resume(call: Call) -> Task:
    task = named(call, call.args.name, lambda item: item.known_status() in _PAUSED)
    task.resume()
    call.say(f"{label(task)}: {marked(task.known_status())}. {_next(task)}")
    return task


def _is_alive(task: Task) -> bool:
    return task.known_active() or task.known_status() in _PAUSED


def _next(task: Task) -> str:
    return next((f"It fires next {firing(moment)}." for moment in task.known_firings()), "")


VERB = Verb(
    "task",
    "have the server run a cell, once or on a schedule; show, pause or kill such tasks",
    _make,
    _configure,
    cell="Python, which becomes the main.py of an orchestration",
    needs_cell=True,
    examples=(
        "%%wl task nightly --schedule '0 3 * * *' --time-zone Europe/Berlin --arg pipeline=fraud",
        "import wallaroo",
        "wl = wallaroo.Client()",
        "print(wl.get_pipeline(wl.task_args()['pipeline']).logs(limit=10))",
    ),
    verbs=(
        Verb("ls", "list the tasks of the workspace", _list),
        Verb(
            "logs",
            "what the newest run of a task printed",
            _logs,
            _configure_logs,
            examples=("%wl task logs nightly --lines 500",),
        ),
        Verb("pause", "have a scheduled or continuous task rest", _pause, _configure_name),
        Verb("resume", "have a paused task go on", _resume, _configure_name),
        Verb("kill", "have a task never run again, and end its run", _kill, _configure_name),
    ),
)
