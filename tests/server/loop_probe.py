"""A server extension for tests: measures for how long the event loop is held, whoever holds it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado.web import authenticated

PERIOD_S = 0.002


class Probe:
    """Asks to be called every 2 ms and notes how late it is, and what the loop worked meanwhile.

    The work, in seconds of CPU, is how late it would be at most on a machine that nothing else keeps busy.
    """

    def __init__(self) -> None:
        self.late_s: list[float] = []
        self.worked_s: list[float] = []

    async def run(self) -> None:
        while True:
            due, before = time.perf_counter() + PERIOD_S, time.thread_time()
            await asyncio.sleep(PERIOD_S)
            self.late_s.append(time.perf_counter() - due)
            self.worked_s.append(time.thread_time() - before)


class ProbeHandler(APIHandler):
    """``GET loop_probe``: how late the probe was since the last call."""

    @authenticated
    def get(self) -> None:
        probe: Probe = self.settings["loop_probe"]
        late, probe.late_s = sorted(probe.late_s), []
        worked, probe.worked_s = sorted(probe.worked_s), []
        count = len(late)
        figures = {"p50": late[count // 2], "p99": late[int(count * 0.99)], "max": late[-1]}
        figures |= {"worked_p99": worked[int(count * 0.99)], "worked_max": worked[-1]}
        self.finish({"samples": count, **{key: value * 1000 for key, value in figures.items()}})


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "tests.server.loop_probe"}]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    probe = serverapp.web_app.settings["loop_probe"] = Probe()
    serverapp.web_app.add_handlers(".*$", [(url_path_join(serverapp.base_url, "loop_probe"), ProbeHandler)])
    serverapp.io_loop.add_callback(probe.run)
