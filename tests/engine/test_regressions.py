"""Each of these was a bug once: what came in, and what came of it. The number orders them as they were found."""

from __future__ import annotations

import asyncio
import errno
import math
import os
import random
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from jupyter_wallaroo import strict_json
from jupyter_wallaroo.codec import arrow, records
from jupyter_wallaroo.codec.cast import to_tensor
from jupyter_wallaroo.codec.selection import Selection
from jupyter_wallaroo.engine.frames import HEADER, RECEIVE_BYTES
from jupyter_wallaroo.engine.pipeline import Pipeline
from jupyter_wallaroo.engine.replica import Replica
from jupyter_wallaroo.engine.runtimes.onnx import OnnxRuntime
from jupyter_wallaroo.errors import InvalidInput, InvalidModel, InvalidRequest, Unavailable, WallarooError, from_wire
from jupyter_wallaroo.segments import journal as journal_module
from jupyter_wallaroo.segments.archive import archive
from jupyter_wallaroo.segments.query import Log
from jupyter_wallaroo.services.resources import resources
from jupyter_wallaroo.supervisor.spec import Resources
from jupyter_wallaroo.types.inference_log import LogQuery
from jupyter_wallaroo.types.model import TensorSpec
from jupyter_wallaroo.types.plan import Durability, InferRequest, MediaType
from tests.codec.answers import answer
from tests.codec.test_decode import as_stream, damaged_table
from tests.engine import graphs
from tests.engine.graphs import FLOAT, STRING, planned
from tests.engine.test_frames import raw, received
from tests.segments.writing import append, numbers, open_journal, rows_of, written


def spec(dtype: str, *row: int | None) -> TensorSpec:
    return TensorSpec(name="x", dtype=dtype, shape=[None, *row])


def load(folder: Path, *files: bytes) -> Replica:
    replica = Replica()
    replica.load(msgspec.msgpack.encode(planned(folder, *files)), b"")
    return replica


def infer(
    replica: Replica, body: bytes, content: MediaType = MediaType.RECORDS, accepts: MediaType | None = None
) -> bytes:
    head = InferRequest(accepts=accepts or content, content=content, deadline=math.inf)
    return bytes(replica.infer(head, body)[1])


def log_page(folder: Path, arrow_wanted: bool = False) -> tuple[bytes, Any]:
    return Log(folder / "log").page(LogQuery(directory="", descending=False, page_size=1000, arrow=arrow_wanted))


# B1
@pytest.mark.parametrize(("one", "other"), [("1", "1.5"), ("1", '"x"'), ("null", "1"), ("1", "[1]")])
def test_b1_unused_columns_of_changing_type(tmp_path: Path, one: str, other: str) -> None:
    """A column no model uses may be 1 in one request and 1.5 in the next: the log stays readable and archivable."""
    replica = load(tmp_path, graphs.doubled())
    for value in (one, other):
        infer(replica, f'[{{"x": [1, 2], "u": {value}}}]'.encode())
    assert replica._journal is not None
    log_page(tmp_path)
    replica._journal.close()
    assert archive(tmp_path / "log") == 1


def test_b1_unused_columns_of_changing_name(tmp_path: Path) -> None:
    replica = load(tmp_path, graphs.doubled())
    infer(replica, b'[{"x": [1, 2], "u": 1}]')
    infer(replica, b'[{"x": [1, 2], "w": 1}]')
    log_page(tmp_path)


# B3
@pytest.mark.parametrize("cells", [[True, 1.5], [1.5, True], [[1.0, True], [1.0, 2.0]][0:1]])
def test_b3_booleans_among_numbers(cells: list[Any]) -> None:
    with pytest.raises(InvalidInput, match="got True"):
        to_tensor(cells, spec("float32", *([2] if isinstance(cells[0], list) else [])), "c", "m")


# B4
def test_b4_large_unsigned_cells() -> None:
    values = [0, 2**63 + 1]
    assert values == to_tensor(values, spec("uint64"), "c", "m").tolist()


def test_b4_large_integers_beside_a_float() -> None:
    assert to_tensor([2.0, 2**53 + 1], spec("int64"), "c", "m").tolist() == [2, 2**53 + 1]


# B5
@pytest.mark.parametrize("cells", [[["a", "b"], ["c", ["d"]]], [["a", "b"], [["c"], ["d"]]]])
def test_b5_text_of_mixed_depth(cells: list[Any]) -> None:
    """Today the model is given the text "['d']"."""
    result = None
    with pytest.raises(InvalidInput):
        result = to_tensor(cells, spec("string", 2), "c", "m")
    assert result is None


# B6
@pytest.mark.parametrize("cells", [[2**63], [[2**63, -1]], [2**63, 2**64 - 1]])
def test_b6_large_integers_echoed_in_arrow(cells: list[Any]) -> None:
    given = answer(request={"x": cells}, outputs={}, rows=len(cells))
    table = pa.ipc.open_file(arrow.encode(given, Selection(("in",), (), "."))).read_all()
    assert table.num_rows == len(cells)


