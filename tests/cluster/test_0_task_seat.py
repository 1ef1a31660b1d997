"""Runs of tasks in a seat of their own, without a cluster: what the agent and the seat do with each other."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from jupyter_wallaroo.cluster.task_run import LOST_REASON, TaskRun
from jupyter_wallaroo.types.cluster import Demand, SeatAddress, SeatRequest, TaskRequest
from jupyter_wallaroo.types.task_process import Ending, TaskEnd, TaskLimits, TaskOrder
from tests.tasking import archive

SECRET = os.urandom(32)
PROGRAM = """
import sys, threading
from jupyter_wallaroo import __version__
from jupyter_wallaroo.cluster.seat import Seat
print(Seat(bytes.fromhex(sys.argv[1]), __version__, "127.0.0.1").port, flush=True)
threading.Event().wait()
"""
WAITS = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(1000)"
LIMIT_S = 60.0


@pytest.fixture
def seat(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process with a seat, as an actor has; it says its port."""
    command = [sys.executable, "-c", PROGRAM, SECRET.hex()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(tmp_path)}) as it:
        yield it
        it.kill()


def run(
    seat: subprocess.Popen[str],
    tmp_path: Path,
    main: str,
    then: Callable[[TaskRun], object] = lambda _: None,
    **facts: object,
) -> tuple[TaskEnd, str]:
    """Return how a run ended and what it printed; ``then`` is called with it once it printed something."""
    body = archive(main)
    (tmp_path / "archive").write_bytes(body)
    log = tmp_path / "log"
    order = TaskOrder(
        run_id="run",
        arguments={"a": [1]},
        credentials=b"{}",
        archive=str(tmp_path / "archive"),
        archive_sha=hashlib.sha256(body).hexdigest(),
        entry="main.py",
        **{"interpreter": sys.executable, "time_limit_s": 0, "limits": TaskLimits(), "variables": {}, **facts},
    )
    request = TaskRequest(
        seat=SeatRequest(name="run", secret=SECRET, demand=Demand(cpus=1, memory_bytes=0)),
        order=order,
        log=str(log),
        cache_bytes=0,
    )

    async def find_seat() -> SeatAddress:
        assert seat.stdout is not None
        return SeatAddress(host="127.0.0.1", port=int(await asyncio.to_thread(seat.stdout.readline)), node="n")

    async def both() -> TaskEnd:
        begun = TaskRun(request, find_seat)
        running = asyncio.create_task(begun.run())
        while not running.done() and not (log.exists() and log.read_text().endswith("\n")):
            await asyncio.sleep(0.02)
        if not running.done():
            then(begun)
        return await asyncio.wait_for(running, LIMIT_S)

    return asyncio.run(both()), log.read_text()


def assert_gone(pid: int) -> None:
    until = time.monotonic() + LIMIT_S
    while psutil.pid_exists(pid):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_run_ends_and_leaves_nothing(seat: subprocess.Popen[str], tmp_path: Path) -> None:
    """Its log comes whole, its exit code is told, and the seat and its directory go."""
    end, log = run(seat, tmp_path, "print('x' * 100_000)\nraise SystemExit(3)")
    assert (end.ending, end.exit_code) == (Ending.EXITED, 3)
    assert log.count("x") == 100_000
    assert seat.wait(LIMIT_S) == 0
    assert not list(tmp_path.glob("wallaroo-seat-*"))


def test_a_run_that_is_told_to_end(seat: subprocess.Popen[str], tmp_path: Path) -> None:
    end, log = run(seat, tmp_path, WAITS, TaskRun.end)
    assert (end.ending, end.reason) == (Ending.KILLED, "it was killed")
    assert_gone(int(log.split()[-1]))


def test_a_seat_that_is_killed_takes_its_run_with_it(seat: subprocess.Popen[str], tmp_path: Path) -> None:
    """The run is lost, and says of what."""
    end, log = run(seat, tmp_path, WAITS, lambda _: seat.kill())
    assert end == TaskEnd(ending=Ending.LOST, reason=LOST_REASON)
    assert_gone(int(log.split()[-1]))


def test_an_environment_that_the_node_has_not(seat: subprocess.Popen[str], tmp_path: Path) -> None:
    """Said by its path, with what to do."""
    with pytest.raises(Exception, match="/nowhere/bin/python, is not on node"):
        run(seat, tmp_path, "pass", interpreter="/nowhere/bin/python")
