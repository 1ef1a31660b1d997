"""Has an uploaded file looked into, in a process that is thrown away."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec

from jupyter_wallaroo.engine.frames import Kind
from jupyter_wallaroo.errors import DeadlineExceeded, InvalidModel
from jupyter_wallaroo.supervisor.process import EngineGone, EngineProcess
from jupyter_wallaroo.types.model import Signature
from jupyter_wallaroo.types.plan import Inspect

TIME_LIMIT_S = 60.0
CPU_LIMIT_S = 60
MEMORY_LIMIT_BYTES = 8 * 2**30

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Signature).decode


async def inspect(request: Inspect, directory: Path) -> Signature:
    """Return what the model in a file takes and gives.

    Parameters
    ----------
    request
        The file, and how messages call it.
    directory
        An empty directory for the process to run in.

    Raises
    ------
    InvalidModel
        The file is not a model that can be run, or looking into it took more than a minute or 8 GiB.
    """
    process = await EngineProcess.start("inspector", directory, memory_bytes=MEMORY_LIMIT_BYTES, cpu_s=CPU_LIMIT_S)
    try:
        call = process.call(Kind.INSPECT, _encode(request), b"", time.monotonic() + TIME_LIMIT_S)
        head, _ = await asyncio.wait_for(call, TIME_LIMIT_S)
    except EngineGone as gone:
        raise InvalidModel(f"{request.label} could not be loaded: the process that tried {gone.reason}.") from None
    except (TimeoutError, DeadlineExceeded):
        raise InvalidModel(f"{request.label} could not be loaded within {TIME_LIMIT_S:.0f} s.") from None
    finally:
        process.kill()
        await process.wait()
    return _decode(head)
