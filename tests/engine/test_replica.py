"""A replica in this process: every answer is in the journal before it leaves."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from jupyter_wallaroo.codec import arrow
from jupyter_wallaroo.engine import batching
from jupyter_wallaroo.engine.replica import Replica
from jupyter_wallaroo.errors import DeadlineExceeded, EngineFailure, InvalidInput, InvalidModel, WallarooError
from jupyter_wallaroo.types.plan import Answered, InferRequest, Loaded, MediaType
from tests.engine import graphs
from tests.engine.graphs import planned
from tests.engine.submitting import values_of
from tests.segments.writing import rows_of, written

RECORDS, TENSORS, ARROW = MediaType.RECORDS, MediaType.TENSORS, MediaType.ARROW


def head(content: MediaType = RECORDS, accepts: MediaType | None = None, **changes: Any) -> InferRequest:
    facts: dict[str, Any] = {"accepts": accepts or content, "content": content, "deadline": math.inf}
    return InferRequest(**{**facts, **changes})


@pytest.fixture
def replica(tmp_path: Path) -> Iterator[Replica]:
    """A replica that doubles rows of two float32."""
    made = Replica()
    answer, body = made.load(msgspec.msgpack.encode(planned(tmp_path, graphs.doubled())), b"")
    assert msgspec.msgpack.decode(answer, type=Loaded).load_s > 0
    assert body == b""
    yield made
    assert made._journal is not None
    made._journal.close()


def journal_rows(folder: Path) -> list[dict[str, Any]]:
    return [row for path in written(folder / "log") for row in rows_of(path)]


BODIES = {
    RECORDS: b'[{"x": [1, 2]}, {"x": [3, 4]}]',
    TENSORS: b'{"x": [[1, 2], [3, 4]]}',
    ARROW: arrow.write_file(pa.table({"x": pa.array([[1, 2], [3, 4]], pa.list_(pa.float32()))})),
}


@pytest.mark.parametrize("content", list(MediaType))
@pytest.mark.parametrize("accepts", list(MediaType))
def test_an_answer_is_in_the_journal_when_it_leaves(
    replica: Replica, tmp_path: Path, content: MediaType, accepts: MediaType
) -> None:
    """In all formats: the record has the answer's values and its time (contract/inference.md, Logs 5)."""
    said, answer = replica.infer(head(content, accepts), BODIES[content])
    logged = journal_rows(tmp_path)
    assert [(row["in"], row["out"]) for row in logged] == [
        ({"x": [1.0, 2.0]}, {"y": [2.0, 4.0]}),
        ({"x": [3.0, 4.0]}, {"y": [6.0, 8.0]}),
    ]
    assert said == Answered(accepts, 2, 0)
    if accepts is TENSORS:
        item = json.loads(answer)[0]
        assert item["outputs"][0] == {"Float": {"v": 1, "dim": [2, 2], "data": [2.0, 4.0, 6.0, 8.0]}}
        assert {item["time"]} == {row["time"] for row in logged}
        assert item["elapsed"] == logged[0]["metadata"]["elapsed"]
    else:
        rows = json.loads(answer) if accepts is RECORDS else pa.ipc.open_file(answer).read_all().to_pylist()
        for row in rows:
            row.pop("check_failures", None)
        assert logged == rows


def test_the_request_is_echoed_as_it_was_sent(replica: Replica) -> None:
    """``in`` of the answer has the JSON values, not those cast for the model."""
    _, answer = replica.infer(head(), b'[{"x": [0.1, 2], "note": "n"}]')
    assert json.loads(answer)[0]["in"] == {"note": "n", "x": [0.1, 2]}


def test_the_selection_and_separator_are_kept(replica: Replica) -> None:
    """Two requests that differ only in these get different answers."""
    for _ in range(2):
        _, flat = replica.infer(head(dataset=("out", "time"), separator="."), BODIES[RECORDS])
        assert {"time", "out.y"} == set(json.loads(flat)[0])
        _, nested = replica.infer(head(exclude=("metadata",)), BODIES[RECORDS])
        assert {"time", "in", "out", "anomaly", "check_failures"} == set(json.loads(nested)[0])


def test_plain_json_that_holds_records_is_answered_with_records(replica: Replica) -> None:
    """Data files of either kind work unchanged (S1-39)."""
    said, answer = replica.infer(head(TENSORS), BODIES[RECORDS])
    assert said.media is RECORDS
    assert json.loads(answer)[1]["out"] == {"y": [6.0, 8.0]}


REFUSED = [
    (RECORDS, b""),
    (RECORDS, b"[{}]"),
    (RECORDS, b'[{"x": [1, 2, 3]}]'),
    (RECORDS, b'[{"x": [1, null]}]'),
    (RECORDS, b'[{"x": [1, 2], "x": [3, 4]}]'),
    (RECORDS, b'[{"x": [1, NaN]}]'),
    (RECORDS, b'[{"z": [1, 2]}]'),
    (TENSORS, b'{"x": [[1, 2], [3]]}'),
    (ARROW, BODIES[ARROW][:-20]),
    (ARROW, b"ARROW1"),
    (ARROW, BODIES[RECORDS]),
]


