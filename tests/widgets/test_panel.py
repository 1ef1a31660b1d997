"""What all panels have in common."""

from __future__ import annotations

import threading
import time

import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.pipeline import Pipeline
from jupyter_wallaroo.widgets import View, of_client, of_pipeline
from tests.widgets.conversation import Conversation

VIEW_TYPE = "application/vnd.jupyter.widget-view+json"


@pytest.mark.parametrize(
    ("view", "facts"),
    [
        (View.DEPLOYMENT, ["Running", "1 of 1 replicas run", "requests/s", "champion, challenger"]),
        (View.INFERENCE, ["(deployed)", "tensor", "list of 3, each a number"]),
        (View.LOGS, ["10 records read", "2 with an anomaly", "too_high", "[9, 0, 0]"]),
    ],
)
def test_a_reader_without_widgets_gets_the_facts_as_text(pipeline: Pipeline, view: View, facts: list[str]) -> None:
    panel = of_pipeline(pipeline, view)
    with Conversation(panel):
        data, _ = panel._repr_mimebundle_()
    assert data[VIEW_TYPE]["model_id"]
    for fact in [pipeline.name(), *facts]:
        assert fact in data["text/plain"]
    if view is not View.LOGS:
        assert str(panel) != ""


def test_the_connections_as_text(wl: Client) -> None:
    made = wl.create_connection("as text", "S3", {"secret": "geheimnis"})
    with Conversation(of_client(wl)) as talk:
        text = talk.panel.text()
    assert "as text" in text and "S3" in text and "geheimnis" not in text
    made.delete_connection()


def test_a_view_that_does_not_exist(wl: Client, pipeline: Pipeline) -> None:
    with pytest.raises(InvalidRequest, match="Did you mean 'deployment'"):
        pipeline.panel("deploymnt")
    with pytest.raises(InvalidRequest, match="There are: 'connections', 'tasks'"):
        wl.panel(view="deployment")
    with pytest.raises(LookupError, match=pipeline.name()):
        wl.panel(f"{pipeline.name()}s")


def test_a_server_that_is_gone_is_said_and_raises_nothing(wl: Client, pipeline: Pipeline) -> None:
    with Conversation(pipeline.panel()) as talk:
        endpoint, wl.api.endpoint = wl.api.endpoint, "http://127.0.0.1:9/wallaroo"
        try:
            assert "Nobody answers at http://127.0.0.1:9/wallaroo" in talk.panel.text()
            number = talk.begin("look")
            with pytest.raises(Exception, match="Nobody answers"):
                talk.end(number)
        finally:
            wl.api.endpoint = endpoint
        assert talk.ask("look")["status"] == "Running"


def test_a_closed_panel_takes_nothing_and_leaves_no_thread(pipeline: Pipeline) -> None:
    with Conversation(pipeline.panel()) as talk:
        talk.ask("look")
        mine = [thread for thread in threading.enumerate() if thread.name.startswith("wallaroo-panel")]
        assert mine
    talk.panel.close()
    talk.panel._take(None, {"id": "late", "ask": {"verb": "look"}}, [])
    until = time.monotonic() + 30
    while any(thread.is_alive() for thread in mine):
        assert time.monotonic() < until
        time.sleep(0.01)
