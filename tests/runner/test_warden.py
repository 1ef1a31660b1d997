"""Runs that misbehave: limits hold, what they print is kept, nothing of them is left (Must show 4, F9)."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_wallaroo.supervisor.task import TaskProcess
from jupyter_wallaroo.supervisor.task_folders import TaskFolders
from jupyter_wallaroo.types.task_process import FOLDER, Ending, TaskEnd, TaskLimits
from tests.tasking import archive, until

MIB = 2**20
SECRET = "a token that must not be seen"
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z stdout F ")


@dataclass
class Done:
    """A run that is over."""

    end: TaskEnd
    lines: list[str]
    took_s: float
    kept: list[str]

    @property
    def text(self) -> str:
        return "\n".join(line.partition(" stdout F ")[2] for line in self.lines)


def marked(folder: Path) -> list[psutil.Process]:
    """Return the processes of a run, wherever they went."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(FOLDER) == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def run(
    tmp_path: Path,
    main: str,
    *,
    time_limit_s: int = 60,
    limits: TaskLimits | None = None,
    meanwhile: Callable[[TaskProcess, Path], Any] | None = None,
    **files: str,
) -> Done:
    """Run a ``main.py`` to its end, and assert that nothing of it is left."""
    folders = TaskFolders(tmp_path / "tasks")
    zipped = tmp_path / "archive.zip"
    zipped.write_bytes(archive(textwrap.dedent(main), **files))

    async def work() -> tuple[TaskEnd, float]:
        folder = folders.make("run", {"a": 1}, f'{{"token": "{SECRET}"}}'.encode())
        begun = time.monotonic()
        process = await TaskProcess.start(
            folder=folder,
            log=folders.log("run"),
            archive=zipped,
            entry="main.py",
            interpreter=sys.executable,
            time_limit_s=time_limit_s,
            limits=limits or TaskLimits(),
            variables={"WALLAROO_TASK_ID": "task"},
        )
        if meanwhile is not None:
            await asyncio.to_thread(meanwhile, process, folder)
        return await process.wait(), time.monotonic() - begun

    end, took_s = asyncio.run(work())
    folder = tmp_path / "tasks" / "work" / "run"
    if end.ending is not Ending.LOST:
        assert marked(folder) == []
    kept = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    lines = folders.lines("run", 1_000_000)
    folders.end("run")
    assert marked(folder) == []
    folders.remove("run")
    assert not folder.exists()
    return Done(end, lines, took_s, kept)


def test_what_a_run_prints_is_kept_line_by_line_with_the_time(tmp_path: Path) -> None:
    done = run(tmp_path, "import sys\nprint('one')\nprint('two', file=sys.stderr)\nprint('three', end='')")
    assert done.end == TaskEnd(ending=Ending.EXITED, exit_code=0)
    assert [LINE.sub("", line) for line in done.lines] == ["one", "two", "three"]


def test_a_failing_run_has_its_traceback_and_nothing_of_ours_in_it(tmp_path: Path) -> None:
    done = run(tmp_path, "def wrong():\n    raise LookupError('no such table')\nwrong()")
    assert (done.end.ending, done.end.exit_code) == (Ending.EXITED, 1)
    assert done.end.reason == "LookupError: no such table"
    assert "Traceback (most recent call last):" in done.text and "in wrong" in done.text
    assert "jupyter_wallaroo" not in done.text and "runpy" not in done.text


@pytest.mark.parametrize(
    ("main", "code", "reason"),
    [
        ("import sys; sys.exit(3)", 3, "exited with status 3"),
        ("import sys; sys.exit('enough')", 1, "exited with status 1"),
        ("import os; os.kill(os.getpid(), 9)", -9, "ended by SIGKILL"),
        ("def broken(:", 1, "SyntaxError: invalid syntax"),
    ],
)
def test_how_a_run_ended_is_told(tmp_path: Path, main: str, code: int, reason: str) -> None:
    done = run(tmp_path, main)
    assert (done.end.ending, done.end.exit_code) == (Ending.EXITED, code)
    assert done.end.reason is not None and done.end.reason.startswith(reason)


