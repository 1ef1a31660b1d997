"""Environments of Python that tests need beside their own, made once and kept."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.counterparts.processes import Missing

CACHE = "JUPYTER_WALLAROO_TEST_CACHE"
"""The environment variable that names the folder for what is built once; default: pytest's own cache."""


def cache_of(config: pytest.Config) -> Path:
    """Return the folder for what is built once."""
    assert config.cache is not None
    return Path(os.environ.get(CACHE) or config.cache.mkdir("counterparts"))


def made(cache: Path, name: str, requirements: Sequence[str], then: Callable[[Path], None] | None = None) -> Path:
    """Return the Python of an environment with the requirements.

    Parameters
    ----------
    cache, name
        Where it is kept, and its folder there.
    then
        Called with the Python when the environment is new.

    Raises
    ------
    Missing
        They cannot be installed.
    """
    cache.mkdir(parents=True, exist_ok=True)
    python, done = cache / name / "bin" / "python", cache / name / "requirements"
    with open(cache / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (done.is_file() and done.read_text() == "\n".join(requirements)):
            try:
                run(sys.executable, "-m", "venv", "--clear", cache / name)
                run(python, "-m", "pip", "install", "-q", *requirements)
                if then is not None:
                    then(python)
            except subprocess.CalledProcessError as error:
                said = error.stderr.decode(errors="replace")[-500:]
                raise Missing(f"{name} cannot be installed: {said}") from None
            done.write_text("\n".join(requirements))
    return python


def run(*command: Any, env: dict[str, str] | None = None) -> None:
    """Run a program that must succeed."""
    subprocess.run([str(item) for item in command], check=True, capture_output=True, env=env)
