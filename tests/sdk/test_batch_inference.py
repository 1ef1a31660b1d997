"""Batch inference: any number of rows from anywhere to anywhere, in order, in bounded memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import dataset, parquet

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.errors import InvalidRequest, TooLarge
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.connection import Connection
from jupyter_wallaroo.sdk.connectors import ConnectorError
from jupyter_wallaroo.sdk.object import InferenceError, InferenceInputError
from jupyter_wallaroo.sdk.pipeline import Pipeline
from tests import models
from tests.counterparts import BigQueryService, HttpFiles
from tests.sdk.conftest import endpoint, unique

ROWS = 1_000
NUMBERS = np.arange(3 * ROWS, dtype=np.float32).reshape(ROWS, 3)
SUMS = [[float(total)] for total in NUMBERS.sum(axis=1)]
FRAME = pd.DataFrame({"tensor": NUMBERS.tolist()})
TABLE = pa.table({"tensor": NUMBERS.tolist()})
MEMORY_ROWS = int(os.environ.get("JUPYTER_WALLAROO_TEST_ROWS", "500_000"))
"""Of the drill that measures memory; in full two million."""


def write_file(path: Path) -> Path:
    """Write the rows as the suffix says."""
    match path.suffix:
        case ".parquet":
            parquet.write_table(TABLE, path)
        case ".arrow":
            with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, TABLE.schema) as writer:
                writer.write_table(TABLE)
        case ".csv":
            FRAME.to_csv(path, index=False)
        case ".jsonl":
            FRAME.to_json(path, orient="records", lines=True)
        case _:
            FRAME.to_json(path, orient="records")
    return path


def outputs(batches: Iterator[pa.RecordBatch]) -> list[Any]:
    return [value for batch in batches for value in batch.column("out.y").to_pylist()]


SOURCES: dict[str, Any] = {
    "frame": lambda: FRAME,
    "table": lambda: TABLE,
    "batch": lambda: TABLE.combine_chunks().to_batches()[0],
    "reader": lambda: TABLE.to_reader(max_chunksize=70),
    "dataset": lambda: dataset.dataset(TABLE),
    "frames": lambda: (FRAME[start : start + 30] for start in range(0, ROWS, 30)),
    "tables": lambda: [TABLE.slice(0, 999), TABLE.slice(999)],
    "numbers and floats": lambda: [
        pa.table({"tensor": NUMBERS[:500].astype(np.int64).tolist()}),
        pa.table({"tensor": NUMBERS[500:].tolist()}),
    ],
}


@pytest.mark.parametrize("kind", SOURCES)
def test_rows_come_from_anything_and_stay_in_order(summing: Pipeline, kind: str) -> None:
    """Whole chunks go, however small the parts are that they come in."""
    with summing.infer_batches(SOURCES[kind](), chunk_rows=64, num_parallel=4, dataset=["out"]) as result:
        batches = list(result)
    assert outputs(iter(batches)) == SUMS
    assert [batch.num_rows for batch in batches] == [64] * 15 + [40]
    assert result.rows_done == ROWS


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv", ".jsonl", ".json"])
def test_from_file_to_file(summing: Pipeline, tmp_path: Path, suffix: str) -> None:
    """Of every format, and nothing else lies beside it."""
    source = write_file(tmp_path / f"rows{suffix}")
    target = tmp_path / "out" / f"results{suffix}"
    assert summing.infer_batches(source, chunk_rows=300).write(target) == ROWS
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    match suffix:
        case ".parquet":
            found = parquet.read_table(target)
        case ".arrow":
            found = pa.ipc.open_file(target.read_bytes()).read_all()
        case ".csv":
            found = pa.table({"out.y": pd.read_csv(target)["out.y"].map(json.loads)})
        case ".jsonl":
            found = pa.Table.from_pylist([json.loads(line) for line in target.read_text().splitlines()])
        case _:
            found = pa.Table.from_pylist(json.loads(target.read_text()))
    assert found.column("out.y").to_pylist() == SUMS


def test_it_is_what_infer_gives(summing: Pipeline) -> None:
    """As a frame and as a table, except for the times; and anything that reads Arrow reads it."""
    whole = summing.infer(FRAME)
    found = summing.infer_batches(FRAME, chunk_rows=100).to_pandas()
    assert list(found.columns) == list(whole.columns)
    pd.testing.assert_frame_equal(found.drop(columns="time"), whole.drop(columns="time"))
    assert found["time"].is_monotonic_increasing or found["time"].nunique() > 0
    table = summing.infer_batches(TABLE, chunk_rows=100).to_table()
    assert table.drop(["time"]).equals(summing.infer(TABLE).drop(["time"]))
    stream = pa.RecordBatchReader.from_stream(summing.infer_batches(TABLE, chunk_rows=100))
    assert stream.schema == table.schema
    assert stream.read_all().num_rows == ROWS


def test_nothing_is_done_before_it_is_asked(summing: Pipeline) -> None:
    """And no more than asked: reading ahead ends at the chunks that are under way."""
    read = []

    def frames() -> Iterator[pd.DataFrame]:
        for start in range(0, ROWS, 10):
            read.append(start)
            yield FRAME[start : start + 10]

    before = threading.active_count()
    result = summing.infer_batches(frames(), chunk_rows=10, num_parallel=3)
    assert read == [] and threading.active_count() == before
    next(result)
    assert len(read) == 4
    result.close()
    result.close()
    assert len(read) == 4 and threading.active_count() == before
    assert list(result) == []


# ---------------------------------------------------------------- connections


@pytest.mark.parametrize("kind", ["SQLITE", "DUCKDB"])
def test_from_table_to_table(wl: Client, summing: Pipeline, tmp_path: Path, kind: str) -> None:
    """Of a database, by name; the first rows make the table, the others are added."""
    name = unique("database")
    place = wl.create_connection(name, kind, {"path": str(tmp_path / "rows.db")})
    place.write(TABLE, "rows", mode="create")
    result = summing.infer_batches(f"connection:{name}:rows", chunk_rows=300)
    assert result.write(f"connection:{name}:results", mode="create") == ROWS
    found = place.read('SELECT "out.y" AS y FROM results')
    assert sorted(map(list, found["y"])) == sorted(SUMS)
    again = summing.infer_batches(place, chunk_rows=300)
    with pytest.raises(InvalidRequest, match="No table is named"):
        again.to_table()


def test_from_files_to_a_file(wl: Client, summing: Pipeline, tmp_path: Path) -> None:
    """Of a folder: all that a pattern finds, in the order of their names; the result is written at the end."""
    place = wl.create_connection(unique("folder"), "FILE", {"path": str(tmp_path)})
    for number in range(4):
        place.write(TABLE.slice(number * 250, 250), f"in/{number}.parquet")
    result = summing.infer_batches(f"connection:{place.name()}:in/*.parquet", chunk_rows=100)
    assert result.write(place, "out.parquet") == ROWS
    assert parquet.read_table(tmp_path / "out.parquet").column("out.y").to_pylist() == SUMS


def in_parts(place: Connection, name: str, **options: Any) -> list[int]:
    """Write the rows, read them in parts, which together are what ``read`` gives; return how large they were."""
    place.write(TABLE, name, **options)
    parts = list(place.batches(name, most=300))
    assert pa.concat_tables(parts).equals(place.read(name, arrow=True))
    assert sum(part.num_rows for part in parts) == ROWS
    return [part.num_rows for part in parts]


def test_postgres_is_read_in_parts(wl: Client, summing: Pipeline, postgres: dict[str, Any]) -> None:
    """Of the driver's size; and results go to where the rows come from."""
    place = wl.create_connection(unique("postgres"), "POSTGRES", postgres)
    source, target = unique("rows").replace("-", "_"), unique("scores").replace("-", "_")
    in_parts(place, source, mode="create")
    result = summing.infer_batches(f"connection:{place.name()}:{source}", chunk_rows=250)
    assert result.write(place, target, mode="create") == ROWS
    found = place.read(f'SELECT "out.y" AS y FROM {target}')  # noqa: S608
    assert sorted(map(list, found["y"])) == sorted(SUMS)
    with pytest.raises(ConnectorError, match="reading 'nothing' failed"):
        list(place.batches("nothing"))


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "jsonl"])
def test_objects_are_read_in_parts(wl: Client, s3: dict[str, Any], suffix: str) -> None:
    place = wl.create_connection(unique("s3"), "S3", s3)
    assert max(in_parts(place, f"{unique('rows')}.{suffix}")) == 300


