"""The connections panel against a real server; what is typed in as a secret is nowhere afterwards but in the server."""

from __future__ import annotations

import json
import logging

import pytest
from anywidget import AnyWidget

from jupyter_wallaroo.sdk import Client
from tests.sdk.conftest import unique
from tests.widgets.conversation import Conversation, Refused

SECRET = "hunter2-hunter2"


def _by_name(found: dict, name: str) -> dict:
    return next(item for item in found["connections"] if item["name"] == name)


def _details(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def test_create_attach_detach_remove(wl: Client) -> None:
    name = unique("warehouse")
    here = wl.get_current_workspace()
    other = wl.create_workspace(unique("other"))
    with Conversation(wl.panel()) as talk:
        assert "POSTGRES" in talk.ask("look")["types"]
        details = _details(host="db", password=SECRET, options='{"sslmode": "require"}')
        made = _by_name(talk.ask("create", name=name, type="POSTGRES", details=details), name)
        assert made["workspaces"] == [here.name()]
        assert wl.get_connection(name).details() == {
            "host": "db",
            "password": SECRET,
            "options": {"sslmode": "require"},
        }
        found = talk.ask("attach", id=made["id"], workspace_id=other.id())
        assert _by_name(found, name)["workspaces"] == [here.name(), other.name()]
        found = talk.ask("detach", id=made["id"], workspace_id=here.id())
        assert _by_name(found, name)["workspaces"] == [other.name()]
        found = talk.ask("remove", id=made["id"])
        assert name not in {item["name"] for item in found["connections"]}
        with pytest.raises(Refused, match="no longer there"):
            talk.ask("remove", id=made["id"])


def test_a_secret_is_in_no_state_answer_text_or_log(wl: Client, caplog: pytest.LogCaptureFixture) -> None:
    """What a notebook saves is the state and the text; what the browser gets are the answers."""
    name = unique("quiet")
    caplog.set_level(logging.INFO)  # at DEBUG, Jupyter's own comm package prints every message of every widget
    panel = wl.panel()
    with Conversation(panel) as talk:
        said = [talk.ask("create", name=name, type="POSTGRES", details=_details(password=SECRET))]
        for wrong in (
            {"name": name, "type": "POSTGRES", "details": _details(password=SECRET)},  # the name is taken
            {"name": SECRET + "/", "type": "POSTGRES", "details": _details(password=SECRET)},
            {"name": "x", "type": "POSTGRES", "details": {"password": SECRET}},  # not as the panel sends it
            {"name": "x", "type": "POSTGRES", "details": _details(password=SECRET) * 2},
            {"name": "x", "type": "POSTGRES", "details": [{"name": "", "value": SECRET}]},
        ):
            with pytest.raises(Refused) as refused:
                talk.ask("create", **wrong)
            said.append(str(refused.value))
        kept = json.dumps([panel.get_state(), panel._repr_mimebundle_(), panel.text()], default=str)
    assert SECRET not in kept and SECRET not in json.dumps(said) and SECRET not in caplog.text
    wl.get_connection(name).delete_connection()


def test_the_synced_state_holds_nothing_but_the_program(wl: Client) -> None:
    """Nothing of the server's or the person's can be in what a notebook saves of a panel."""
    with Conversation(wl.panel()) as talk:
        talk.ask("look")
        assert set(talk.panel.get_state()) - set(AnyWidget().get_state()) <= {"_css", "_esm"}
