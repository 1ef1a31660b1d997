"""A private server belongs to the program that started it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from tests.faults.drill import EXTENSION_ONLY

PROGRAM = f"""
import sys
from pathlib import Path
from jupyter_wallaroo.demo.server import PrivateServer

with PrivateServer(Path(sys.argv[1]), options={EXTENSION_ONLY}) as server:
    print(server.pid, flush=True)
    sys.stdin.read()
"""


def test_it_ends_with_a_program_that_was_killed(tmp_path: Path) -> None:
    """The program can do nothing any more; its server, and what that has started, does not stay behind."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            server = psutil.Process(int(program.stdout.readline()))
            processes = [server, *server.children(recursive=True)]
            assert "jupyter_server" in server.cmdline()
        finally:
            program.kill()
    _, left = psutil.wait_procs(processes, 30)
    assert left == []
