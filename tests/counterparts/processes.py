"""Processes that listen on a port of the loopback."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

START_LIMIT_S = 60.0
STOP_LIMIT_S = 15.0


class Missing(Exception):
    """A program that a counterpart needs is not on this machine; says which and how it gets there."""


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number


@contextlib.contextmanager
def listening(
    command: list[str], port: int, log: Path, *, env: Mapping[str, str] | None = None, **identity: Any
) -> Iterator[int]:
    """Run a program until the ``with`` ends, and yield its process id when the port is open.

    Parameters
    ----------
    log
        Where its output goes; the end of it is in the error when the program does not start.
    identity
        ``user``, ``group``, ``extra_groups`` and ``cwd`` as `subprocess.Popen` has them.
    """
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, **identity
        )
    try:
        until = time.monotonic() + START_LIMIT_S
        while not _is_open(port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with contextlib.suppress(ProcessLookupError):  # some programs leave their workers behind
            os.killpg(process.pid, signal.SIGKILL)


def _is_open(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
