"""One server for one data directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_wallaroo.errors import Unavailable
from jupyter_wallaroo.store.data_directory import DataDirectory


def test_a_second_server_is_refused_by_name(tmp_path: Path) -> None:
    """The message says who holds it and the hint what to do (F19)."""
    held = DataDirectory(tmp_path / "data")
    with pytest.raises(Unavailable) as caught:
        DataDirectory(tmp_path / "data")
    assert f"Another Jupyter server (process {os.getpid()}) has the data directory open." == caught.value.message
    assert "--WallarooApp.data_directory=PATH" in caught.value.hint
    held.close()
    held.close()
    DataDirectory(tmp_path / "data").close()


def test_another_process_holds_it_until_it_dies(tmp_path: Path) -> None:
    """The kernel gives the lock up with the process, even a killed one; the refusal names its id."""
    script = (
        "import sys, pathlib\n"
        "from jupyter_wallaroo.store.data_directory import DataDirectory\n"
        "held = DataDirectory(pathlib.Path(sys.argv[1]))\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(Unavailable, match=f"process {other.pid}"):
            DataDirectory(tmp_path)
        other.kill()
    DataDirectory(tmp_path).close()


def test_a_refused_server_leaves_the_holders_name(tmp_path: Path) -> None:
    """The third one is told of the first as well."""
    held = DataDirectory(tmp_path)
    for _ in range(2):
        with pytest.raises(Unavailable, match=str(os.getpid())):
            DataDirectory(tmp_path)
    held.close()


def test_the_directory_is_private(tmp_path: Path) -> None:
    """Made so, and made so again when somebody opened it up (SECURITY A9)."""
    path = tmp_path / "a" / "data"
    DataDirectory(path).close()
    assert path.stat().st_mode & 0o777 == 0o700
    path.chmod(0o777)
    DataDirectory(path).close()
    assert path.stat().st_mode & 0o777 == 0o700
    assert (path / "lock").stat().st_mode & 0o777 == 0o600


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner could change models and logs under our feet."""
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(Unavailable, match="belongs to another user"):
        DataDirectory(tmp_path)


def test_places_are_below_the_directory(tmp_path: Path) -> None:
    """Paths come from our own numbers, never from names (SECURITY C12)."""
    held = DataDirectory(tmp_path)
    assert tmp_path / "logs" / "pipeline-3" / "journal" == held.pipeline_journal(3)
    assert held.pipeline_log(3) == held.pipeline_journal(3).parent
    assert list(held.empty.iterdir()) == []
    assert held.empty.stat().st_mode & 0o777 == 0o700
    held.close()