# B7
@pytest.mark.parametrize("write", [arrow.write_file, as_stream])
def test_b7_mutated_arrow_bodies(write: Any) -> None:
    """Any damage gives a 4xx or a sound table, never another exception (SECURITY D5)."""
    rng = random.Random(7)
    body = write(damaged_table())
    for _ in range(4000):
        damaged = bytearray(body)
        for _ in range(rng.choice([1, 1, 2, 4])):
            damaged[rng.randrange(len(damaged))] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
        try:
            decoded = arrow.decode(bytes(damaged))
        except InvalidInput:
            continue
        for column in decoded.columns.values():
            column.validate(full=True)


def test_b7_a_column_name_that_is_not_utf8() -> None:
    body = arrow.write_file(pa.table({"name": [1]})).replace(b"name", b"\xff\xff\xff\xff")
    with pytest.raises(InvalidInput):
        arrow.decode(body)


# B8
UNUSED = {
    "timestamp[ns]": pa.array([1], pa.timestamp("ns")),
    "duration[ns]": pa.array([1], pa.duration("ns")),
    "unknown zone": pa.array([0], pa.timestamp("s", tz="Foo/Bar")),
    "date out of range": pa.array([2**31 - 1], pa.int32()).cast(pa.date32()),
    "duration out of range": pa.array([2**62], pa.duration("s")),
    "struct with a name twice": pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]),
    "run-end encoded": pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), pa.array([5])),
    "string view": pa.array(["a"], pa.string_view()),
}


@pytest.mark.parametrize("kind", UNUSED)
def test_b8_exotic_unused_columns(tmp_path: Path, kind: str) -> None:
    """Either refused as the caller's mistake or answered; what was answered is a readable log."""
    replica = load(tmp_path, graphs.doubled())
    table = pa.table({"x": pa.array([[1, 2]], pa.list_(pa.float32())), "u": UNUSED[kind]})
    for accepts in (MediaType.ARROW, MediaType.RECORDS):
        try:
            infer(replica, arrow.write_file(table), MediaType.ARROW, accepts)
        except WallarooError:
            continue
    log_page(tmp_path)
    log_page(tmp_path, True)


# B9
@pytest.mark.parametrize("depth", [63, 64, 200])
def test_b9_deep_unused_columns(tmp_path: Path, depth: int) -> None:
    """63: answered, and then the journal can never be archived; 64 and more: ArrowInvalid instead of a refusal."""
    replica = load(tmp_path, graphs.doubled())
    for accepts in (MediaType.RECORDS, MediaType.ARROW):
        try:
            infer(replica, b'[{"x": [1, 2], "u": ' + b"[" * depth + b"]" * depth + b"}]", accepts=accepts)
        except WallarooError:
            continue
    assert replica._journal is not None
    replica._journal.close()
    archive(tmp_path / "log")


# B10
def test_b10_a_model_of_one_row_with_a_scalar_output() -> None:
    node = graphs.helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)
    file = graphs.model([node], [graphs.value("x", FLOAT, 1, 2)], [graphs.value("y", FLOAT)])
    assert OnnxRuntime(file, "m").run({"x": np.ones((3, 2), np.float32)})["y"].tolist() == [2.0, 2.0, 2.0]


def test_b10_a_model_of_one_row_with_outputs_of_changing_size() -> None:
    """A detector: as many boxes as it finds."""
    make = graphs.helper.make_node
    nodes = [make("NonZero", ["x"], ["n"]), make("Unsqueeze", ["n", "axis"], ["y"])]
    weights = [graphs.numpy_helper.from_array(np.array([0], np.int64), "axis")]
    file = graphs.model(nodes, [graphs.value("x", FLOAT, 1, 2)], [graphs.value("y", graphs.INT64, 1, 2, None)], weights)
    with pytest.raises(InvalidInput):
        OnnxRuntime(file, "m").run({"x": np.array([[1, 2], [1, 0]], np.float32)})


