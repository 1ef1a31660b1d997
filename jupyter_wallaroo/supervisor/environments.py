"""Environments of Python for models and orchestrations that bring requirements, made once per set of requirements.

An environment is a venv that also sees what is installed beside this server, so that only what differs is installed
into it. pip does that, with the index and the proxies of its own configuration (the operator's, never a client's). It
is made under another name and renamed when complete; what a kill leaves behind is swept at the next start. What the
installer said is kept beside what it installed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import signal
import site
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from jupyter_wallaroo.errors import InvalidUpload, without_paths
from jupyter_wallaroo.supervisor.process import environment

TIME_LIMIT_S = 900.0
LOG_BYTES = 64 * 1024
"""How much of what the installer said is kept, of its end."""
_INSTALLER_PREFIXES = ("PIP_", "SSL_", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_TALKING = {"PIP_QUIET": "0"}
"""The log is for people who wait for it, however quiet the operator likes his own."""
_SHOWN_LINES = 3
_LOG = "installer.log"
_INSTALL = ("-P", "-m", "pip", "install", "--no-input", "--no-color", "--progress-bar=off")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")


class InstallationFailed(InvalidUpload):
    """Requirements cannot be installed.

    Parameters
    ----------
    reason
        What went wrong, in a few words.
    log
        What the installer said.
    """

    def __init__(self, reason: str, log: str) -> None:
        super().__init__(
            f"The requirements could not be installed: {reason.rstrip('.')}.",
            hint="Correct the requirements and upload it again.",
        )
        self.log = log


class Environments:
    """The environments below one directory.

    Parameters
    ----------
    directory
        Made when missing.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._making: dict[Path, asyncio.Lock] = {}
        directory.mkdir(exist_ok=True, mode=0o700)
        for left in directory.glob("*.making"):
            shutil.rmtree(left, ignore_errors=True)

    def interpreter(self, requirements: Sequence[str]) -> str:
        """Return the Python that has the requirements, given as `requirements` checks them; none: the server's own."""
        return str(self._path(requirements) / "bin" / "python") if requirements else sys.executable

    def has(self, requirements: Sequence[str]) -> bool:
        """Tell whether requirements are installed; it may wait for the disk."""
        return not requirements or self._path(requirements).exists()

    async def make(self, requirements: Sequence[str]) -> str:
        """Return the Python that has the requirements, installing them when it is the first to need them.

        Raises
        ------
        InstallationFailed
            They cannot be; says what pip said.
        """
        path = self._path(requirements)
        if not requirements or path.exists():
            return self.interpreter(requirements)
        async with self._making.setdefault(path, asyncio.Lock()):
            if not path.exists():
                await self._make(path, requirements)
        return self.interpreter(requirements)

    def log(self, requirements: Sequence[str]) -> str:
        """Return what the installer said of requirements that are installed; it may wait for the disk."""
        return _end_of(self._path(requirements) / _LOG) if requirements else ""

    def _path(self, requirements: Sequence[str]) -> Path:
        facts = "\n".join([sys.version, sys.prefix, *requirements])
        return self._directory / hashlib.sha256(facts.encode()).hexdigest()[:32]

    async def _make(self, path: Path, requirements: Sequence[str]) -> None:
        making = self._directory / f"{uuid.uuid4().hex}.making"
        options = [argument for argument in requirements if argument.startswith("-")]
        packages = [argument for argument in requirements if not argument.startswith("-")]
        try:
            await asyncio.to_thread(making.mkdir, mode=0o700)
            log = making / _LOG
            await _run(log, sys.executable, "-P", "-m", "venv", "--without-pip", str(making))
            python = str(making / "bin" / "python")
            await asyncio.to_thread(_see_the_servers_packages, making)
            await _run(log, python, *_INSTALL, *options, "--", *packages)
            os.rename(making, path)
        finally:
            await asyncio.to_thread(shutil.rmtree, making, ignore_errors=True)


def _see_the_servers_packages(path: Path) -> None:
    """Have a venv also search the site directories of this process, after its own."""
    library = path / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    lines = [f"import site; site.addsitedir({directory!r})" for directory in site.getsitepackages()]
    (library / "jupyter_wallaroo_server.pth").write_text("\n".join(lines))


def _end_of(log: Path) -> str:
    """Return the end of a log, without what it tells of this machine and of who may use an index."""
    with open(log, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_BYTES))
        text = file.read().decode(errors="replace")
    for directory, name in ((log.parent, "environment"), (sys.prefix, "server"), (Path.home(), "~")):
        text = text.replace(str(directory), name)
    return _CREDENTIALS.sub("****@", text)


async def _run(log: Path, *arguments: str) -> None:
    """Run a step of an installation; its words are added to ``log``."""
    allowed = {name: value for name, value in os.environ.items() if name.upper().startswith(_INSTALLER_PREFIXES)}
    with open(log, "ab") as said:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "jupyter_wallaroo.engine.tethered", str(os.getpid())),
            *arguments,
            env=environment() | allowed | _TALKING,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:
        await asyncio.wait_for(process.wait(), TIME_LIMIT_S)
    except TimeoutError:
        raise InstallationFailed(f"it took more than {TIME_LIMIT_S:.0f} s", _end_of(log)) from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)  # pip builds in processes of its own
            await process.wait()
    if process.returncode:
        text = await asyncio.to_thread(_end_of, log)
        lines = [line.removeprefix("ERROR: ") for line in text.splitlines() if "ERROR" in line]
        raise InstallationFailed(without_paths(" ".join(lines[:_SHOWN_LINES]))[:500] or "pip failed", text)
