"""Every verb, as a person types it, against a real server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from IPython.core.error import UsageError

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.magics.registry import VERBS
from jupyter_wallaroo.sdk.model import Model
from jupyter_wallaroo.sdk.model_version import ModelVersion
from jupyter_wallaroo.sdk.pipeline import Pipeline
from tests import models
from tests.magics.shell import Shell
from tests.sdk.conftest import unique


def test_help_is_everywhere(shell: Shell) -> None:
    """The list of verbs, each verb's own, each member of a family, and IPython's question mark."""
    shell.run("%wl -h")
    assert all(f"wl {verb.name} " in shell.printed for verb in VERBS)
    for verb in VERBS:
        for path in [f"{verb.name} {item.name}" for item in verb.verbs] or [verb.name]:
            shell.run(f"%wl {path} -h")
            assert f"usage: %wl {path}" in shell.printed and "--out VAR" in shell.printed
    assert "Put models into production" in shell.shell.magics_manager.magics["line"]["wl"].__doc__


def test_the_workspace_at_a_glance(shell: Shell, deployed: str) -> None:
    """Pipelines with how they are, models, connections: as text, as HTML, and to be looked into."""
    found = shell.run("%wl")
    text = shell.text_of(found)
    assert f"{deployed}  ● Running 1/1" in text and "1 pipeline, 1 model, 0 connections" in text
    assert "No connections yet: %wl connection create" in text
    assert [item.name() for item in found["pipelines"]] == [deployed]
    assert f"<td>{deployed}</td><td>● Running 1/1</td>" in shell.html_of(found)


def test_where_am_i(shell: Shell) -> None:
    """The workspace is said, changed, made only when that was asked for; Python's client means the same one."""
    name = unique("team")
    before = shell.run("%wl workspace").title
    with pytest.raises(UsageError, match="There is no workspace"):
        shell.run(f"%wl workspace {name}")
    made = shell.run(f"%wl workspace {name} --create")
    assert made.title == f"Workspace {name!r}" and made["pipelines"] == 0
    assert any(item.name() == name for item in shell.run("%wl ls workspaces"))
    old = before.split("'")[1]
    shell.run(f"%wl workspace {old}")
    assert shell.run("%wl workspace").title == before


def test_a_client_in_the_variable_wl_is_the_one(environment: None) -> None:
    """What Python chose holds for the magics, and the other way round."""
    fresh, name = Shell(), unique("shared")
    try:
        fresh.run("import wallaroo\nwl = wallaroo.Client()")
        fresh.run(f"wl.set_current_workspace(wl.create_workspace({name!r}))")
        assert fresh.run("%wl workspace").title == f"Workspace {name!r}"
        fresh.run("%wl workspace 'other of mine' --create")
        assert fresh.run("wl.get_current_workspace().name()") == "other of mine"
    finally:
        fresh.close()


def test_lists(shell: Shell, deployed: str) -> None:
    """Each noun, in the plural or not; what is assigned is what the client gives."""
    shell.run("mine = %wl ls pipelines")
    assert [type(item) for item in shell.value("mine")] == [Pipeline]
    assert isinstance(shell.run("%wl ls model")[0], Model)
    for noun in ("connections", "workspaces", "tags", "users"):
        assert shell.text_of(shell.run(f"%wl ls {noun}"))
    with pytest.raises(UsageError, match=r"There is no noun 'pipelnes'. Did you mean 'pipelines'"):
        shell.run("%wl ls pipelnes")


