"""Runs the ``main.py`` of an archive: ``python -P -m jupyter_wallaroo.runner.task FOLDER``; only a warden starts it.

Everything of ours is imported before the folder of ``main.py`` goes on the path, so that no file in the archive can
take the place of a module that this needs (SECURITY C10).
"""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import runpy
import sys
import traceback
from pathlib import Path
from types import TracebackType

import msgspec

import jupyter_wallaroo.alias  # noqa: F401  lets the task `import wallaroo`
from jupyter_wallaroo.engine import orchestration, process, unpacking
from jupyter_wallaroo.errors import WallarooError, without_paths
from jupyter_wallaroo.runner import tree
from jupyter_wallaroo.types.task_process import FILES, MAX_REASON, REASON_FILE, START_FILE, TaskLimits, TaskStart

MEMORY_HEADROOM_BYTES = 16 * 2**30
"""What the address space may be larger than the memory limit: libraries map far more than they use."""


def main(folder: Path) -> None:
    """Run a task in its folder."""
    start = msgspec.json.decode((folder / START_FILE).read_bytes(), type=TaskStart)
    process.die_with_parent(os.getppid())
    _limit(start.limits)
    with contextlib.suppress(ImportError):  # what the archive requires may not fit the client, which it may not need
        importlib.import_module("jupyter_wallaroo.sdk")
    files = folder / FILES
    try:
        unpacking.unpack(Path(start.archive), files, "The orchestration", orchestration.LIMITS)
    except (WallarooError, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201  into the run's log
        _fail(folder, str(error))
    entry = files / start.entry
    os.chdir(entry.parent)
    sys.path.insert(0, str(entry.parent))
    sys.argv = [str(entry)]
    try:
        runpy.run_path(str(entry), run_name="__main__")
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001  the edge of the process: what ended the task is told in its log
        traceback.print_exception(type(error), error, _own(error.__traceback__, str(entry)))
        _fail(folder, "".join(traceback.format_exception_only(error)).strip().splitlines()[-1])


def _limit(limits: TaskLimits) -> None:
    """Bound this process and what it starts."""
    process.limit(
        memory_bytes=limits.memory_bytes + MEMORY_HEADROOM_BYTES if limits.memory_bytes else 0, cpu_s=limits.cpu_s
    )
    if limits.file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_bytes, limits.file_bytes))
    if limits.processes and os.getuid():  # the kernel does not count root's
        most = tree.threads_of(os.getuid()) + limits.processes
        _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))


def _own(trace: TracebackType | None, entry: str) -> TracebackType | None:
    """Return a traceback from ``main.py`` on."""
    while trace is not None and trace.tb_frame.f_code.co_filename != entry:
        trace = trace.tb_next
    return trace


def _fail(folder: Path, reason: str) -> None:
    """End with status 1; the server tells the reason."""
    with contextlib.suppress(OSError):
        (folder / REASON_FILE).write_text(without_paths(reason)[:MAX_REASON], errors="replace")
    sys.exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
