"""A PostgreSQL server of one's own."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.counterparts.processes import START_LIMIT_S, Missing, free_port, listening

_UNPRIVILEGED = "nobody"


@contextlib.contextmanager
def postgres() -> Iterator[dict[str, Any]]:
    """Yield the details of a connection to an empty database; its server ends with the ``with``."""
    programs = _programs()
    identity: dict[str, Any] = {"cwd": "/"}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        identity |= {"user": _UNPRIVILEGED, "extra_groups": []}
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    password = secrets.token_urlsafe(16)
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        data = folder / "data"
        data.mkdir(mode=0o700)
        login = folder / "password"
        login.write_text(password)
        if os.geteuid() == 0:
            shutil.chown(data, _UNPRIVILEGED)
            shutil.chown(login, _UNPRIVILEGED)
        subprocess.run(
            [
                programs / "initdb",
                "-D",
                data,
                "-U",
                "wallaroo",
                "-A",
                "scram-sha-256",
                "--pwfile",
                login,
                "-N",
                "-E",
                "UTF8",
            ],
            env=env,
            check=True,
            capture_output=True,
            **identity,
        )
        port = free_port()
        server = [programs / "postgres", "-D", data, "-p", port, "-h", "127.0.0.1", "-k", "", "-c", "fsync=off"]
        log = folder / "log"
        with listening([str(item) for item in server], port, log, env=env, **identity):
            _wait_ready(programs, port)
            yield {
                "host": "127.0.0.1",
                "port": port,
                "user": "wallaroo",
                "password": password,
                "database": "postgres",
            }


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        raise Missing("no PostgreSQL server is installed: apt-get install postgresql")
    return found[-1].parent if found else Path(str(on_path)).parent


def _wait_ready(programs: Path, port: int) -> None:
    """Wait until the server takes connections: its port is open before that."""
    until = time.monotonic() + START_LIMIT_S
    while subprocess.run([programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], check=False).returncode:
        assert time.monotonic() < until, "PostgreSQL takes no connections"
        time.sleep(0.02)
