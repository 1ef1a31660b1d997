"""What a new user has: an environment of its own, made of the wheel of this tree and what the wheel asks for.

Both are kept where counterparts are: the wheel until a file of it changes, the environment until its requirements do. The
JupyterLab half is built by the wheel's own build, with npm, and kept until its sources change.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.counterparts import environments
from tests.counterparts.processes import Missing

ROOT = Path(__file__).parents[2]
PACKAGE, FRONT = Path("jupyter_wallaroo"), Path("labextension")
BUILT = PACKAGE / "labextension"
EXTRA = "sklearn"
"""What `notebooks/00-start-here.ipynb` says to install."""

APPLICATIONS = ("jupyterlab", "notebook")

_SPARED = {"__pycache__", "node_modules", "lib", BUILT.name}


def python(cache: Path) -> Path:
    """Return the Python of an environment that has the wheel of this tree, JupyterLab and Notebook.

    Raises
    ------
    Missing
        It cannot be built or installed.
    """
    found = environments.made(cache, "new-user", _requirements())
    done = found.parent.parent / "tree"
    tree = _digest(_sources())
    with open(cache / "new-user.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (done.is_file() and done.read_text() == tree):
            try:
                with tempfile.TemporaryDirectory(dir=cache) as folder:
                    wheel = _wheel(cache, Path(folder))
                    pip = (found, "-m", "pip", "--no-input")
                    environments.run(*pip, "install", "-q", "--no-deps", "--force-reinstall", wheel)
                    environments.run(*pip, "check")
            except subprocess.CalledProcessError as error:
                said = (error.stdout + error.stderr).decode(errors="replace")[-2000:]
                raise Missing(f"the wheel cannot be built or installed: {said}") from None
            done.write_text(tree)
    return found


def environment(found: Path, home: Path) -> Mapping[str, str]:
    """Return the variables of a process that finds nothing of ours but what is installed there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "JUPYTER", "IPYTHON"))}
    path = os.pathsep.join([str(found.parent), kept.get("PATH", "")])
    return {**kept, "PATH": path, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}


def _requirements() -> list[str]:
    """Return what the wheel asks for, and the applications that the tests are for."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    applications = [item for item in extras["test"] if item.startswith(APPLICATIONS)]
    return [*project["dependencies"], *extras[EXTRA], *applications]


def _wheel(cache: Path, folder: Path) -> Path:
    """Build the wheel in a folder from a copy of its sources; the front end anew only when its sources changed."""
    copy, out = folder / "tree", folder / "out"
    for path in _sources():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, copy / path)
    kept = cache / f"front-{_digest(path for path in _sources() if path.is_relative_to(FRONT))}"
    if kept.is_dir():
        shutil.copytree(kept, copy / BUILT)
    environments.run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", out, copy)
    if not kept.is_dir():
        shutil.copytree(copy / BUILT, folder / "front")
        os.rename(folder / "front", kept)
    (wheel,) = out.glob("*.whl")
    return wheel


def _sources() -> Iterator[Path]:
    """Go through the files that a wheel is made of, in an order of their own."""
    yield from (Path(name) for name in ("LICENSE", "README.md", "pyproject.toml"))
    for top in (PACKAGE, FRONT):
        for path in sorted((ROOT / top).rglob("*")):
            inside = path.relative_to(ROOT)
            if path.is_file() and not _SPARED.intersection(inside.parts[1:-1]) and path.suffix != ".tsbuildinfo":
                yield inside


def _digest(paths: Iterator[Path]) -> str:
    found = hashlib.sha256()
    for path in paths:
        found.update(f"{path}\0".encode() + hashlib.sha256((ROOT / path).read_bytes()).digest())
    return found.hexdigest()[:32]