def test_bigquery_is_read_in_parts(wl: Client, bigquery: BigQueryService) -> None:
    place = wl.create_connection(unique("bigquery"), "BIGQUERY", bigquery.details)
    in_parts(place, unique("rows").replace("-", "_"), mode="create")


def test_what_cannot_be_read_in_parts_comes_whole(wl: Client, http_files: HttpFiles) -> None:
    """And a connector's options are checked as they are for ``read``."""
    place = wl.create_connection(unique("http"), "HTTP", {"url": http_files.url})
    assert in_parts(place, "rows.parquet") == [ROWS]
    files = wl.create_connection(unique("files"), "FILE", {"path": "/nowhere"})
    with pytest.raises(InvalidRequest, match="has no option 'mode'"):
        list(files.batches("x.csv", mode="create"))
    with pytest.raises(ConnectorError, match="There is no such file"):
        list(files.batches("x.csv"))


# ---------------------------------------------------------------- what goes wrong

BAD = pd.DataFrame({"tensor": [*NUMBERS[:501].tolist(), [1.0], *NUMBERS[502:].tolist()]})


def test_rows_that_fail_are_named(summing: Pipeline, tmp_path: Path) -> None:
    """And what came before them is kept."""
    with pytest.raises(InferenceInputError, match=r"Row 501 \(row 1 of rows 500 to 599\): Column 'tensor'") as caught:
        summing.infer_batches(BAD, chunk_rows=100).write(tmp_path / "out.parquet")
    assert caught.value.details["first_row"] == 500 and caught.value.details["last_row"] == 599
    assert caught.value.__notes__ == [
        f"500 rows of results were ready and are kept in {str(tmp_path / 'out.parquet')!r}."
    ]
    assert parquet.read_table(tmp_path / "out.parquet").column("out.y").to_pylist() == SUMS[:500]
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]
    assert not [thread for thread in threading.enumerate() if thread.name == "infer-batches"]


