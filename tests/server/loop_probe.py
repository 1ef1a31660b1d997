"""A server extension for tests: measures for how long the event loop is held, whoever holds it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado.web import authenticated

from tests.run_queue import waited_s

PERIOD_S = 0.002


class Probe:
    """Asks to be called every 2 ms and notes how late it is, how long it was held, and what the loop worked meanwhile.

    Held is what is left of late without the time that other processes had the processors: on a machine that nothing
    else keeps busy both are the same. The work is in seconds of CPU.
    """

    def __init__(self) -> None:
        self.late_s: list[float] = []
        self.held_s: list[float] = []
        self.worked_s: list[float] = []

    async def run(self) -> None:
        while True:
            due, worked, waited = time.perf_counter() + PERIOD_S, time.thread_time(), waited_s()
            await asyncio.sleep(PERIOD_S)
            late = time.perf_counter() - due
            self.late_s.append(late)
            self.held_s.append(max(0.0, late - (waited_s() - waited)))
            self.worked_s.append(time.thread_time() - worked)


class ProbeHandler(APIHandler):
    """``GET loop_probe``: how late the probe was since the last call."""

    @authenticated
    def get(self) -> None:
        probe: Probe = self.settings["loop_probe"]
        late, probe.late_s = sorted(probe.late_s), []
        held, probe.held_s = sorted(probe.held_s), []
        worked, probe.worked_s = sorted(probe.worked_s), []
        count = len(late)
        figures = {"p50": late[count // 2], "p99": late[int(count * 0.99)], "max": late[-1]}
        figures |= {"held_p99": held[int(count * 0.99)], "held_max": held[-1]}
        figures |= {"worked_p99": worked[int(count * 0.99)], "worked_max": worked[-1]}
        self.finish({"samples": count, **{key: value * 1000 for key, value in figures.items()}})


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "tests.server.loop_probe"}]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    probe = serverapp.web_app.settings["loop_probe"] = Probe()
    serverapp.web_app.add_handlers(".*$", [(url_path_join(serverapp.base_url, "loop_probe"), ProbeHandler)])
    serverapp.io_loop.add_callback(probe.run)
