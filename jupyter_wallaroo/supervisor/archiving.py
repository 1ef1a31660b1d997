"""When the archivist archives: what a replica has just finished at once, and everything that there is now and then.

At once, because a file of a journal is used again when its records lie elsewhere, which costs less than a new one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

import msgspec

from jupyter_wallaroo.errors import WallarooError
from jupyter_wallaroo.supervisor.archivist import ArchivistProcess
from jupyter_wallaroo.supervisor.process import EngineGone
from jupyter_wallaroo.types.plan import Archive, Archived

PERIOD_S = 5.0

_log = logging.getLogger(__name__)


class Archiving:
    """Keeps the logs of all pipelines in order.

    Parameters
    ----------
    archivist
        The process that does it.
    archive
        Which logs, and how much of them is kept.
    """

    def __init__(self, archivist: ArchivistProcess, archive: Archive) -> None:
        self._archivist = archivist
        self._archive = archive
        self._unfinished: dict[str, None] = {}
        self._told = asyncio.Event()
        self.log_bytes: dict[str, int] = {}
        """What the log of each pipeline takes on disk, by the name of its directory, as last looked at."""

    def rolled(self, journals: str) -> None:
        """Note that a replica has finished a file in a directory of journals."""
        self._unfinished[Path(journals).parent.name] = None
        self._told.set()

    async def run(self) -> None:
        """Archive until cancelled."""
        while True:
            looked = await self._ask(self._archive)
            self.log_bytes = looked.log_bytes or self.log_bytes
            until = time.monotonic() + PERIOD_S
            while (left := until - time.monotonic()) > 0:
                await self._archive_next() if self._unfinished else await self._wait(left)

    async def _archive_next(self) -> None:
        name = next(iter(self._unfinished))
        del self._unfinished[name]  # and to the end, when there is more: every pipeline gets its turn
        await self._ask(msgspec.structs.replace(self._archive, only=name))

    async def _ask(self, request: Archive) -> Archived:
        try:
            archived = await self._archivist.archive(request)
        except (WallarooError, EngineGone, OSError) as error:
            _log.warning("wallaroo: the inference logs were not archived: %s", error)
            return Archived(unfinished=[])
        self._unfinished.update(dict.fromkeys(archived.unfinished))
        return archived

    async def _wait(self, limit_s: float) -> None:
        self._told.clear()
        try:
            await asyncio.wait_for(self._told.wait(), limit_s)
        except TimeoutError:
            return
