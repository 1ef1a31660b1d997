"""30 names with HTML, scripts, control characters and marks of direction in every field, as text and as messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.pipeline import Pipeline
from jupyter_wallaroo.sdk.task import Task
from jupyter_wallaroo.widgets import ClientView, View, of_client, of_pipeline
from tests.sdk.conftest import endpoint
from tests.widgets.conversation import Conversation
from tests.widgets.hostile import NAMES, TURNS, HostileServer, go_to
from tests.widgets.test_pieces import is_plain


@pytest.fixture(scope="module")
def hostile(server: PrivateServer) -> Iterator[HostileServer]:
    """A server on which everything has a hostile name."""
    with HostileServer(endpoint(server)) as running:
        yield running


@pytest.fixture
def seen(hostile: HostileServer, server: PrivateServer, pipeline: Pipeline) -> Iterator[tuple[Client, Pipeline]]:
    """A client of that server, in the workspace of the pipeline, and that as it sees it."""
    with Client(hostile.endpoint, token=server.token) as client:
        go_to(client, pipeline.workspace_id())
        client.create_connection("hostile", "S3", {})
        yield client, Pipeline.fetch(client, pipeline.name(), pipeline.workspace_id())
        client.get_connection("hostile").delete_connection()


def texts(value: Any) -> Iterator[str]:
    """Yield every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


def test_no_control_character_in_text_or_messages(
    hostile: HostileServer, seen: tuple[Client, Pipeline], scheduled: Task, failed: Task
) -> None:
    assert len(NAMES) == len(set(NAMES)) == 30
    client, pipeline = seen
    said = ""
    for hostile.turn in range(TURNS):
        panels = [of_pipeline(pipeline, view) for view in View] + [of_client(client, view) for view in ClientView]
        for panel in panels:
            with Conversation(panel) as talk:
                text = panel.text()
                answers = [talk.ask("read" if panel.asks is panels[2].asks else "look")]
                if panel is panels[1]:
                    answers.append(talk.ask("run", values=[field["value"] for field in answers[0]["fields"]]))
                if panel is panels[2]:
                    answers.append(talk.ask("count", series=0, other_series=1))
                if panel is panels[4]:
                    assert {item["id"] for item in answers[0]["tasks"]} >= {scheduled.id(), failed.id()}
                    answers.append(talk.ask("look", chosen=failed.id()))
                    answers.append(talk.ask("log", task=failed.id(), run=answers[1]["chosen"]["runs"][0]["id"]))
            assert all(is_plain(line) for line in text.split("\n")), repr(text)
            wrong = [item for item in texts(answers) if not is_plain(item)]
            assert not wrong, wrong
            said += text
    assert all(piece in said for piece in ("<script>", "\\x1b[31m", "\\u202e", "\\u2066", "\\x00"))