# B11
def test_b11_a_disk_full_at_the_roll_heals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After one failed roll every append fails with EBADF for ever, and closes fds of others."""
    monkeypatch.setattr(journal_module, "ROLL_BYTES", 10)
    journal = open_journal(tmp_path)
    append(journal, numbers(1), 1)

    def full(*_args: Any, **_kwargs: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", full)
        with pytest.raises(OSError, match="No space left"):
            append(journal, numbers(2), 2)
    append(journal, numbers(3), 3)
    journal.close()
    assert sorted(row["time"] for path in written(tmp_path) for row in rows_of(path)) == [1, 3]


# B12
def test_b12_a_failed_sync_of_a_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The orphaned layout shifts all later numbers: records are read with the wrong columns."""
    journal = open_journal(tmp_path, durability=Durability.ANSWER)

    def broken(_fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        with pytest.raises(OSError, match="Input/output"):
            append(journal, numbers(1), 1)
    append(journal, {"in.a": np.array([7], np.int64), "out.b": np.array([8], np.int64)}, 2)
    journal.close()
    assert [(row["in"], row["out"]) for row in rows_of(written(tmp_path)[0])] == [({"a": 7}, {"b": 8})]


def test_b12_a_refused_record_is_not_in_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ "The journal is as it was before" (Journal.append, Raises)."""
    journal = open_journal(tmp_path, durability=Durability.ANSWER)
    append(journal, numbers(1), 1)

    def broken(_fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        with pytest.raises(OSError, match="Input/output"):
            append(journal, numbers(2), 2)
    journal.close()
    assert [row["time"] for row in rows_of(written(tmp_path)[0])] == [1]


# B13
@pytest.mark.parametrize(("entry", "kind"), [(0, 0), (0, 2), (0, 3), (0, 255), (1, 0), (1, 1), (1, 3), (1, 255)])
def test_b13_the_kind_of_an_entry_is_covered_by_the_checksum(tmp_path: Path, entry: int, kind: int) -> None:
    journal = open_journal(tmp_path)
    append(journal, numbers(1), 1)
    append(journal, numbers(2), 2)
    journal.close()
    path = written(tmp_path)[0]
    data = bytearray(path.read_bytes())
    start = journal_module._FILE_HEADER.size
    for _ in range(entry):
        start += journal_module._ENTRY_HEADER.size + journal_module._ENTRY_HEADER.unpack_from(data, start)[1]
    data[start + 12] = kind
    path.write_bytes(data)
    assert rows_of(path) == []


# B14
@pytest.mark.parametrize(
    "engine",
    [
        {"cpu": 10**400},
        {"cpu": True},
        {"resources": {"limits": {"memory": "9" * 400}}},
        {"resources": {"limits": {"memory": "99999999999Ti"}}},
    ],
)
def test_b14_absurd_resources(engine: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="engine_config"):
        resources({"engine": engine}, Resources(replicas=1, cpus=1.0, memory_bytes=2**30))


def test_b14_a_limit_alone_counts() -> None:
    """``replicas: null`` and ``cpu: null`` are "not said", so the next place counts."""
    found = resources(
        {
            "engine": {
                "replicas": None,
                "cpu": None,
                "autoscale": {"replica_min": 2},
                "resources": {"limits": {"cpu": 3}},
            }
        },
        Resources(replicas=1, cpus=1.0, memory_bytes=2**30),
    )
    assert (found.replicas, found.cpus) == (2, 3.0)


# B15
def test_b15_a_missing_file_is_an_invalid_model(tmp_path: Path) -> None:
    """Today FileNotFoundError, which the worker reports as "The inference could not be logged"."""
    plan = planned(tmp_path, graphs.doubled())
    (tmp_path / "model-0.onnx").unlink()
    with pytest.raises(InvalidModel):
        Pipeline(plan)


# B16
def test_b16_a_cursor_of_thousands_of_digits(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest):
        Log(tmp_path).page(
            LogQuery(directory="", descending=False, page_size=1, arrow=False, cursor="9" * 5000 + ":0:x")
        )


# B17
def test_b17_the_largest_head_with_a_body_below_the_border() -> None:
    expected = [(1, 2, b"h" * (RECEIVE_BYTES // 2), b"b" * (RECEIVE_BYTES // 2 - 1)), (2, 2, b"", b"")]
    assert HEADER.size and expected == asyncio.run(received(b"".join(raw(*frame) for frame in expected), []))


# B18
def test_b18_retry_after_travels() -> None:
    assert from_wire(Unavailable("wait", retry_after_s=7).to_wire()).retry_after_s == 7  # type: ignore[attr-defined]


# B19
@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        ([[[1, 2], [3, 4]], [[1], [2, 3, 4]]], spec("float32", 2, 2)),
        (pa.array([[[1.0, 2], [3, 4]], [[1, 2], [3]]]), spec("float32", 2, 2)),
        (pa.array([[[1.0, 2], [3, 4]], [[1, 2], [3, 4], [5, 6]]]), spec("float32", 2, 2)),
        (pa.array([[[1.0, 2], [3, 4]], [[1, 2], None]]), spec("float32", 2, 2)),
        ([[1.0], 1.0], spec("float32", 1)),
    ],
)
def test_b19_the_row_at_fault(column: Any, wanted: TensorSpec) -> None:
    with pytest.raises(InvalidInput, match="row 1: "):
        to_tensor(column, wanted, "c", "m")


# B20
def test_b20_dates_where_text_is_wanted() -> None:
    column = pa.array([2**31 - 1], pa.int32()).cast(pa.date32())
    with pytest.raises(InvalidInput):
        to_tensor(column, spec("string"), "c", "m")


# B21
def test_b21_empty_lists_count_as_levels() -> None:
    with pytest.raises(InvalidRequest, match="deep"):
        strict_json.decode_document(b"[" * 65 + b"]" * 65)


# B22
def test_b22_a_deep_body_is_refused_by_records_at_every_depth() -> None:
    for depth in range(1, 1100):
        with pytest.raises(InvalidRequest) as caught:
            records.decode(b"[" * depth + b"]" * depth)
        assert len(caught.value.message) < 300


def test_b23_text_rows_of_different_kind(tmp_path: Path) -> None:
    replica = load(tmp_path, graphs.identity(STRING, 1))
    with pytest.raises(InvalidInput, match="row 1"):
        infer(replica, b'[{"x": "a"}, {"x": ["b"]}]')
