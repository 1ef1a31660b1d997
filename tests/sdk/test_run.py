"""Graphs of steps from the client: written down, run, looked at, run again in part."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.errors import Conflict, InvalidRequest, NotFound
from jupyter_wallaroo.sdk import Client, graph_picture, step, step_values
from jupyter_wallaroo.sdk.graph import Inference, Notebook, Script
from jupyter_wallaroo.sdk.graph_picture import Node
from jupyter_wallaroo.sdk.object import RunError
from jupyter_wallaroo.sdk.pipeline import Pipeline
from jupyter_wallaroo.types.run_plan import WrittenOutput
from tests.graphs import notebook

MAKE = """
import pandas as pd, pathlib, wallaroo
pathlib.Path("note.txt").write_text("kept")
wallaroo.step.output("rows", pd.DataFrame({"tensor": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]}))
wallaroo.step.output("note", pathlib.Path("note.txt"))
wallaroo.step.output("bytes", b"123")
wallaroo.step.output("plain", {"a": [1, None, "x"]})
"""
LOOK = """
given = wallaroo.step.inputs_of("make")
assert list(given["rows"]["tensor"]) == [[1, 2, 3], [4, 5, 6]] and given["note"] == b"kept", given
wallaroo.step.output("sums", wallaroo.step.inputs()["score"][["out.y"]])
wallaroo.step.output("limit", limit)
"""


def test_a_graph_from_a_notebook(wl: Client, summing: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    """Tables, bytes, files and plain values between steps; a notebook's parameters; pictures; a part again."""
    source = notebook("import wallaroo", LOOK, defaults="limit = 1")
    steps = {
        "make": Script(source=MAKE),
        "score": Inference(summing, parents=["make"], dataset=["out"]),
        "look": Notebook(source=source, parents=["make", "score"], parameters={"limit": 7}),
    }
    run = wl.run_graph(steps, name="sums")
    assert (run.status(), run.outcome()) == ("SUCCESS", "ok"), run.steps()
    assert re.fullmatch(r"make: SUCCESS \(.* s\)\nscore: .*\nlook: .*\n", capsys.readouterr().out)
    assert run.outputs("make")["plain"] == {"a": [1, None, "x"]}
    assert run.outputs("make")["bytes"] == b"123"
    sums = run.outputs("look")["sums"]
    assert isinstance(sums, pd.DataFrame) and sums["out.y"].tolist() == [[6.0], [15.0]]
    executed: dict[str, Any] = run.notebook("look")
    injected = [cell for cell in executed["cells"] if "injected-parameters" in cell["metadata"].get("tags", [])]
    assert "".join(injected[0]["source"]) == "# Parameters\nlimit = 7"
    assert run.outputs("look")["limit"] == 7
    with pytest.raises(NotFound, match=r"score.*no executed notebook"):
        run.notebook("score")
    again = run.rerun(selection=["look"], wait=True)
    assert [item.key for item in again.steps()] == ["look"] and again.outcome() == "ok"
    assert "not in this run" in again._repr_html_()
    with pytest.raises(Conflict, match="has ended"):
        again.abort()
    assert [item.id for item in wl.list_runs(2)] == [again.id(), run.id()]
    assert wl.get_run(run.id()).name() == "sums"


def test_a_run_that_fails_says_why(wl: Client) -> None:
    steps = {"<b>bad</b>": "no"}
    with pytest.raises(InvalidRequest, match="expected a Notebook, Script or Inference; got str"):
        wl.run_graph(steps)  # type: ignore[arg-type]
    run = wl.run_graph(
        {"bad": Script(source="raise ValueError('<i>no</i> rows')"), "next": Script(source="", parents=["bad"])}
    )
    assert run.outcome() == "failed"
    with pytest.raises(RunError, match="'bad': ValueError: <i>no</i> rows"):
        run.raise_if_failed()
    html = run._repr_html_()
    assert "&lt;i&gt;no&lt;/i&gt; rows" in html and "<i>" not in html
    assert "✘ FAILURE" in html and "⊘ ABORTED" in html
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")
    assert "✘ FAILURE" in run.mermaid() and "s0 --> s1" in run.mermaid()


def test_waiting_for_less_than_it_takes(wl: Client) -> None:
    run = wl.run_graph({"a": Script(source="import time\ntime.sleep(600)")}, wait=False)
    with pytest.raises(RunError, match="has not ended after"):
        run.wait(0.2)
    assert run.abort().wait().outcome() == "aborted"


def test_code_of_steps_can_be_tried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "_tried", {})
    with pytest.raises(InvalidRequest, match="does not run as a step"):
        step.inputs()
    step.try_out(inputs={"load": [1, 2]}, parameters={"n": 3})
    assert (dict(step.inputs()), step.parameters(), step.is_running()) == ({"load": [1, 2]}, {"n": 3}, False)
    step.output("x", object())


@given(st.text(min_size=1))
def test_whatever_a_step_is_called_is_escaped(key: str) -> None:
    nodes = [Node(key, "script", [], "STARTED"), Node(key + "2", "script", [key], None, note=key)]
    drawn = graph_picture.svg(nodes)
    assert drawn.count("<g>") == 2 and drawn.count("<title>") == 2
    label = graph_picture.mermaid(nodes).split("\n")[1]
    assert label.startswith('    s0["') and label.count('"') == 2


@pytest.mark.parametrize(
    ("value", "said"),
    [({1, 2}, "not JSON serializable"), (float("nan"), "not JSON compliant"), (Path("nowhere"), "there is no file")],
)
def test_what_cannot_be_kept_is_said(tmp_path: Path, value: object, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        step_values.write(tmp_path, "x", value)
    with pytest.raises(InvalidRequest, match="The name comes first"):
        step_values.write(tmp_path, [1], "x")  # type: ignore[arg-type]


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.text()
        | st.floats(allow_nan=False, allow_infinity=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_plain_values_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    assert _kept(tmp_path_factory.mktemp("values"), value) == value


def test_tables_come_back_as_frames(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [[1.5], []]})
    pd.testing.assert_frame_equal(_kept(tmp_path, frame), frame)
    pd.testing.assert_frame_equal(_kept(tmp_path, pa.table({"a": [1, 2]})), frame[["a"]])


def _kept(folder: Path, value: object) -> Any:
    step_values.write(folder, "x", value)
    line = json.loads((folder / "index.jsonl").read_text().splitlines()[-1])
    written = WrittenOutput(**line)
    return step_values.read(step_values.OutputKind(written.kind), (folder / written.stored).read_bytes())


def test_paths_are_found_where_the_code_works(
    wl: Client, server: PrivateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a person in a notebook expects; a file that is edited counts when it is run again."""
    folder = server.directory / "where-i-work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path("job.py").write_text("import wallaroo\nwallaroo.step.output('x', open('data.txt').read())")
    Path("data.txt").write_text("one")
    run = wl.run_graph({"job": Script("job.py", files=["data.txt"])})
    assert run.outputs("job") == {"x": "one"}
    Path("data.txt").write_text("two")
    assert run.rerun(wait=True).outputs("job") == {"x": "two"}