@pytest.mark.parametrize(("content", "body"), REFUSED)
def test_a_refused_request_is_not_logged_and_harms_nothing(
    replica: Replica, tmp_path: Path, content: MediaType, body: bytes
) -> None:
    """The log has successful inferences only, and the replica goes on."""
    with pytest.raises(WallarooError):
        replica.infer(head(content), body)
    assert journal_rows(tmp_path) == []
    replica.infer(head(), BODIES[RECORDS])
    assert len(journal_rows(tmp_path)) == 2


def test_a_request_whose_time_is_over_is_not_run(replica: Replica, tmp_path: Path) -> None:
    """Nobody waits for its answer any more; it must not appear in the log either."""
    with pytest.raises(DeadlineExceeded):
        replica.infer(head(deadline=time.monotonic() - 1), BODIES[RECORDS])
    assert journal_rows(tmp_path) == []


def test_a_record_that_cannot_be_logged_is_not_answered(
    replica: Replica, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 2xx promises that the record survives (FAULTS, Durability rule)."""
    import os

    def full(_fd: int, _parts: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "writev", full)
        with pytest.raises(OSError, match="No space left"):
            replica.infer(head(), BODIES[RECORDS])
    assert journal_rows(tmp_path) == []
    replica.infer(head(), BODIES[RECORDS])
    assert len(journal_rows(tmp_path)) == 2


def test_times_in_the_log_do_not_fall(replica: Replica, tmp_path: Path) -> None:
    """Records lie in the order of time, which reading relies on."""
    for _ in range(20):
        replica.infer(head(), BODIES[RECORDS])
    times = [row["time"] for row in journal_rows(tmp_path)]
    assert sorted(times) == times
    assert len(times) == 40


def test_an_inference_before_the_load_is_refused() -> None:
    """It cannot happen over frames; if it does, the error says so."""
    with pytest.raises(EngineFailure, match="before the models were loaded"):
        Replica().infer(head(), BODIES[RECORDS])


def test_a_load_that_fails_makes_no_journal(tmp_path: Path) -> None:
    """A deployment that never ran has no log."""
    plan = planned(tmp_path, b"no model")
    with pytest.raises(InvalidModel):
        Replica().load(msgspec.msgpack.encode(plan), b"")
    assert not (tmp_path / "log").exists()


def test_text_is_answered_and_logged(tmp_path: Path) -> None:
    """Text columns lie in the journal's Arrow part."""
    replica = Replica()
    replica.load(msgspec.msgpack.encode(planned(tmp_path, graphs.identity(graphs.STRING, 1))), b"")
    for accepts in MediaType:
        replica.infer(head(RECORDS, accepts), '[{"x": "é"}, {"x": ""}]'.encode())
    assert [row["out"]["y"] for row in journal_rows(tmp_path)] == [["é"], [""]] * 3
    with pytest.raises(InvalidInput, match="expected 1 string value per row for input 'x' of model 'm0'; got 1"):
        replica.infer(head(), b'[{"x": 1}]')
    assert replica._journal is not None
    replica._journal.close()


def test_nothing_is_logged_when_the_operator_says_so(tmp_path: Path) -> None:
    """There is no journal at all, and answers have their time all the same."""
    replica = Replica()
    replica.load(msgspec.msgpack.encode(planned(tmp_path, graphs.doubled(), is_logged=False)), b"")
    _, answer = replica.infer(head(), BODIES[RECORDS])
    assert json.loads(answer)[0]["time"] > 1_600_000_000_000
    assert not (tmp_path / "log").exists()
    replica.renew_journal(b"", b"")


@pytest.mark.parametrize("content", [RECORDS, TENSORS])
@pytest.mark.parametrize("accepts", list(MediaType))
@pytest.mark.parametrize("dataset", [(), ("out", "time")])
def test_large_bodies_are_answered_as_small_ones(
    replica: Replica,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: MediaType,
    accepts: MediaType,
    dataset: tuple[str, ...],
) -> None:
    """They are read another way, where the library for it is there; nobody can tell, but for the sender's digits."""
    outcomes = []
    for large in (1_000_000, 1):
        monkeypatch.setattr(batching, "LARGE_BYTES", large)
        said, answer = replica.infer(head(content, accepts, dataset=dataset), BODIES[content])
        found = json.loads(answer) if said.media is not ARROW else pa.ipc.open_file(answer).read_all().to_pylist()
        outcomes.append((said, values_of(found)))
    assert outcomes[0] == outcomes[1]
    logged = values_of(journal_rows(tmp_path))
    assert logged[:2] == logged[2:]
