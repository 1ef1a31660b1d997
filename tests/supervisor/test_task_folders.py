"""Folders of runs: private, gone when the run is, swept when a server was killed; logs stay until they are forgotten."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from jupyter_wallaroo.supervisor.task_folders import TaskFolders
from jupyter_wallaroo.types.task_process import FOLDER


def test_a_folder_is_private_and_goes(tmp_path: Path) -> None:
    folders = TaskFolders(tmp_path / "tasks")
    folder = folders.make("run", {"a": [1]}, b"secret")
    assert [oct(path.stat().st_mode & 0o777) for path in (folder, folder / "files", folder / "tmp")] == ["0o700"] * 3
    assert oct((folder / "credentials.json").stat().st_mode & 0o777) == "0o600"
    assert (folder / "arguments.json").read_bytes() == b'{"a":[1]}'
    locked = folder / "files" / "locked"
    locked.mkdir()
    (locked / "file").touch()
    locked.chmod(0)
    (folder / "files" / "link").symlink_to(tmp_path)
    folders.remove("run")
    assert not folder.exists() and tmp_path.exists()
    folders.remove("run")


def test_what_is_kept_holds_no_token_and_goes_with_its_log(tmp_path: Path) -> None:
    """The option ``debug``."""
    folders = TaskFolders(tmp_path / "tasks")
    folder = folders.make("run", {}, b"secret")
    (folder / "files" / "result").write_text("42")
    folders.log("run").write_text("a line\n")
    folders.keep("run")
    kept = tmp_path / "tasks" / "kept" / "run"
    assert not folder.exists() and os.listdir(kept) == ["result"]
    assert folders.lines("run", 5) == ["a line"]
    folders.forget(["run", "never"])
    assert folders.lines("run", 5) == [] and not kept.exists()


def test_the_last_lines_of_a_log(tmp_path: Path) -> None:
    folders = TaskFolders(tmp_path / "tasks")
    folders.log("run").write_bytes(b"one\ntwo\nthr\xffee\r x\n")
    assert folders.lines("run", 2) == ["two", "thr\ufffdee\r x"]


def test_a_sweep_ends_what_a_killed_server_left(tmp_path: Path) -> None:
    """Processes of this data directory only; folders with everything in them."""
    folders, others = TaskFolders(tmp_path / "tasks"), TaskFolders(tmp_path / "tasks-of-others")
    processes = []
    for place in (folders, others):
        folder = place.make("run", {}, b"")
        code = "import os; os.setsid(); print(flush=True); os.read(0, 1)"
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, FOLDER: str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None and process.stdout.readline()
        processes.append(process)
    ours, theirs = processes
    try:
        # A child of the test stays a zombie until it is waited for, and has no environment by then.
        assert folders.sweep() == 1
        assert ours.wait(5) == -9
        assert theirs.poll() is None
        assert os.listdir(tmp_path / "tasks" / "work") == []
        assert os.listdir(tmp_path / "tasks-of-others" / "work") == ["run"]
    finally:
        for process in processes:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                assert stream is not None
                stream.close()
