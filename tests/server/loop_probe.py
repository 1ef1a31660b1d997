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
    """Asks to be called every 2 ms and notes how late it is."""

    def __init__(self) -> None:
        self.late_s: list[float] = []

    async def run(self) -> None:
        while True:
            due = time.perf_counter() + PERIOD_S
            await asyncio.sleep(PERIOD_S)
            self.late_s.append(time.perf_counter() - due)


class ProbeHandler(APIHandler):
    """``GET loop_probe``: how late the probe was since the last call."""

    @authenticated
    def get(self) -> None:
        probe: Probe = self.settings["loop_probe"]
        late, probe.late_s = sorted(probe.late_s), []
        count = len(late)
        figures = {"samples": count, "p50": late[count // 2], "p99": late[int(count * 0.99)], "max": late[-1]}
        self.finish({key: value if key == "samples" else value * 1000 for key, value in figures.items()})


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "tests.server.loop_probe"}]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    probe = serverapp.web_app.settings["loop_probe"] = Probe()
    serverapp.web_app.add_handlers(".*$", [(url_path_join(serverapp.base_url, "loop_probe"), ProbeHandler)])
    serverapp.io_loop.add_callback(probe.run)