def test_files_of_the_archive_do_not_take_the_place_of_what_the_launcher_needs(tmp_path: Path) -> None:
    """SECURITY C10; but the script imports what lies beside it."""
    hijack = "print('hijacked'); raise SystemExit(9)"
    done = run(
        tmp_path,
        "import beside, os, sys\nprint(beside.word, os.path.basename(os.getcwd()), sys.argv[0].endswith('main.py'))",
        json=hijack, sitecustomize=hijack, usercustomize=hijack, msgspec=hijack, runpy=hijack, traceback=hijack,
        beside="word = 'found'",
    )  # fmt: skip
    assert done.end.exit_code == 0
    assert done.text == "found files True"


def test_no_token_is_in_the_environment_or_on_a_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SECURITY B2: only from an allow list; the run's own token is in a file that only its user can read."""
    for name in ("JUPYTER_TOKEN", "JPY_API_TOKEN", "JUPYTERHUB_API_TOKEN", "AWS_SECRET_ACCESS_KEY", "LD_PRELOAD_X"):
        monkeypatch.setenv(name, "of-the-server")
    done = run(
        tmp_path,
        """
        import os, stat
        print(sorted(os.environ), os.environ)
        for pid in (os.getpid(), os.getppid()):
            print(open(f"/proc/{pid}/environ").read(), open(f"/proc/{pid}/cmdline").read())
        path = os.environ["WALLAROO_SDK_CREDENTIALS"]
        print(oct(os.stat(path).st_mode & 0o777), oct(os.stat(os.path.dirname(path)).st_mode & 0o777))
        print(oct(os.stat(".").st_mode & 0o777))
        """,
    )
    assert done.end.exit_code == 0
    assert SECRET not in done.text and "of-the-server" not in done.text and "JUPYTER" not in done.text
    assert done.text.endswith("0o600 0o700\n0o700")


def test_a_run_that_forks_calls_setsid_and_ignores_sigterm_leaves_nothing(tmp_path: Path) -> None:
    """Daemons of daemons come back to the warden, which kills them when the run ends."""
    done = run(
        tmp_path,
        """
        import os, signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for number in range(3):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    os.closerange(0, 3)
                    subprocess.Popen(["sleep", "1000"], start_new_session=True)
                    time.sleep(1000)
                os._exit(0)
        time.sleep(0.5)
        print(len(os.listdir("/proc")) > 0)
        """,
    )
    assert (done.end.ending, done.end.exit_code) == (Ending.EXITED, 0)


def test_a_timeout_ends_what_ignores_it(tmp_path: Path) -> None:
    """SIGTERM first, three seconds to clean up, then SIGKILL for the whole tree."""
    done = run(
        tmp_path,
        """
        import os, signal, subprocess, time
        signal.signal(signal.SIGTERM, lambda *_: print("asked"))
        subprocess.Popen(["sleep", "1000"], start_new_session=True)
        while True: time.sleep(1)
        """,
        time_limit_s=1,
    )
    assert (done.end.ending, done.end.exit_code) == (Ending.TIMED_OUT, -9)
    assert done.end.reason == "it ran for longer than its timeout of 1 s"
    assert done.text == "asked"
    assert done.took_s < 1 + 3 + 5


def test_a_run_that_is_ended_may_clean_up(tmp_path: Path) -> None:
    def end(process: TaskProcess, folder: Path) -> None:
        until((folder / "files" / "ready").exists)
        process.end()

    main = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("cleaned up"))
        open("ready", "w").close()
        time.sleep(1000)
        """
    done = run(tmp_path, main, meanwhile=end)
    assert (done.end.ending, done.end.exit_code, done.text) == (Ending.KILLED, 1, "cleaned up")


def test_a_gigabyte_on_disk_and_a_gigabyte_printed(tmp_path: Path) -> None:
    """The file ends at its limit; the log at its own, with the end of what was printed, and the run is not blocked."""
    done = run(
        tmp_path,
        """
        import os
        with open("large", "wb") as file:
            try:
                for _ in range(1000): file.write(bytes(1_000_000))
            except OSError as error:
                print(error.strerror)
        print(os.path.getsize("large"))
        line = "x" * 99_999
        for _ in range(10_000): print(line)
        print("the end")
        raise SystemExit(7)
        """,
        limits=TaskLimits(file_bytes=64 * MIB, log_bytes=MIB),
        time_limit_s=120,
    )
    assert done.end.exit_code == 7
    assert done.text.startswith(f"File too large\n{64 * MIB}\n")
    assert "[wallaroo: the log has 1048576 bytes and is cut here]" in done.text
    assert "bytes are left out here]" in done.text
    assert done.text.endswith("the end")
    assert len(done.text) < MIB + 300_000
    assert all(LINE.match(line) for line in done.lines)


def test_memory_of_all_its_processes_together_is_bounded(tmp_path: Path) -> None:
    main = """
        import os, time
        for _ in range(3): os.fork()
        held = bytearray(40 * 2**20)
        for at in range(0, len(held), 4096): held[at] = 1
        time.sleep(1000)
        """
    done = run(tmp_path, main, limits=TaskLimits(memory_bytes=128 * MIB))
    assert (done.end.ending, done.end.reason) == (Ending.LIMIT, "it used more than its memory limit of 128 MiB")


def test_a_fork_bomb_is_ended(tmp_path: Path) -> None:
    """Each process waits between forks, so that the test's machine survives a warden that does nothing."""
    main = """
        import os, time
        while True:
            os.fork()
            time.sleep(0.2)
        """
    done = run(tmp_path, main, limits=TaskLimits(processes=40), time_limit_s=20)
    assert done.end.ending in (Ending.LIMIT, Ending.EXITED)
    assert "more than 40 processes" in str(done.end.reason) or "BlockingIOError" in str(done.end.reason)