@pytest.mark.parametrize("chunk_rows", [7, 100, 1000])
def test_rows_that_fail_can_stay(summing: Pipeline, chunk_rows: int) -> None:
    """Only they lack results, and say why."""
    found = summing.infer_batches(BAD, chunk_rows=chunk_rows, on_error="keep").to_pandas()
    assert list(found.columns) == ["time", "in.tensor", "out.y", "check_failures", "error"]
    assert found.index[found["error"].notna()].tolist() == [501]
    assert "expected 3 float32" in found["error"][501]
    assert found["out.y"][501] is None and list(found["in.tensor"][501]) == [1.0]
    assert found["out.y"].drop(501).tolist() == [*SUMS[:501], *SUMS[502:]]


def test_first_rows_that_fail_wait_for_the_columns(summing: Pipeline) -> None:
    """Which nobody knows before the first result; without any there are none."""
    frame = pd.DataFrame({"tensor": [[1.0], *NUMBERS[1:50].tolist()]})
    found = summing.infer_batches(frame, chunk_rows=1, num_parallel=2, on_error="keep").to_table()
    assert found.column("out.y").to_pylist() == [None, *SUMS[1:50]]
    none = summing.infer_batches(frame[:1], on_error="keep").to_table()
    assert none.column_names == ["in.tensor", "error"]
    with pytest.raises(InferenceError, match=r"The first 30 rows all failed: Column 'tensor' is missing"):
        summing.infer_batches(
            FRAME.rename(columns={"tensor": "x"}), chunk_rows=10, num_parallel=2, on_error="keep"
        ).to_table()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """An interrupt that is heard, as in a kernel: a shell's background jobs begin with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_keeps_what_was_written(summing: Pipeline, tmp_path: Path) -> None:
    """A whole file, and no thread or request goes on."""

    def frames() -> Iterator[pd.DataFrame]:
        for start in range(0, ROWS, 100):
            if start == 700:
                os.kill(os.getpid(), signal.SIGINT)
            yield FRAME[start : start + 100]

    with pytest.raises(KeyboardInterrupt) as caught:
        summing.infer_batches(frames(), chunk_rows=100, num_parallel=2).write(tmp_path / "out.arrow")
    kept = pa.ipc.open_file((tmp_path / "out.arrow").read_bytes()).read_all()
    assert 0 < kept.num_rows < ROWS and kept.column("out.y").to_pylist() == SUMS[: kept.num_rows]
    assert f"{kept.num_rows} rows" in caught.value.__notes__[0]
    assert not [thread for thread in threading.enumerate() if thread.name == "infer-batches"]


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_slow_requests_at_once(wl: Client, tmp_path: Path) -> None:
    """However long the server would take."""
    (tmp_path / "slow.onnx").write_bytes(models.slow(turns=3_000_000))
    model = wl.upload_model(unique("slow"), tmp_path / "slow.onnx").configure(tensor_fields=["tensor"])
    pipeline = wl.build_pipeline(unique("slow")).add_model_step(model).deploy()
    try:
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            pipeline.infer_batches(pd.DataFrame({"tensor": [[1.5]] * 8}), chunk_rows=1, timeout=60).to_table()
        assert time.monotonic() - begun < 30
    finally:
        pipeline.undeploy()


def test_chunks_shrink_to_what_the_server_takes(tmp_path: Path) -> None:
    """It is said once; one row that is too large is named."""
    (tmp_path / "summer.onnx").write_bytes(models.row_sum(3))
    limit = "--WallarooApp.inference_body_limit=3000"
    with (
        PrivateServer(tmp_path / "server", options=(limit,)) as server,
        Client(endpoint(server), token=server.token) as wl,
    ):
        model = wl.upload_model("summer", tmp_path / "summer.onnx").configure(tensor_fields=["tensor"])
        pipeline = wl.build_pipeline("summing").add_model_step(model).deploy()
        with pytest.warns(
            UserWarning, match=r"at most 3000 are taken here\. From here on \d+ rows go at once\."
        ) as said:
            found = pipeline.infer_batches(TABLE, chunk_rows=400, num_parallel=2).to_table()
        assert found.column("out.y").to_pylist() == SUMS
        assert len(said) == 1
        wide = pa.table({"tensor": [[1.0, 2.0, 3.0]] * 2, "note": ["", "x" * 4000]})
        with pytest.raises(TooLarge, match="Row 1: The request body has"):
            pipeline.infer_batches(wide).to_table()


@pytest.mark.parametrize("source", [5, {"tensor": [[1, 2, 3]]}, b"bytes", None, [5], np.ones(3)])
def test_what_is_no_source_is_refused(summing: Pipeline, source: Any) -> None:
    with pytest.raises(TypeError, match="infer_batches takes"):
        summing.infer_batches(source).to_table()


def test_mistakes_are_told(summing: Pipeline, tmp_path: Path) -> None:
    """Before anything is sent."""
    (tmp_path / "rows.parquet").write_text("no")
    for source, kind, said in (
        (tmp_path / "no.parquet", InvalidRequest, "There is no file"),
        (tmp_path / "rows.parquet", ConnectorError, "cannot be read as parquet"),
        (FRAME[:0], InferenceInputError, "has no rows"),
        ([], InferenceInputError, "has no rows"),
        ([FRAME, pa.table({"tensor": ["a"]})], InferenceInputError, "columns of the source change"),
    ):
        with pytest.raises(kind, match=said):
            summing.infer_batches(source).to_table()
    for options in ({"chunk_rows": 0}, {"num_parallel": 0}, {"on_error": "skip"}, {"timeout": 0}, {"retries": -1}):
        with pytest.raises(InvalidRequest, match="expected"):
            summing.infer_batches(FRAME, **options)
    with pytest.raises(InvalidRequest, match="suffix"):
        summing.infer_batches(FRAME).write(tmp_path / "results.xlsx")
    with pytest.raises(InvalidRequest, match="neither a name nor options"):
        summing.infer_batches(FRAME).write(tmp_path / "results.csv", mode="create")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]


def test_progress_is_a_line(summing: Pipeline, capsys: pytest.CaptureFixture[str]) -> None:
    """Only where it is asked for."""
    summing.infer_batches(FRAME, chunk_rows=100).to_table()
    assert capsys.readouterr().out == ""
    summing.infer_batches(FRAME, chunk_rows=100, progress=True).to_table()
    assert capsys.readouterr().out == "Inferring 1,000 rows  ok\n"
    summing.infer_batches(iter([FRAME]), progress=True).to_table()
    assert capsys.readouterr().out == "Inferring rows  ok\n"


# ---------------------------------------------------------------- memory

MEASURED = """
import json, resource, sys
import numpy as np, pyarrow as pa
from jupyter_wallaroo.sdk import Client

