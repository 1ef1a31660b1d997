"""Logs of a real pipeline: what was inferred, in the same form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from jupyter_wallaroo.errors import InvalidRequest, NotFound
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.inference_log import size_bytes
from jupyter_wallaroo.sdk.pipeline import Pipeline
from tests.sdk.conftest import unique

COLUMNS = ["time", "in.tensor", "out.y", "check_failures"]


@pytest.fixture(scope="module")
def logged(wl: Client, model_file: Path) -> Iterator[Pipeline]:
    """A pipeline that has inferred 150 rows of one schema and, last, one of another."""
    model = wl.upload_model("summer", model_file).configure(tensor_fields=["tensor"])
    pipeline = wl.build_pipeline(unique("logged")).add_model_step(model).deploy()
    pipeline.infer(pd.DataFrame({"tensor": [[float(number), 0.0, 0.0] for number in range(150)]}))
    pipeline.infer(pd.DataFrame({"tensor": [[1.0, 1.0, 1.0]], "note": ["x"]}))
    yield pipeline
    pipeline.undeploy()


def test_the_newest_come_first_in_the_form_of_results(logged: Pipeline) -> None:
    frame = logged.logs(limit=2)
    assert set(frame.columns) == {*COLUMNS, "in.note"}
    assert frame["out.y"].tolist() == [[3.0], [149.0]]
    assert frame["time"].dtype == np.dtype("datetime64[ms]")
    assert frame["check_failures"].tolist() == [0, 0]


def test_the_default_is_a_hundred_and_says_that_there_are_more(logged: Pipeline) -> None:
    with pytest.warns(UserWarning, match="more than these 100 logs"):
        frame = logged.logs()
    assert len(frame) == 100


def test_a_table_when_asked(logged: Pipeline) -> None:
    table = logged.logs(limit=151, arrow=True)
    assert isinstance(table, pa.Table)
    assert table.num_rows == 151
    assert table.column("out.y").to_pylist()[1:3] == [[149.0], [148.0]]


def test_times_bound_what_comes_oldest_first(logged: Pipeline) -> None:
    """Aware or local times; the end is not included."""
    everything = logged.logs(start_datetime=datetime.now(UTC) - timedelta(hours=1), end_datetime=datetime.now(UTC))
    assert [value[0] for value in everything["out.y"]] == [*map(float, range(150)), 3.0]
    last = everything["time"].iloc[-1].to_pydatetime().replace(tzinfo=UTC)
    assert len(logged.logs(start_datetime=datetime(2000, 1, 1), end_datetime=last)) == 150
    assert len(logged.logs(start_datetime=last, end_datetime=last + timedelta(milliseconds=1))) == 1
    assert logged.logs(end_datetime=datetime(2000, 1, 1)).shape == (0, 0)
    assert len(logged.logs(start_datetime=datetime(2000, 1, 1), limit=5)) == 5


def test_fields_are_chosen_as_in_inferences(logged: Pipeline) -> None:
    assert list(logged.logs(limit=1, dataset=["time", "out"]).columns) == ["time", "out.y"]
    assert list(logged.logs(limit=1, dataset_exclude=["in", "check_failures"]).columns) == ["time", "out.y"]
    assert "metadata.last_model" in logged.logs(limit=1, dataset=["metadata"]).columns
    assert "in_note" in logged.logs(limit=1, dataset_separator="_").columns


def test_topics_are_read_by_name(wl: Client, logged: Pipeline, tmp_path: Path) -> None:
    """As the vendor's client does: with how the records ended, or into files."""
    topic = wl.get_topic_name(logged.id())
    frame, status = wl.get_logs(topic, limit=2)
    assert isinstance(frame, pd.DataFrame)
    assert frame["out.y"].tolist() == [[3.0], [149.0]]
    assert status == "RecordLimited"
    table, status = wl.get_logs(topic, limit=1000, dataset=["out"], arrow=True)
    assert isinstance(table, pa.Table)
    assert (table.num_rows, table.column_names, status) == (151, ["out.y"], "All")
    nothing, status = wl.get_logs(topic, limit=1000, directory=tmp_path, file_prefix="p")
    assert (nothing, status) == (None, "All")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p-1.json", "p-2.json"]
    with pytest.raises(NotFound, match=r"get_topic_name\(pipeline.id\(\)\)"):
        wl.get_logs("logs of mine")


