"""Inferences go straight to the engines where they can, and arrive all the same where they cannot."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path

import httpx
import pandas as pd
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.sdk import Client, direct
from jupyter_wallaroo.sdk.direct import Pipe, Way
from jupyter_wallaroo.sdk.object import InferenceInputError
from jupyter_wallaroo.sdk.pipeline import Pipeline
from tests.sdk.conftest import endpoint, unique

ROWS = pd.DataFrame({"tensor": [[1.0, 2.0, 3.0]]})


def way_of(pipeline: Pipeline) -> Way:
    target = pipeline._target()
    return target.ways.find(target.pipe)


def test_a_client_on_the_servers_machine_goes_straight(summing: Pipeline) -> None:
    """By the address that the vendor's tutorials know, too; nothing shows the token."""
    assert summing.infer(ROWS)["out.y"][0] == [6.0]
    way = way_of(summing)
    assert way.credentials is not None
    deployment = summing._deployment
    assert deployment is not None
    assert way.url == summing.internal_url() == deployment._url() != summing.url()
    assert way.credentials["Authorization"].removeprefix("Bearer ") not in repr(way)


def test_mistakes_are_told_as_they_are_through_jupyter(summing: Pipeline) -> None:
    with pytest.raises(InferenceInputError, match="tensor"):
        summing.infer(pd.DataFrame({"tensor": [[1.0, 2.0]]}))
    assert way_of(summing).credentials is not None


def test_coroutines_go_straight_as_well(summing: Pipeline) -> None:
    async def ask() -> object:
        async with httpx.AsyncClient(trust_env=False) as session:
            return await summing.async_infer(ROWS, session)

    found = asyncio.run(ask())
    assert isinstance(found, pd.DataFrame)
    assert found["out.y"][0] == [6.0]


@pytest.mark.parametrize("elsewhere", ["", "another loopback"])
def test_from_another_loopback_jupyter_is_the_way(
    server: PrivateServer, summing: Pipeline, monkeypatch: pytest.MonkeyPatch, elsewhere: str
) -> None:
    """As through a tunnel, or from a container: what listens on that port there is somebody else."""
    monkeypatch.setattr(direct, "loopback_id", lambda: elsewhere)
    with Client(endpoint(server), token=server.token) as other:
        other.set_current_workspace(summing.client.get_current_workspace())
        pipeline = other.get_pipeline(summing.name())
        assert pipeline.infer(ROWS)["out.y"][0] == [6.0]
        assert way_of(pipeline).credentials is None


def test_a_deployment_that_moved_is_found_again(summing: Pipeline) -> None:
    """What was known of it leads to nobody, or to somebody who does not know the token."""
    target = summing._target()
    known = way_of(summing)
    for stale in (
        Way("http://127.0.0.1:1/gone", known.credentials),
        Way(known.url, {"Authorization": "Bearer old"}),
        Way(known.url + "x", known.credentials),
    ):
        target.ways._direct[target.pipe] = stale
        assert summing.infer(ROWS)["out.y"][0] == [6.0]
        assert way_of(summing) == known


def test_a_port_that_leads_nowhere_is_left_alone_for_a_while(
    summing: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it is tried again."""
    target = summing._target()
    known = way_of(summing)
    gone = Way("http://127.0.0.1:1/gone", known.credentials)
    target.ways._direct[target.pipe] = gone
    monkeypatch.setattr(target.ways, "_ask", lambda pipe: None)
    assert summing.infer(ROWS)["out.y"][0] == [6.0]
    assert way_of(summing).credentials is None
    monkeypatch.undo()
    target.ways._closed[Pipe(target.pipe.deployment, target.pipe.pipeline, target.pipe.workspace_id)] = 0.0
    assert way_of(summing) == known


def test_engines_may_be_killed_while_a_notebook_infers(wl: Client, model_file: Path) -> None:
    """A request whose connection was cut is sent once more, through Jupyter; the next go straight again."""
    model = wl.upload_model("killed", model_file).configure(tensor_fields=["tensor"])
    pipeline = wl.build_pipeline(unique("killed")).add_model_step(model).deploy()
    answered, failed = 0, []
    stop = threading.Event()

    def ask() -> None:
        nonlocal answered
        while not stop.is_set():
            try:
                answered += pipeline.infer(ROWS, timeout=60)["out.y"][0] == [6.0]
            except Exception as error:  # noqa: BLE001  whatever a notebook would see
                failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(3):
            wanted = answered + 10
            while answered < wanted and not failed:
                pass
            engines = pipeline.status()["engines"]
            for engine in engines:
                if "pid" in engine["info"]["labels"]:
                    os.kill(int(engine["info"]["labels"]["pid"]), signal.SIGKILL)
    finally:
        stop.set()
        thread.join()
        pipeline.undeploy()
    assert failed == []
