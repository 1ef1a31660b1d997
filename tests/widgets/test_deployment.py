"""The deployment panel against a real server, message by message."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.pipeline import Pipeline
from tests.widgets.conversation import Conversation, Refused


def _is_running(replicas: int):
    def holds(found: dict) -> bool:
        return found["status"] == "Running" and len(found["replicas"]) == replicas

    return holds


def test_it_tells_how_the_pipeline_runs(pipeline: Pipeline) -> None:
    with Conversation(pipeline.panel()) as talk:
        found = talk.until("look", lambda facts: facts["live"]["total"] >= 2)

    (replica,) = found["replicas"]
    assert replica["status"] == "Running" and int(replica["pid"]) > 1 and replica["reason"] == ""
    assert (found["pipeline"], found["status"], found["url"]) == (pipeline.name(), "Running", pipeline.url())
    assert [version["is_running"] for version in found["versions"]] == [True, False, False]
    assert found["versions"][0]["models"] == "champion, challenger"
    assert len(found["live"]["line"]) * found["live"]["slot_s"] > 500
    json.dumps(found, allow_nan=False)


def test_polling_asks_for_no_versions(pipeline: Pipeline) -> None:
    with Conversation(pipeline.panel()) as talk:
        assert talk.ask("look", versions=False)["versions"] is None


def test_scale_rollback_undeploy_deploy(wl: Client, pipeline: Pipeline) -> None:
    """What a person does in an afternoon; after a rollback, scaling keeps the earlier version."""
    with Conversation(pipeline.panel()) as talk:
        newest, earlier, empty = (version["version"] for version in talk.ask("look")["versions"])
        talk.ask("scale", replicas=2)
        talk.until("look", _is_running(2))
        talk.ask("rollback", to=earlier)
        found = talk.until("look", lambda facts: _is_running(2)(facts) and facts["versions"][1]["is_running"])
        talk.ask("scale", replicas=1)
        found = talk.until("look", _is_running(1))
        assert [version["is_running"] for version in found["versions"]] == [False, True, False]
        assert pipeline.refresh().infer(pd.DataFrame({"tensor": [[1.0, 2.0, 3.0]]}))["out.y"][0] == [6.0]

        found = talk.until("undeploy", lambda facts: facts["status"] == "Not deployed")
        assert found["replicas"] == [] and found["url"] == ""
        talk.ask("deploy", replicas=1)
        found = talk.until("look", _is_running(1))
        assert found["versions"][0]["is_running"] and found["versions"][0]["version"] == newest
        assert len(found["versions"]) == 3, "what was deployed already needs no further version"
        assert empty not in {version["version"] for version in found["versions"] if version["was_deployed"]}


def test_the_notebooks_draft_is_what_gets_deployed(wl: Client, pipeline: Pipeline) -> None:
    draft = wl.build_pipeline(f"{pipeline.name()}-draft").add_model_step(wl.get_model("champion"))
    with Conversation(draft.panel()) as talk:
        assert talk.ask("look")["status"] == "Not deployed"
        talk.ask("deploy", replicas=1)
        found = talk.until("look", _is_running(1))
        assert found["versions"][0]["models"] == "champion" and found["versions"][0]["is_running"]
        talk.ask("undeploy")


def test_a_diff_comes_in_lines(pipeline: Pipeline) -> None:
    with Conversation(pipeline.panel()) as talk:
        newest, earlier, _ = (version["version"] for version in talk.ask("look")["versions"])
        lines = talk.ask("diff", before=earlier, after=newest)
    assert lines[-1] == "+ step 3, validations: rule 'too_high'"


def test_mistakes_come_back_with_the_next_step(pipeline: Pipeline) -> None:
    with Conversation(pipeline.panel()) as talk:
        with pytest.raises(Refused, match="does not exist"):
            talk.ask("rollback", to="00000000-0000-0000-0000-000000000000")
        with pytest.raises(Refused, match=r"Expected `int`, got `str` - at `\$.replicas`"):
            talk.ask("scale", replicas="many")
        with pytest.raises(Refused, match="Invalid value 'format_disk'"):
            talk.ask("format_disk")
        with pytest.raises(Refused, match="replicas should be a whole number from 1 to"):
            talk.ask("scale", replicas=1_000_000)
        talk.send("not even an object")
        assert talk.ask("look")["status"] == "Running"


def test_the_sdk_scales_and_waits(pipeline: Pipeline) -> None:
    before = [item.version for item in pipeline.history()]
    assert len(pipeline.scale(2).status()["engines"]) == 2
    assert len(pipeline.scale(1).status()["engines"]) == 1
    assert [item.version for item in pipeline.history()] == before