def test_records_that_failed_a_validation(wl: Client, logged: Pipeline, model_file: Path, tmp_path: Path) -> None:
    """``valid``, and the topic of failures; nobody failed where there is no validation."""
    assert logged.logs(limit=5, valid=False).shape == (0, 0)
    assert len(logged.logs(limit=5, valid=True)) == 5
    model = wl.upload_model("summer", model_file).configure(tensor_fields=["tensor"])
    pipeline = wl.build_pipeline(unique("validated")).add_model_step(model)
    pipeline.add_validations(large=pl.col("out.y").list.get(0) > 5).deploy()
    pipeline.infer(pd.DataFrame({"tensor": [[float(number), 0.0, 0.0] for number in range(10)]}))
    assert [cell[0] for cell in pipeline.logs(valid=False)["out.y"]] == [9.0, 8.0, 7.0, 6.0]
    assert len(pipeline.logs(valid=True)) == 6
    frame, _ = wl.get_logs(f"{wl.get_topic_name(pipeline.id())}-failures", limit=10)
    assert isinstance(frame, pd.DataFrame)
    assert frame["check_failures"].tolist() == [1, 1, 1, 1]
    (file,) = pipeline.export_logs(tmp_path, valid=False)
    assert len(file.read_text().splitlines()) == 4
    pipeline.undeploy()


def test_a_pipeline_that_never_inferred_has_no_logs(wl: Client) -> None:
    pipeline = wl.build_pipeline(unique("silent"))
    assert pipeline.logs().shape == (0, 0)
    assert pipeline.logs(arrow=True).num_rows == 0


@pytest.mark.parametrize("arrow", [False, True])
def test_files_hold_one_schema_each(logged: Pipeline, tmp_path: Path, arrow: bool) -> None:
    first, second = logged.export_logs(tmp_path / "new" / "folder", "house", arrow=arrow)
    assert [first.name, second.name] == [f"house-{number}.{'arrow' if arrow else 'json'}" for number in (1, 2)]
    if arrow:
        with pa.memory_map(str(second)) as source:
            assert pa.ipc.open_file(source).read_all().num_rows == 150
    else:
        rows = [json.loads(line) for line in second.read_text().splitlines()]
        assert len(rows) == 150
        assert rows[0]["out.y"] == [149.0]
        assert isinstance(rows[0]["time"], int)


def test_files_end_at_the_limit(logged: Pipeline, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="the limit of 1 bytes"):
        assert len(logged.export_logs(tmp_path, data_size_limit="1 B")) == 1
    (only,) = logged.export_logs(tmp_path, limit=1)
    assert only.name == f"{logged.name()}-1.json"
    assert len(only.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "expected"), [("100 MB", 10**8), ("1.5GB", 15 * 10**8), ("2KiB", 2048), ("7", 7), ("3 b", 3), (None, None)]
)
def test_amounts(text: str | None, expected: int | None) -> None:
    assert size_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "MB", "1 XB", "-1 MB", "1..5 MB"])
def test_amounts_that_are_none(text: str) -> None:
    with pytest.raises(InvalidRequest, match="data_size_limit"):
        size_bytes(text)


def test_what_cannot_be_a_limit_or_a_time_is_refused(logged: Pipeline) -> None:
    for limit in (0, -1, 1.5, True):
        with pytest.raises(InvalidRequest, match="limit"):
            logged.logs(limit=limit)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="start_datetime: expected a datetime"):
        logged.logs(start_datetime="2026-01-01")  # type: ignore[arg-type]
