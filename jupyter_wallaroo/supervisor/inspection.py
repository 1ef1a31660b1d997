"""Has an uploaded file looked into and converted, in a process that is thrown away."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from jupyter_wallaroo.engine.frames import Kind
from jupyter_wallaroo.errors import DeadlineExceeded, InvalidModel, InvalidUpload, TooLarge
from jupyter_wallaroo.supervisor.process import EngineGone, EngineProcess
from jupyter_wallaroo.types.framework import Framework
from jupyter_wallaroo.types.plan import Inspect, Inspected, InspectOrchestration, OrchestrationContents

ONNX_TIME_LIMIT_S = 60.0
CONVERSION_TIME_LIMIT_S = 600.0
ORCHESTRATION_TIME_LIMIT_S = 30.0
MEMORY_LIMIT_BYTES = 8 * 2**30
ORCHESTRATION_MEMORY_LIMIT_BYTES = 2**30
CONVERSION_MEMORY_LIMIT_BYTES = 32 * 2**30
"""Of the address space: libraries such as PyTorch map far more than they use."""
RESIDENT_SHARE = 0.5
"""Of this machine's memory; a process that looks into a file and has more is ended."""
WATCH_PERIOD_S = 0.25

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Inspected).decode
_decode_contents = msgspec.msgpack.Decoder(OrchestrationContents).decode


@dataclass(frozen=True)
class _Look:
    """One process that looks into one file, what it may take, and what is raised when it cannot be done."""

    role: str
    memory_bytes: int
    limit_s: float
    refusal: type[InvalidUpload]
    verb: str


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
    look = _Look(
        role="inspector",
        memory_bytes=MEMORY_LIMIT_BYTES if is_onnx else CONVERSION_MEMORY_LIMIT_BYTES,
        limit_s=ONNX_TIME_LIMIT_S if is_onnx else CONVERSION_TIME_LIMIT_S,
        refusal=InvalidModel,
        verb="loaded",
    )
    return _decode(await _found(look, _encode(request), request.label, directory, interpreter))


async def inspect_orchestration(request: InspectOrchestration, directory: Path) -> OrchestrationContents:
    """Return what the archive of an orchestration holds.

    Raises
    ------
    InvalidUpload
        It cannot be one, or looking into it took too long or too much memory.
    """
    look = _Look(
        role="orchestration",
        memory_bytes=ORCHESTRATION_MEMORY_LIMIT_BYTES,
        limit_s=ORCHESTRATION_TIME_LIMIT_S,
        refusal=InvalidUpload,
        verb="unpacked",
    )
    return _decode_contents(await _found(look, _encode(request), request.label, directory, sys.executable))


async def _found(look: _Look, head: bytes, label: str, directory: Path, interpreter: str) -> bytes:
    limit_s, failure = look.limit_s, f"{label} could not be {look.verb}"
    process = await EngineProcess.start(
        look.role, directory, memory_bytes=look.memory_bytes, cpu_s=int(limit_s), interpreter=interpreter
    )
    watching = asyncio.get_running_loop().create_task(_watch_memory(process))
    try:
        call = process.call(Kind.INSPECT, head, b"", time.monotonic() + limit_s)
        found, _ = await asyncio.wait_for(call, limit_s)
    except EngineGone:
        how = await process.wait()
        raise look.refusal(f"{failure}: the process that tried was lost: {how}.") from None
    except TooLarge:
        raise look.refusal(f"{failure}: it needs more memory than it may use.") from None
    except (TimeoutError, DeadlineExceeded):
        raise look.refusal(f"{failure} within {limit_s:.0f} s.") from None
    finally:
        watching.cancel()
        process.kill()
        await process.wait()
    return found


async def _watch_memory(process: EngineProcess) -> None:
    limit = int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * RESIDENT_SHARE)
    while True:
        await asyncio.sleep(WATCH_PERIOD_S)
        if process.resident_bytes() > limit:
            process.kill_for_memory(limit)