def test_cpu_time_is_bounded(tmp_path: Path) -> None:
    done = run(tmp_path, "while True: pass", limits=TaskLimits(cpu_s=1))
    assert done.end.exit_code in (-signal.SIGXCPU, -signal.SIGKILL)
    assert "CPU limit of 1 s" in str(done.end.reason)


def test_a_warden_that_is_killed_takes_the_run_with_it_and_leaves_daemons_to_the_sweep(tmp_path: Path) -> None:
    def kill(process: TaskProcess, folder: Path) -> None:
        until((folder / "files" / "ready").exists)
        (warden,) = [item for item in marked(folder) if "jupyter_wallaroo.runner.warden" in item.cmdline()]
        warden.kill()

    main = """
        import os, subprocess, time
        subprocess.Popen(["sleep", "1000"], start_new_session=True)
        open("ready", "w").close()
        time.sleep(1000)
        """
    done = run(tmp_path, main, meanwhile=kill)
    assert done.end.ending is Ending.LOST


def test_an_archive_that_cannot_be_unpacked_is_the_runs_failure(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    done = run(tmp_path / "x", "print('never')", **{"../outside": "escaped"})
    assert done.end.exit_code == 1
    assert "no plain path below it" in str(done.end.reason)
    assert not (tmp_path / "x" / "tasks" / "work" / "outside.py").exists()


def test_a_server_that_dies_takes_wardens_and_runs_with_it(tmp_path: Path) -> None:
    """SIGKILL to what started the warden: everything is gone within five seconds, daemons too."""
    zipped = tmp_path / "archive.zip"
    main = """
        import os, signal, subprocess, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        subprocess.Popen(["nohup", "sleep", "1000"], start_new_session=True)
        open("ready", "w").close()
        time.sleep(1000)
        """
    zipped.write_bytes(archive(textwrap.dedent(main)))
    script = f"""
import asyncio, sys
from pathlib import Path
from jupyter_wallaroo.supervisor.task import TaskProcess
from jupyter_wallaroo.supervisor.task_folders import TaskFolders
from jupyter_wallaroo.types.task_process import TaskLimits
async def work():
    folders = TaskFolders(Path({str(tmp_path / "tasks")!r}))
    process = await TaskProcess.start(folder=folders.make("run", {{}}, b"{{}}"), log=folders.log("run"),
        archive=Path({str(zipped)!r}), entry="main.py", interpreter=sys.executable, time_limit_s=0,
        limits=TaskLimits(), variables={{}})
    await process.wait()
asyncio.run(work())
"""
    folder = tmp_path / "tasks" / "work" / "run"
    server = psutil.Popen([sys.executable, "-c", script])
    try:
        until((folder / "files" / "ready").exists)
        processes = marked(folder)
        assert len(processes) >= 3
    finally:
        server.kill()
        server.wait()
    _, alive = psutil.wait_procs(processes, 5.0)
    assert alive == [] and marked(folder) == []
    TaskFolders(tmp_path / "tasks").sweep()
    assert os.listdir(tmp_path / "tasks" / "work") == []
