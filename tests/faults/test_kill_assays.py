"""kill -9 to the server while an assay runs: after the start every window is there, once, and right."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import models
from tests.deploying import deploy, post, upload
from tests.drifting import config, moment, psi, sample, send, until_second
from tests.faults.drill import EXTENSION_ONLY

WINDOWS = 4
KILLS = 5
LIMIT_S = 30.0


def test_windows_survive_kills_of_the_server(tmp_path: Path) -> None:
    """Once while windows come in, then again and again while the missed ones are caught up."""
    baseline, windows = sample(0, 500), [sample(number + 1, shift=4.0 * number) for number in range(WINDOWS)]
    server = PrivateServer(tmp_path, options=EXTENSION_ONLY)
    server.start()
    try:
        with server.client as client:
            deployed = deploy(client, "p", [upload(client, models.row_sum(3), "m")])
            began = math.floor(time.time())
            send(client, deployed, baseline)
            start = math.ceil(time.time()) + 1.0
            fixed = {"Fixed": {"start_at": moment(began), "end_at": moment(start)}}
            ends = {"run_until": moment(start + WINDOWS), "baseline": fixed}
            key = post(client, "assays/create", **config(deployed, "a", **ends))["assay_id"]
            for number, values in enumerate(windows):
                until_second(start + number + 0.1)
                send(client, deployed, values)
                assert time.time() < start + number + 1
        for number in range(KILLS):
            server.kill()
            if number == 0:
                until_second(start + WINDOWS + 1)
            server.start()
        found: list[dict[str, Any]] = []
        until = time.monotonic() + LIMIT_S
        with server.client as client:
            while len(found) < WINDOWS:
                assert time.monotonic() < until, found
                time.sleep(0.05)
                asked = {"assay_id": key, "start": moment(0), "end": moment(start + 99)}
                found = post(client, "assays/get_assay_results", **asked)
            assert post(client, "assays/get_assay_by_id", id=key)["status"] != "created"
    finally:
        server.stop()
    assert [item["window_start"][:19] for item in found] == [moment(start + number)[:19] for number in range(WINDOWS)]
    assert [item["score"] for item in found] == pytest.approx(
        [psi(baseline, np.array(item)) for item in windows], abs=1e-9
    )
    assert [item["status"] for item in found][1:] == ["Alert"] * (WINDOWS - 1)
