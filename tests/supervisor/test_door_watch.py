"""An engine that works behind its own door is left to it until its time limit."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from pathlib import Path

from jupyter_wallaroo.supervisor.process import PING_AFTER_S, PING_LIMIT_S, STUCK_AFTER_S, EngineProcess


def test_an_engine_is_stuck_when_its_door_is_overdue_and_not_before(tmp_path: Path) -> None:
    """It answers no ping while it works, which alone would have it ended."""

    async def main() -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            process = await EngineProcess.start("replica", tmp_path, listener=listener)
        assert process.scoreboard is not None
        os.kill(process.pid, signal.SIGSTOP)
        now = time.monotonic()
        process.scoreboard.owed = 1
        process.scoreboard.due_ns = int((now + 100) * 1e9)
        assert process.in_flight == process.owed_at_door == 1
        for passed_s in (PING_AFTER_S + 1, PING_LIMIT_S + PING_AFTER_S + STUCK_AFTER_S + 1, 100.5):
            process.check(now + passed_s)
            assert process.is_alive
        process.check(now + 100 + 2 * STUCK_AFTER_S)
        assert await asyncio.wait_for(process.wait(), 30) == "it did not answer in time"
        assert process.owed_at_door == 0

    asyncio.run(main())
