"""The process that analyses records for assays."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.supervisor.on_demand import OnDemandProcess
from jupyter_wallaroo.types.drift import Analyses, Analyze, Sample

TIME_LIMIT_S = 240.0

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Analyses).decode


class AnalystProcess(OnDemandProcess):
    """The server's side of `engine.analyst`.

    Parameters
    ----------
    directory
        An empty directory for the process to run in.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__("analyst", directory, "analyses the logs", time_limit_s=TIME_LIMIT_S)

    async def analyze(self, request: Analyze) -> Analyses:
        """Return what is found; both sides of the exchange are coded off the event loop, as they may be long."""
        body = await asyncio.to_thread(_encode, request)
        _, answer = await self.call(Kind.ANALYZE, b"", body)
        return await asyncio.to_thread(_decode, answer)

    async def sample(self, request: Sample) -> Buffer:
        """Return records as a JSON list."""
        _, body = await self.call(Kind.SAMPLE, _encode(request))
        return body
