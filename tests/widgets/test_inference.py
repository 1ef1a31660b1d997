"""The inference panel against a real server, message by message."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.pipeline import Pipeline
from tests import models
from tests.widgets.conversation import Conversation, Refused


@pytest.fixture(scope="module")
def slow(wl: Client, tmp_path_factory: pytest.TempPathFactory):
    """A deployed pipeline that takes about a tenth of a second a request."""
    path: Path = tmp_path_factory.mktemp("slow") / "slow.onnx"
    path.write_bytes(models.slow(1, 200_000))
    made = wl.build_pipeline("slow").add_model_step(wl.upload_model("slow", path)).deploy()
    yield made
    made.undeploy()


def test_the_form_is_born_from_the_model(pipeline: Pipeline) -> None:
    with Conversation(pipeline.panel("inference")) as talk:
        found = talk.ask("look")
    assert found["is_deployed"] and found["source"] == "as model champion takes them"
    (field,) = found["fields"]
    assert field == {
        "name": "tensor",
        "kind": "json",
        "hint": "list of 3, each a number",
        "value": "[0.0, 0.0, 0.0]",
    }


def test_the_form_is_born_from_an_example(pipeline: Pipeline) -> None:
    rows = pd.DataFrame({"tensor": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]})
    with Conversation(pipeline.panel("inference", rows)) as talk:
        found = talk.ask("look")
        assert found["rows"] == 2 and found["fields"][0]["value"] == "[1.0, 2.0, 3.0]"
        results = talk.ask("run_all")
    assert [row["failed"] for row in results["grid"]["rows"]] == [[], ["too_high"]]
    assert results["anomalies"] == 1


def test_a_row_is_run_paged_and_downloaded(pipeline: Pipeline) -> None:
    with Conversation(pipeline.panel("inference")) as talk:
        with pytest.raises(Refused, match="no results yet"):
            talk.ask("download", format="csv")
        found = talk.ask("run", values=["4, 5, 6"])["grid"]
        assert [column["name"] for column in found["columns"]] == ["time", "in.tensor", "out.y", "out_challenger.y"]
        assert found["rows"][0]["cells"][1:] == ["[4, 5, 6]", "[15]", "[30]"]
        assert found["rows"][0]["failed"] == ["too_high"]
        assert talk.ask("page", first=1)["rows"] == []
        talk.ask("download", format="arrow")
        table = pa.ipc.open_file(talk.buffers[0]).read_all()
        assert table.column("out.y").to_pylist() == [[15.0]]
        talk.ask("download", format="csv")
        assert talk.buffers[0].decode().splitlines()[0].startswith("time,in.tensor,out.y")


def test_a_mistake_names_the_field(pipeline: Pipeline) -> None:
    with Conversation(pipeline.panel("inference")) as talk:
        with pytest.raises(Refused, match="Field 'tensor': expected a list of 3, each a number; got '1, two, 3'"):
            talk.ask("run", values=["1, two, 3"])
        with pytest.raises(Refused, match="tensor"):
            talk.ask("run", values=["1, 2"])
        with pytest.raises(Refused, match="The form has 1 fields; got 0"):
            talk.ask("run", values=[])


def test_the_snippets_run_and_hold_no_token(server: PrivateServer, pipeline: Pipeline) -> None:
    with Conversation(pipeline.panel("inference")) as talk:
        found = talk.ask("write", values=["[1, 2, 3]"])
    assert server.token not in json.dumps(found)
    environment = {**os.environ, "JUPYTER_TOKEN": server.token, "no_proxy": "127.0.0.1"}
    answer = subprocess.run(
        ["/bin/sh", "-c", "\n".join(found["curl"])], env=environment, capture_output=True, check=True, timeout=60
    )
    assert json.loads(answer.stdout)[0]["out"]["y"] == [6.0]
    compile("\n".join(found["python"]), "snippet", "exec")


def test_long_work_holds_up_nothing_and_can_be_stopped(slow: Pipeline) -> None:
    """Messages are taken at once, other questions are answered meanwhile, progress is told, and stop stops."""
    rows = pd.DataFrame({"x": [1.0] * 100_000})
    with Conversation(slow.panel("inference", rows)) as talk:
        started = time.perf_counter()
        number = talk.begin("run_all")
        assert time.perf_counter() - started < 5.0, "the kernel's main thread did the work, 200 requests of it"
        assert talk.ask("look")["rows"] == 100_000
        talk.send({"id": number, "cancel": True})
        with pytest.raises(Refused, match=r"Stopped after [\d,]+ of 100,000"):
            talk.end(number)


def test_progress_is_told(pipeline: Pipeline) -> None:
    rows = pd.DataFrame({"tensor": [[1.0, 2.0, 3.0]] * 1200})
    with Conversation(pipeline.panel("inference", rows)) as talk:
        assert talk.ask("run_all")["grid"]["total"] == 1200
    assert talk.progress[0] == {"done": 0, "total": 1200, "text": "rows"}
    assert talk.progress[-1] == {"done": 1200, "total": 1200, "text": "rows"}


def test_a_pipeline_without_steps_says_what_is_missing(wl: Client) -> None:
    panel = wl.build_pipeline("no-steps").panel("inference")
    with Conversation(panel) as talk, pytest.raises(Refused, match="Open the panel with an example"):
        talk.ask("look")
