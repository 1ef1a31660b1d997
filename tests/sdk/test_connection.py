"""Connections: kept by the server, given in clear to who asks for them, shown by nobody."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from jupyter_wallaroo.errors import WallarooError
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.object import Conflict, ConnectionNotFound, EntityNotFoundError, RequiredAttributeMissing
from jupyter_wallaroo.sdk.pipeline import Pipeline
from tests.sdk.conftest import unique

SECRET = "correct-horse-battery"


@pytest.fixture
def name() -> str:
    return unique("connection")


def test_s2_05_to_s2_11_a_life(wl: Client, name: str) -> None:
    workspace = wl.create_workspace(unique("connected"))
    made = wl.create_connection(name, "HTTP", {"url": "https://example.com/a", "nested": {"n": [1, None, 2.5]}})
    assert (made.name(), made.connection_type(), made.workspace_names()) == (name, "HTTP", [])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", made.created_at())
    assert made.details() == {"url": "https://example.com/a", "nested": {"n": [1, None, 2.5]}}
    assert wl.get_connection(name) == made
    assert made in wl.list_connections()
    other = wl.create_connection(f"{name}-2", "anything at all", {})
    assert workspace.add_connection(f"{name}-2") is workspace
    assert workspace.add_connection(name) is workspace
    workspace.add_connection(name)
    assert workspace.list_connections() == [other, made]
    last = workspace.list_connections()[-1]
    assert last == wl.get_connection(name)
    assert last.workspace_names() == [workspace.name()]
    workspace.remove_connection(name)
    assert workspace.list_connections() == [other]
    made.delete_connection()
    assert made not in wl.list_connections()


def test_s2_03_a31_a_name_is_taken_once(wl: Client, name: str) -> None:
    """The seed shows its create cell twice: run twice, the second says what to do."""
    wl.create_connection(name, "HTTP", {})
    with pytest.raises(Conflict, match="exists already"):
        wl.create_connection(name, "HTTP", {})


def test_s5_13_a26_a_missing_one_is_both_errors(wl: Client) -> None:
    for kind in (EntityNotFoundError, RequiredAttributeMissing, ConnectionNotFound, LookupError, WallarooError):
        with pytest.raises(kind, match="Connection 'no-such-connection' does not exist"):
            wl.get_connection("no-such-connection")
    with pytest.raises(ConnectionNotFound):
        wl.get_current_workspace().add_connection("no-such-connection")


def test_s5_07_a_whole_key_is_kept(wl: Client, name: str, shared_data: Path) -> None:
    """A multi-line private key, and the extra keys."""
    details = json.loads((shared_data / "data" / "bigquery_service_account_input_key.json-example").read_text())
    details["private_key"] = "-----BEGIN PRIVATE KEY-----\nMII\n\tx\u2028y\n-----END PRIVATE KEY-----\n"
    made = wl.create_connection(name, "BIGQUERY", details)
    assert made.details() == details
    assert list(made.details()) == list(details)


def test_s2_13_one_is_a_table_of_fields(wl: Client, name: str) -> None:
    made = wl.create_connection(name, "HTTP", {"url": SECRET})
    cells = re.findall(r"<td>(.*?)</td>", made._repr_html_())
    assert cells == [
        "Name", name, "Connection Type", "HTTP", "Details", "*****", "Created At", made.created_at(),
        "Linked Workspaces", "[]",
    ]  # fmt: skip
    assert re.findall(r"<th>(.*?)</th>", made._repr_html_()) == ["Field", "Value"]


def test_s2_16_s2_17_a_list_is_a_table(wl: Client, name: str) -> None:
    workspace = wl.create_workspace(unique("listing"))
    assert workspace.list_connections()._repr_html_() == "(no connections)"
    made = wl.create_connection(name, "HTTP", {"url": SECRET})
    workspace.add_connection(name)
    html = workspace.list_connections()._repr_html_()
    head = "<tr><th>name</th><th>connection type</th><th>details</th><th>created at</th><th>linked workspaces</th></tr>"
    linked = f"[&#x27;{workspace.name()}&#x27;]"
    cells = f"<td>{name}</td><td>HTTP</td><td>*****</td><td>{made.created_at()}</td><td>{linked}</td>"
    assert html == f"<table>{head}<tr>{cells}</tr></table>"


def test_s2_14_details_are_never_shown(wl: Client, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Not by any way of printing, nor by what debuggers and loggers look at."""
    made = wl.create_connection(name, "HTTP", {"password": SECRET})
    made.details()
    listed = wl.list_connections()
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").debug("%s %r", made, listed)
    shown: list[Any] = [repr(made), str(made), repr(listed), f"{made}", made._repr_html_(), listed._repr_html_()]
    shown += [vars(made), pprint.pformat(vars(made)), caplog.text, repr(copy.copy(made)), repr(vars(wl))]
    assert SECRET not in str(shown)
    with pytest.raises(Exception, match="pickle") as caught:
        pickle.dumps(made)
    assert SECRET not in str(caught.value)


