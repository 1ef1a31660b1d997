"""Zip files from hell: each is refused in a moment, by a message that names what is wrong, and leaves nothing behind."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests.archives import HOSTILE, MARKER
from tests.deploying import default_workspace, post
from tests.orchestrating import send, settled, uploaded

LIMIT_S = 2.0
GRACE_S = 10.0
"""What a refusal may take on a machine that is busy with something else; the usual one is far below `LIMIT_S`."""
CLEARED_LIMIT_S = 30.0


def _files(server: PrivateServer) -> set[Path]:
    rooms = [server.directory / "data" / name for name in ("orchestrations", "environments", "empty", "sidekicks")]
    return {path for room in rooms for path in room.rglob("*") if path.is_file()}


def _escaped(server: PrivateServer) -> list[Path]:
    temporary = Path("/var/tmp")  # noqa: S108  where the absolute names of the table lead
    outside = [Path("/"), temporary, Path(tempfile.gettempdir()), Path.cwd(), *server.directory.parents]
    found = [path for room in outside for path in (room / MARKER, room / "link", room / "out") if path.exists()]
    return [*found, *server.directory.rglob(f"*{MARKER}*")]


@pytest.fixture(scope="module")
def taken_s() -> Iterator[list[float]]:
    """How long each refusal took."""
    seconds: list[float] = []
    yield seconds
    print(f"\n{len(seconds)} refused: median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s")
    assert len([item for item in seconds if item > LIMIT_S]) <= len(seconds) / 10


@pytest.mark.parametrize("case", HOSTILE)
def test_is_refused(case: str, server: PrivateServer, client: httpx.Client, taken_s: list[float]) -> None:
    make, reason = HOSTILE[case]
    body, before, workspace = make(), _files(server), default_workspace(client)
    started = time.monotonic()
    response = send(client, body, case.replace(",", ""), workspace_id=workspace)
    taken_s.append(time.monotonic() - started)
    assert response.status_code == 400, response.text
    told = response.json()
    assert reason in told["message"]
    assert len(told["msg"]) < 1500
    assert str(server.directory) not in response.text
    assert taken_s[-1] < GRACE_S
    assert _escaped(server) == []
    until = time.monotonic() + CLEARED_LIMIT_S
    while (left := _files(server)) != before:  # the refused file is removed after the answer
        assert time.monotonic() < until, left - before
        time.sleep(0.01)
    names = [item["name"] for item in post(client, "orchestration/list", workspace_id=workspace)]
    assert case.replace(",", "") not in names


def test_there_are_forty_and_the_server_is_well(client: httpx.Client) -> None:
    """After all of them, one that is well is taken and packaged."""
    from tests.archives import orchestration

    assert len(HOSTILE) >= 40
    assert settled(client, uploaded(client, orchestration()))["status"] == "ready"