def test_the_doctor_says_all_and_no_secret(
    server: PrivateServer, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versions, paths, server; neither the token nor who is at home."""
    found = shell.run("%wl doctor")
    text = shell.text_of(found)
    assert found["server"].startswith("● ok, version ") and "replicas run" in found["deployments"]
    assert {"python", "platform", "directory", "pandas", "pyarrow"} <= found.keys()
    assert server.token not in text
    assert shell.html_of(found).startswith("<pre>jupyter-wallaroo doctor\n")
    monkeypatch.setenv("WALLAROO_URL", "http://ada:hunter2@127.0.0.1:1/wallaroo")
    monkeypatch.setenv("HOME", str(Path.cwd()))
    lost = Shell()
    try:
        text = lost.text_of(lost.run("%wl doctor"))
    finally:
        lost.close()
    assert "✖ Nobody answers" in text and "next step" in text and "WALLAROO_URL" in text
    assert "directory" in text and "python" in text


def test_a_file_is_uploaded(shell: Shell, tmp_path: Path) -> None:
    """By its path, or by a variable that holds one; the framework is said where the file does not say it."""
    path = tmp_path / "my model.onnx"
    path.write_bytes(models.row_sum(3))
    found = shell.run(f"%wl upload '{path}' --name summer")
    assert isinstance(found, ModelVersion) and found.status() == "ready"
    assert "Uploading my model.onnx" in shell.printed and "ok" in shell.printed
    shell.give(path=path)
    shell.run("%wl upload path --name summer --out second --quiet")
    assert shell.value("second").name() == "summer" and shell.printed == ""
    with pytest.raises(UsageError, match=r"There is no file 'none.onnx'"):
        shell.run("%wl upload none.onnx --name x")
    with pytest.raises(UsageError, match="Did you mean 'sklearn'"):
        shell.run(f"%wl upload '{path}' --name x --framework sklern")
    shell.give(number=3)
    with pytest.raises(UsageError, match="holds a int, which is no model"):
        shell.run("%wl upload number --name x")


def test_a_conversion_that_changes_labels_is_refused_with_the_table(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line of error; the rows stand above it; no version was made."""
    from sklearn.neighbors import KNeighborsClassifier

    features = np.array([[100_000_000.0 + step] for step in range(8)])
    shell.give(near=KNeighborsClassifier(1).fit(features, [0, 1] * 4), features=features)
    before = len(shell.run("%wl ls models"))
    with pytest.raises(UsageError, match="labels changed") as refused:
        shell.run("%wl upload near --name near --sample features")
    assert "\n" not in str(refused.value)
    assert "ROW  OUTPUT" in shell.printed and "predictions" in shell.printed
    assert len(shell.run("%wl ls models")) == before


def test_deploy_infer_change_and_back(shell: Shell, tmp_path: Path) -> None:
    """The life of a pipeline: planned, deployed, asked, changed by a cell, compared, rolled back, undeployed."""
    name = unique("life")
    for factor, model in ((1.0, "once"), (2.0, "twice")):
        path = tmp_path / f"{model}.onnx"
        path.write_bytes(models.row_sum(3, factor))
        shell.run(f"%wl upload {path} --name {model} --out {model}")
    plan = shell.run(f"%wl deploy {name} once --replicas 2 --cpus 0.25 --memory 512Mi --dry-run")
    assert plan.is_dry_run() and f"+ {name}" in str(plan)
    found = shell.run(f"%wl deploy {name} once --replicas 2 --cpus 0.25 --memory 512Mi")
    assert isinstance(found, Pipeline) and "Plan: 1 to add." in shell.printed
    assert "Waiting for deployment" in shell.printed and f"{name}: ● Running 2/2 at http" in shell.printed
    shell.give(frame=pd.DataFrame({"x": [[1.0, 2.0, 3.0]]}))
    shell.run(f"%wl infer {name} frame --out result")
    assert shell.value("result")["out.y"].tolist() == [[6.0]]

    shell.run(f"%%wl deploy {name}\nsteps:\n  - model: twice\nresources: {{replicas: 1}}\n")
    assert "replicas: 2 → 1" in shell.printed
    shell.run(f"%wl infer {name} frame --out result")
    assert shell.value("result")["out.y"].tolist() == [[12.0]]
    assert "'once'" in str(shell.run(f"%wl diff {name}"))

    shell.run(f"%wl rollback {name} --quiet --out back")
    assert shell.printed == ""
    shell.run(f"%wl infer {name} frame --out result")
    assert shell.value("result")["out.y"].tolist() == [[6.0]]
    status = shell.text_of(shell.run(f"%wl status {name}"))
    assert "models     once" in status and "; the newest is " in status
    version = shell.run("%wl ls pipelines")[0]
    assert version.name() and shell.run(f"%wl rollback {name} {found.versions()[0].version()[:8]} --no-wait")

    shell.run(f"%wl undeploy {name}")
    assert f"{name}: ○ not deployed" in shell.printed
    assert "○ not deployed" in shell.text_of(shell.run(f"%wl status {name}"))


def test_a_variable_may_stand_for_a_model(shell: Shell, deployed: str, tmp_path: Path) -> None:
    """The version that it holds is the one, and several make several steps."""
    (tmp_path / "m.onnx").write_bytes(models.row_sum(3, 4.0))
    shell.run(f"%wl upload {tmp_path / 'm.onnx'} --name four --out mine")
    plan = shell.run(f"%wl deploy {unique('v')} mine four --dry-run")
    assert str(plan).count(shell.value("mine").version()[:8]) == 2


def test_mistakes_in_a_cell_of_deploy(shell: Shell) -> None:
    """No YAML, no pipeline, another name, models on the line, an empty cell: one line each, nothing changed."""
    before = len(shell.run("%wl ls pipelines"))
    for cell, said in {
        "%%wl deploy a\nsteps: [": "not valid YAML",
        "%%wl deploy a\n- 3": "not a pipeline",
        "%%wl deploy a\nname: b\nsteps: []": "another pipeline",
        "%%wl deploy\nsteps: []": "does not say the pipeline's name",
        "%%wl deploy a b\nsteps: []": "the cell says the models",
        "%%wl deploy a\n   \n": "is empty",
        "%%wl deploy a\nsteps:\n - modl: x": "modl",
        "%%wl status a\nx": "takes no cell",
    }.items():
        with pytest.raises(UsageError, match=said) as refused:
            shell.run(cell)
        assert "\n" not in str(refused.value)
    with pytest.raises(UsageError, match="which PIPELINE"):
        shell.run("%wl deploy")
    assert len(shell.run("%wl ls pipelines")) == before


@pytest.mark.parametrize("suffix", ["json", "csv", "parquet", "arrow"])
def test_infer_takes_files(shell: Shell, deployed: str, tmp_path: Path, suffix: str) -> None:
    """Whatever the rows come from, the answers are the model's."""
    frame: pd.DataFrame = shell.value("rows")
    path = tmp_path / f"rows.{suffix}"
    match suffix:
        case "json":
            frame.to_json(path, orient="records")
        case "csv":
            frame.to_csv(path, index=False)
        case "parquet":
            frame.to_parquet(path, index=False)
        case _:
            frame.to_feather(path)
    shell.run(f"%wl infer {deployed} {path} --out result --timeout 30")
    assert shell.value("result")["out.predictions"].tolist() == shell.value("model").predict(frame).tolist()


def test_infer_takes_variables_cells_and_connections(shell: Shell, deployed: str, tmp_path: Path) -> None:
    """A table, an array, a list of records, rows as JSON, JSON lines or CSV in a cell, and data from elsewhere."""
    frame: pd.DataFrame = shell.value("rows")
    expected = shell.value("model").predict(frame).tolist()
    shell.give(table=pa.Table.from_pandas(frame, preserve_index=False), array=frame.to_numpy())
    assert shell.run(f"%wl infer {deployed} table").column("out.predictions").to_pylist() == expected
    assert shell.run(f"%wl infer {deployed} array")["out.predictions"].tolist() == expected
    first = frame.head(2)
    for text in (
        first.to_json(orient="records"),
        first.to_json(orient="records", lines=True),
        first.to_csv(index=False),
    ):
        assert shell.run(f"%%wl infer {deployed}\n{text}")["out.predictions"].tolist() == expected[:2]
    frame.to_parquet(tmp_path / "rows.parquet", index=False)
    name = unique("folder")
    shell.run(f"%wl connection create {name} FILE path={tmp_path}")
    found = shell.run(f"%wl infer {deployed} connection:{name}:rows.parquet")
    assert found["out.predictions"].tolist() == expected


def test_many_rows_go_in_parts(shell: Shell, deployed: str) -> None:
    """In order, with progress."""
    rows = pd.concat([shell.value("rows")] * 600, ignore_index=True)
    shell.give(many=rows)
    shell.run(f"%wl infer {deployed} many --out result")
    assert "Inferring 24,000 rows" in shell.printed
    assert shell.value("result")["in.amount"].round(5).tolist() == rows["amount"].round(5).tolist()


def test_many_rows_go_from_place_to_place(shell: Shell, deployed: str, tmp_path: Path) -> None:
    """Files and connections are read and written by and by; what is displayed is how many rows that were."""
    frame: pd.DataFrame = shell.value("rows")
    expected = shell.value("model").predict(frame).tolist()
    frame.to_parquet(tmp_path / "rows.parquet", index=False)
    shell.run(f"%wl infer {deployed} {tmp_path / 'rows.parquet'} --to {tmp_path / 'out.csv'} --chunk-rows 7")
    assert "Inferring 40 rows  ok" in shell.printed
    assert f"40 rows of results are in {tmp_path / 'out.csv'}." in shell.printed
    assert pd.read_csv(tmp_path / "out.csv")["out.predictions"].tolist() == expected
    name = unique("database")
    shell.run(f"%wl connection create {name} SQLITE path={tmp_path / 'rows.db'}")
    where = f"connection:{name}"
    shell.run(f"%wl infer {deployed} rows --to {where}:scores --mode create --out written")
    assert shell.value("written") == 40
    shell.run(f"%wl infer {deployed} {tmp_path / 'rows.parquet'} --to {where}:scores")
    place = shell.run(f"%wl connection get {name}")
    assert place.read("scores")["out.predictions"].tolist() == expected * 2
    shell.give(holed=[{"amount": 1.0, "age": 30}])
    with pytest.raises(UsageError, match="--to and --keep-errors take rows"):
        shell.run(f"%wl infer {deployed} holed --to x.csv")
    with pytest.raises(UsageError, match="No table is named"):
        shell.run(f"%wl infer {deployed} {where}")


def test_rows_of_a_matrix_come_from_files_too(shell: Shell, tmp_path: Path) -> None:
    """A model that takes one column of lists is given the columns of a file as such, chunk by chunk."""
    from sklearn.linear_model import LinearRegression

    numbers = np.arange(40.0).reshape(20, 2)
    shell.give(plain=LinearRegression().fit(numbers, numbers.sum(axis=1)), matrix=numbers)
    name = unique("matrix")
    shell.run("%wl upload plain --name plain --sample matrix")
    shell.run(f"%wl deploy {name} plain")
    try:
        pd.DataFrame(numbers, columns=["a", "b"]).to_csv(tmp_path / "rows.csv", index=False)
        found = shell.run(f"%wl infer {name} {tmp_path / 'rows.csv'} --chunk-rows 6")
        assert found["out.predictions"].round(3).tolist() == numbers.sum(axis=1).tolist()
    finally:
        shell.run(f"%wl undeploy {name}")


def test_data_that_is_none(shell: Shell, deployed: str) -> None:
    """Near names are offered; what is no rows, or does not fit, says so."""
    shell.give(customers=pd.DataFrame({"x": [1]}), word=3, text=pd.DataFrame({"amount": ["a"], "age": ["b"]}))
    for line, said in {
        "custmers": "neither a variable nor a file. Did you mean 'customers'",
        "word": "holds a int, which is no rows",
        "connection:nope": "does not exist",
        "text": "expected",
    }.items():
        with pytest.raises(UsageError, match=said):
            shell.run(f"%wl infer {deployed} {line}")
    with pytest.raises(UsageError, match="which DATA"):
        shell.run(f"%wl infer {deployed}")
    with pytest.raises(UsageError, match="the rows are in the cell"):
        shell.run(f"%%wl infer {deployed} rows\n[]")


def test_logs(shell: Shell, deployed: str) -> None:
    """The newest, of a while, as a table."""
    shell.run(f"%wl infer {deployed} rows --out result")
    assert len(shell.run(f"%wl logs {deployed} --limit 3")) == 3
    assert shell.run(f"%wl logs {deployed} --since 1h --limit 5 --arrow").num_rows == 5
    assert len(shell.run(f"%wl logs {deployed} --anomalies")) == 0
    for age in ("1y", "", "-1s", "h"):
        with pytest.raises(UsageError, match="--since: expected"):
            shell.run(f"%wl logs {deployed} --since={age}")


def test_bench_measures(shell: Shell, deployed: str) -> None:
    """Figures that can be true: times rise with their share, every request was answered, words that quote them."""
    logged = len(shell.run(f"%wl logs {deployed} --limit 100000 --quiet"))
    found = shell.run(f"%wl bench {deployed} rows --seconds 0.3 --connections 1,2")
    assert [item.connections for item in found.figures] == [1, 2]
    assert all(item.failed == 0 and item.requests_per_s > 1 for item in found.figures)
    assert all(0 < item.quantile_ms(0.5) <= item.quantile_ms(0.95) <= item.quantile_ms(0.99) for item in found.figures)
    now = len(shell.run(f"%wl logs {deployed} --limit 100000 --quiet"))
    assert now - logged >= sum(len(item.times_s) for item in found.figures)
    assert "requests/s with" in shell.text_of(found) and "P99 MS" in shell.text_of(found)
    frame = found.to_pandas()
    assert frame["at once"].tolist() == [1, 2] and (frame["p50 ms"] > 0).all()
    assert (frame["all cores"] > 0).all() and (frame["replicas' cores"] >= 0).all(), "as the server says"
    with pytest.raises(UsageError, match="--connections: expected"):
        shell.run(f"%wl bench {deployed} rows --connections 1,x")


def test_results_are_kept_or_shown(shell: Shell) -> None:
    """``--out`` names a variable, and nothing is displayed then; what is no name is refused before anything is done."""
    assert shell.run("%wl ls workspaces --out rooms") is None
    assert shell.printed == f"rooms: Table of {len(shell.value('rooms'))}\n"
    with pytest.raises(UsageError, match="cannot be the name of a variable"):
        shell.run("%wl ls workspaces --out 1x")
