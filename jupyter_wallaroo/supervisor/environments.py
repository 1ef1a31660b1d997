"""Environments of Python for models that bring requirements, made once per set of requirements.

An environment is a venv that also sees what is installed beside this server, so that only what differs is installed
into it. pip does that, with the index and the proxies of its own configuration (the operator's, never a client's). It
is made under another name and renamed when complete; what a kill leaves behind is swept at the next start.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import site
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from jupyter_wallaroo.errors import InvalidModel, without_paths
from jupyter_wallaroo.supervisor.process import environment

TIME_LIMIT_S = 900.0
MAX_REQUIREMENTS = 200
MAX_LINE = 500
_INSTALLER_PREFIXES = ("PIP_", "SSL_", "REQUESTS_CA_BUNDLE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_SHOWN_LINES = 3


def checked(requirements: Sequence[str]) -> list[str]:
    """Return requirements in their normal form, sorted.

    Raises
    ------
    InvalidModel
        One is not a name with versions: options, paths and URLs are refused (SECURITY B7).
    """
    if len(requirements) > MAX_REQUIREMENTS:
        raise InvalidModel(f"The model has {len(requirements)} requirements; at most {MAX_REQUIREMENTS} are taken.")
    return sorted({_checked(line) for line in requirements})


def _checked(line: str) -> str:
    if len(line) > MAX_LINE or not line.isprintable():
        raise InvalidModel(
            f"The requirement {line[:100]!r} has {len(line)} characters; at most {MAX_LINE} are taken, all printable."
        )
    try:
        requirement = Requirement(line)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise InvalidModel(
            f"The requirement {line[:100]!r} is not a package with versions: {reason}.",
            hint="Write one package per line, such as 'statsmodels==0.14.4'; options, paths and URLs are not taken.",
        ) from None
    if requirement.url:
        raise InvalidModel(f"The requirement {line[:100]!r} names a URL, which is not installed here.")
    return str(requirement)


class Environments:
    """The environments below one directory.

    Parameters
    ----------
    directory
        Made when missing.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._making = asyncio.Lock()
        directory.mkdir(exist_ok=True, mode=0o700)
        for left in directory.glob("*.making"):
            shutil.rmtree(left, ignore_errors=True)

    def interpreter(self, requirements: Sequence[str]) -> str:
        """Return the Python that has the requirements; the server's own when there are none."""
        return str(self._path(requirements) / "bin" / "python") if requirements else sys.executable

    async def make(self, requirements: Sequence[str]) -> str:
        """Return the Python that has the requirements, installing them when it is the first to need them.

        Raises
        ------
        InvalidModel
            They cannot be installed; says what pip said.
        """
        path = self._path(requirements)
        if not requirements or path.exists():
            return self.interpreter(requirements)
        async with self._making:
            if not path.exists():
                await self._make(path, requirements)
        return self.interpreter(requirements)

    def _path(self, requirements: Sequence[str]) -> Path:
        facts = "\n".join([sys.version, sys.prefix, *requirements])
        return self._directory / hashlib.sha256(facts.encode()).hexdigest()[:32]

    async def _make(self, path: Path, requirements: Sequence[str]) -> None:
        making = self._directory / f"{uuid.uuid4().hex}.making"
        try:
            await _run(sys.executable, "-P", "-m", "venv", "--without-pip", str(making))
            python = str(making / "bin" / "python")
            await asyncio.to_thread(_see_the_servers_packages, making)
            await _run(python, "-P", "-m", "pip", "install", "--quiet", "--", *requirements)
            os.rename(making, path)
        finally:
            await asyncio.to_thread(shutil.rmtree, making, ignore_errors=True)


def _see_the_servers_packages(path: Path) -> None:
    """Have a venv also search the site directories of this process, after its own."""
    library = path / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    lines = [f"import site; site.addsitedir({directory!r})" for directory in site.getsitepackages()]
    (library / "jupyter_wallaroo_server.pth").write_text("\n".join(lines))


async def _run(*arguments: str) -> None:
    allowed = {name: value for name, value in os.environ.items() if name.upper().startswith(_INSTALLER_PREFIXES)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "jupyter_wallaroo.engine.tethered", str(os.getpid())),
        *arguments,
        env=environment() | allowed,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, said = await asyncio.wait_for(process.communicate(), TIME_LIMIT_S)
    except TimeoutError:
        raise InvalidModel(f"The model's requirements could not be installed within {TIME_LIMIT_S:.0f} s.") from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)  # pip builds in processes of its own
            await process.wait()
    if process.returncode:
        lines = [line.removeprefix("ERROR: ") for line in said.decode(errors="replace").splitlines() if "ERROR" in line]
        reason = without_paths(" ".join(lines[:_SHOWN_LINES]))[:500]
        raise InvalidModel(
            f"The model's requirements could not be installed: {reason or 'pip failed'}",
            hint="Correct the requirements and upload the model again.",
        )