def test_a_hostile_type_is_escaped(wl: Client, name: str) -> None:
    """A type is any text (S2-04), chosen by somebody else."""
    made = wl.create_connection(name, "<script>alert('x')</script>&", {})
    for html in (made._repr_html_(), wl.list_connections()._repr_html_()):
        assert "<script" not in html
        assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;" in html
    assert made.connection_type() == "<script>alert('x')</script>&"


class Shelf:
    """A connector that keeps what is written to it."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.table = pa.table({"tensor": [[1.0, 2.0]], "n": [1]})

    def read(self, details: Any, source: str | None = None, **options: Any) -> pa.Table:
        self.calls.append(("read", details, source, options))
        return self.table

    def write(self, details: Any, table: pa.Table, target: str | None = None, **options: Any) -> int:
        self.calls.append(("write", details, target, options))
        self.table = table
        return table.num_rows


def test_data_is_read_and_written_by_the_types_connector(
    wl: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which gets the details in clear, a source or target, and whatever else was said."""
    shelf, details = Shelf(), {"path": "/x"}
    asked: list[str] = []
    monkeypatch.setattr("jupyter_wallaroo.sdk.connectors.connector_for", lambda kind: asked.append(kind) or shelf)
    made = wl.create_connection(name, "SHELF", details)
    frame = made.read("table", limit=5)
    assert frame.to_dict("list") == {"tensor": [[1.0, 2.0]], "n": [1]}
    assert made.read(arrow=True).num_rows == 1
    assert made.write(pd.DataFrame({"a": [1, 2]}), "target", mode="append") == 2
    assert made.write(shelf.table) == 2
    assert shelf.calls == [
        ("read", details, "table", {"limit": 5}),
        ("read", details, None, {}),
        ("write", details, "target", {"mode": "append"}),
        ("write", details, None, {}),
    ]
    assert asked == ["SHELF"] * 4


def test_s5_26_s5_27_from_one_connection_through_a_pipeline_into_another(
    wl: Client, summing: Pipeline, name: str, tmp_path: Path
) -> None:
    """The tutorial's flow over a database file, by two connections of one type in one workspace."""
    details = {"database": str(tmp_path / "data.duckdb")}
    workspace = wl.create_workspace(unique("flow"))
    for way in ("in", "out"):
        wl.create_connection(f"{name}-{way}", "DUCKDB", {**details, "table": way})
        workspace.add_connection(f"{name}-{way}")
    source, target = workspace.list_connections()
    rows = pd.DataFrame({"tensor": [[float(number), 0.0, 0.0] for number in range(20)]})
    assert source.write(rows, mode="create") == 20
    read = source.read('SELECT tensor FROM "in"')
    pd.testing.assert_frame_equal(read, rows)
    result = summing.infer(read).rename(columns={"in.tensor": "in_tensor", "out.y": "out_y"})
    assert target.write(result, mode="create") == 20
    last = target.read('SELECT * FROM "out" ORDER BY time DESC, out_y DESC LIMIT 5')
    assert list(last.columns) == ["time", "in_tensor", "out_y", "check_failures"]
    assert last["out_y"].tolist() == [[19.0], [18.0], [17.0], [16.0], [15.0]]
    assert (last["time"] == result["time"][0]).all()
    assert last["check_failures"].tolist() == [0] * 5


def test_write_takes_frames_and_tables_only(wl: Client, name: str) -> None:
    made = wl.create_connection(name, "HTTP", {})
    with pytest.raises(TypeError, match="takes a pandas DataFrame or a pyarrow Table; got list"):
        made.write([1, 2])  # type: ignore[arg-type]
