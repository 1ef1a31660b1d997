"""Has an uploaded file looked into and converted, in a process that is thrown away."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import msgspec

from jupyter_wallaroo.engine.frames import Kind
from jupyter_wallaroo.errors import DeadlineExceeded, InvalidModel, TooLarge
from jupyter_wallaroo.supervisor.process import EngineGone, EngineProcess
from jupyter_wallaroo.types.framework import Framework
from jupyter_wallaroo.types.plan import Inspect, Inspected

ONNX_TIME_LIMIT_S = 60.0
CONVERSION_TIME_LIMIT_S = 600.0
MEMORY_LIMIT_BYTES = 8 * 2**30
CONVERSION_MEMORY_LIMIT_BYTES = 32 * 2**30
"""Of the address space: libraries such as PyTorch map far more than they use."""
RESIDENT_SHARE = 0.5
"""Of this machine's memory; a process that looks into a file and has more is ended."""
WATCH_PERIOD_S = 0.25

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Inspected).decode


async def inspect(request: Inspect, directory: Path, *, interpreter: str = sys.executable) -> Inspected:
    """Return what the model in a file is, converted to ONNX where that is possible.

    Parameters
    ----------
    request
        The file, and how messages call it.
    directory
        An empty directory for the process to run in.
    interpreter
        The Python that has what the model needs.

    Raises
    ------
    InvalidModel
        The file is not a model that can be run, or looking into it took too long or too much memory.
    """
    is_onnx = request.framework is Framework.ONNX
    limit_s = ONNX_TIME_LIMIT_S if is_onnx else CONVERSION_TIME_LIMIT_S
    process = await EngineProcess.start(
        "inspector",
        directory,
        memory_bytes=MEMORY_LIMIT_BYTES if is_onnx else CONVERSION_MEMORY_LIMIT_BYTES,
        cpu_s=int(limit_s),
        interpreter=interpreter,
    )
    watching = asyncio.get_running_loop().create_task(_watch_memory(process))
    try:
        call = process.call(Kind.INSPECT, _encode(request), b"", time.monotonic() + limit_s)
        head, _ = await asyncio.wait_for(call, limit_s)
    except EngineGone:
        how = await process.wait()
        raise InvalidModel(f"{request.label} could not be loaded: the process that tried was lost: {how}.") from None
    except TooLarge:
        raise InvalidModel(f"{request.label} could not be loaded: it needs more memory than it may use.") from None
    except (TimeoutError, DeadlineExceeded):
        raise InvalidModel(f"{request.label} could not be loaded within {limit_s:.0f} s.") from None
    finally:
        watching.cancel()
        process.kill()
        await process.wait()
    return _decode(head)


async def _watch_memory(process: EngineProcess) -> None:
    limit = int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * RESIDENT_SHARE)
    while True:
        await asyncio.sleep(WATCH_PERIOD_S)
        if process.resident_bytes() > limit:
            process.kill_for_memory(limit)