url, token, name, rows, target = *sys.argv[1:4], int(sys.argv[4]), sys.argv[5]

def tables(count):
    for start in range(0, count, 5_000):
        numbers = np.arange(3 * 5_000, dtype=np.float32).repeat(1)
        yield pa.table({
            "tensor": pa.FixedSizeListArray.from_arrays(numbers, 3).cast(pa.list_(pa.float32())),
            "note": pa.array(["x" * 100] * 5_000),
        })

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

with Client(url, token=token) as wl:
    pipeline = wl.pipelines_by_name(name)[0]
    pipeline.infer_batches(tables(50_000), chunk_rows=5_000).write(target)
    before = peak()
    written = pipeline.infer_batches(tables(rows), chunk_rows=5_000).write(target)
    print(json.dumps({"rows": written, "grown": peak() - before}))
"""


def test_memory_is_bounded_by_chunks(server: PrivateServer, summing: Pipeline, tmp_path: Path) -> None:
    """Ten times the rows, or forty times, take no more: at most a tenth of what they would as a table."""
    arguments = [endpoint(server), server.token, summing.name(), str(MEMORY_ROWS), str(tmp_path / "results.arrow")]
    done = subprocess.run([sys.executable, "-c", MEASURED, *arguments], capture_output=True, check=True, text=True)
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["rows"] == MEMORY_ROWS
    results = (tmp_path / "results.arrow").stat().st_size
    assert results > MEMORY_ROWS * 120
    assert said["grown"] < results / 4, said
