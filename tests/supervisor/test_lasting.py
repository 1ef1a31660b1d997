"""Processes that outlive the server: known by id, start and mark, ended with all that they started."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jupyter_wallaroo.supervisor import process_table
from jupyter_wallaroo.supervisor.lasting import LastingProcess
from jupyter_wallaroo.types.process import Identity

LIMIT_S = 30.0
SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
MARK = "KERNEL_WALLAROO_SESSION=00000000-test"
VARIABLES = {"KERNEL_WALLAROO_SESSION": "00000000-test", "PATH": os.environ["PATH"]}


def started(directory: Path, command: list[str] = SLEEP) -> LastingProcess:
    return LastingProcess.start(command, directory=directory, variables=VARIABLES, log=directory / "log")


def until(is_so: Callable[[], Any]) -> Any:
    last = time.monotonic() + LIMIT_S
    while not (found := is_so()):
        assert time.monotonic() < last
        time.sleep(0.01)
    return found


def test_it_is_adopted_by_id_start_and_mark_together(tmp_path: Path) -> None:
    """An id that was given to somebody else, and a process without the mark, are not taken for ours."""

    async def run() -> None:
        process = started(tmp_path)
        own = process.identity
        try:
            assert LastingProcess.adopt(Identity(own.pid, own.started + 1), MARK) is None
            assert LastingProcess.adopt(own, MARK + "x") is None
            assert LastingProcess.adopt(Identity(2**22 + 1, 1), MARK) is None
            until(lambda: process_table.carries(own.pid, MARK))  # what it is before it executes the program is a copy
            adopted = LastingProcess.adopt(own, MARK)
            assert adopted is not None and adopted.is_alive
            adopted.send(signal.SIGKILL)
            await asyncio.wait_for(asyncio.gather(process.wait(), adopted.wait()), LIMIT_S)
            assert (process.exit_status, adopted.exit_status) == (-signal.SIGKILL, None)
            assert not process.is_alive and not adopted.is_alive
            adopted.release()
            assert LastingProcess.adopt(own, MARK) is None
        finally:
            process_table.send(own, signal.SIGKILL)
            await process.wait()
            process.release()
            process.release()

    asyncio.run(run())


def test_it_goes_on_when_whoever_started_it_is_killed(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, signal, sys\nfrom pathlib import Path\nfrom tests.supervisor.test_lasting import started\n"
        "async def run():\n    process = started(Path(sys.argv[1]))\n    print(process.identity.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\nasyncio.run(run())"
    )
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    parent = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        check=False,
    )
    assert parent.returncode == -signal.SIGKILL, parent.stderr
    child = until(lambda: process_table.identity(int(parent.stdout)))
    try:
        until(lambda: (tmp_path / "log").read_text() == "up\n")
        assert process_table.family(MARK) == {child}
    finally:
        process_table.send(child, signal.SIGKILL)
    until(lambda: process_table.identity(child.pid) is None)


def test_a_family_is_all_that_carries_the_mark_and_all_that_it_started(tmp_path: Path) -> None:
    """Also what forgot its environment; a branch can be left out; a signal meets nobody who has the id by now."""
    forgetful = (
        "import subprocess, time; subprocess.Popen(['sleep', '600'], env={}, start_new_session=True); time.sleep(600)"
    )

    async def run() -> None:
        process = started(tmp_path, [sys.executable, "-c", forgetful])
        try:
            family = until(lambda: len(found := process_table.family(MARK)) == 2 and found)
            (child,) = family - {process.identity}
            assert not process_table.carries(child.pid, MARK)
            assert process_table.family(MARK, besides=process.identity) == set()
            process_table.send(Identity(child.pid, child.started - 1), signal.SIGKILL)
            assert process_table.is_alive(child)
        finally:
            for item in process_table.family(MARK):
                process_table.send(item, signal.SIGKILL)
            await asyncio.wait_for(process.wait(), LIMIT_S)
            process.release()
        until(lambda: process_table.family(MARK) == set())

    asyncio.run(run())


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    async def run() -> None:
        started(tmp_path, ["/no/such/program"])

    with pytest.raises(FileNotFoundError):
        asyncio.run(run())
