"""What somebody has who has just installed the wheel: the first notebook runs, and nothing of ours is missing."""

from __future__ import annotations

import re
import resource
import subprocess
import time
from pathlib import Path

from jupyter_wallaroo.demo.server import PrivateServer
from tests.kernel import Kernel
from tests.notebooks.test_notebooks import LIMIT_S, run
from tests.ui import fresh


def test_start_here(wheel_python: Path, tmp_path: Path) -> None:
    """From a variable to a watched endpoint in less than a minute, server and kernel included.

    On a machine that is busy with other things, the processors' time counts, which is more than a minute only for more work.
    """
    home = tmp_path / "home"
    home.mkdir()
    environment = fresh.environment(wheel_python, home)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    with PrivateServer(home, python=wheel_python, environment=environment) as server, Kernel(server) as kernel:
        outputs = run(kernel, "00-start-here.ipynb")
        took_s = time.monotonic() - started
        where = kernel.value("__import__('jupyter_wallaroo').__file__, __import__('sys').prefix")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    print(f"00-start-here.ipynb: {took_s:.1f} s, {cpu_s:.1f} s of processors")
    assert min(took_s, cpu_s) < LIMIT_S
    assert all(path.startswith(str(wheel_python.parent.parent)) for path in where), where
    assert "0 of 143 labels changed" in "".join(output.text for output in outputs)


def test_jupyter_finds_both_halves(wheel_python: Path, tmp_path: Path) -> None:
    """Neither is switched on by hand."""
    for kind in ("server extension", "labextension"):
        command = [str(wheel_python.with_name("jupyter")), *kind.split(), "list"]
        found = subprocess.run(
            command, env=fresh.environment(wheel_python, tmp_path), capture_output=True, text=True, check=True
        )
        said = found.stdout + found.stderr
        assert re.search(r"jupyter[_-]wallaroo .*enabled.*|jupyter_wallaroo enabled", said), said
