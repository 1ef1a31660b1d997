"""Requests that wait together are run together, and nobody can tell from an answer."""

from __future__ import annotations

import asyncio
import json
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_wallaroo.codec import arrow
from jupyter_wallaroo.codec.batch import Decoded
from jupyter_wallaroo.engine import batching
from jupyter_wallaroo.engine.joining import Fitted
from jupyter_wallaroo.engine.replica import Replica
from jupyter_wallaroo.engine.row_wise import mixed
from jupyter_wallaroo.engine.runtimes.onnx import OnnxRuntime
from jupyter_wallaroo.errors import DeadlineExceeded, InvalidInput, StorageFull
from jupyter_wallaroo.types.model import DynamicBatching
from jupyter_wallaroo.types.plan import (
    AuditStep,
    AverageStep,
    CheckStep,
    ColumnsStep,
    InferRequest,
    InferStep,
    KeySplitStep,
    Loaded,
    MediaType,
    Plan,
    RandomSplitStep,
    SelectStep,
    Trial,
)
from jupyter_wallaroo.types.rule import Column, Literal, Operation, Rule
from tests import models
from tests.engine import graphs
from tests.engine.graphs import FLOAT, INT64, STRING, helper, numpy_helper, planned, value
from tests.engine.submitting import Outcome, Sent, runs_logged, together, values_of
from tests.segments.writing import rows_of, written

RECORDS, TENSORS, ARROW = MediaType.RECORDS, MediaType.TENSORS, MediaType.ARROW
ABOVE_TEN = Rule("above ten", Operation("gt", [Operation("list_get", [Column("out.y"), Literal(0)]), Literal(10)]))
LARGEST = Rule("largest", Operation("eq", [Column("out.y"), Operation("max", [Column("out.y")])]))


def net() -> bytes:
    """Two dense layers: sums whose order may differ with the number of rows."""
    random = np.random.default_rng(1)
    shapes = {"w": (2, 64), "b": (64,), "v": (64, 2)}
    weights = [numpy_helper.from_array(random.normal(size=s).astype(np.float32), n) for n, s in shapes.items()]
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
        helper.make_node("Tanh", ["h"], ["t"]),
        helper.make_node("MatMul", ["t", "v"], ["y"]),
    ]
    return graphs.model(nodes, [value("x", FLOAT, None, 2)], [value("y", FLOAT, None, 2)], weights)


def mean_taken_off() -> bytes:
    """Each row less the mean of all: its first dimension is free, its rows are not."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["x", "m"], ["y"]),
    ]
    return graphs.model(nodes, [value("x", FLOAT, None, 2)], [value("y", FLOAT, None, 2)])


def softmax(axis: int) -> bytes:
    node = helper.make_node("Softmax", ["x"], ["y"], axis=axis)
    return graphs.model([node], [value("x", FLOAT, None, 2)], [value("y", FLOAT, None, 2)])


Made = Callable[[Path], Plan]
PLANS: dict[str, Made] = {
    "one model": lambda folder: planned(folder, graphs.doubled()),
    "a net": lambda folder: planned(folder, net()),
    "softmax of a row": lambda folder: planned(folder, softmax(1)),
    "a chain": lambda folder: planned(folder, graphs.doubled(), graphs.doubled("y", "z")),
    "a check": lambda folder: planned(folder, graphs.doubled(), steps=[InferStep([0]), CheckStep([ABOVE_TEN])]),
    "a shadow": lambda folder: planned(
        folder, graphs.doubled(), net(), steps=[InferStep([0, 1]), AuditStep(1), SelectStep(0)]
    ),
    "challengers": lambda folder: planned(folder, graphs.doubled(), net(), steps=[InferStep([0, 1])]),
    "a mean": lambda folder: planned(folder, graphs.doubled(), net(), steps=[InferStep([0, 1]), AverageStep()]),
    "some columns": lambda folder: planned(folder, net(), steps=[InferStep([0]), ColumnsStep([1])]),
    "a split by key": lambda folder: planned(
        folder, graphs.doubled(), net(), steps=[KeySplitStep(0, "note", {"n": 1, "7": 1})]
    ),
    "a split by hash": lambda folder: planned(
        folder, graphs.doubled(), net(), steps=[RandomSplitStep([0, 1], [0.5, 0.5], "note")]
    ),
}
ALONE: dict[str, Made] = {
    "a mean of the batch": lambda folder: planned(folder, mean_taken_off()),
    "softmax of the batch": lambda folder: planned(folder, softmax(0)),
    "one row at a time": lambda folder: planned(folder, graphs.doubled(rows=1)),
    "an output of one row": lambda folder: planned(folder, graphs.forgetful()),
    "a rule over rows": lambda folder: planned(
        folder, graphs.identity(FLOAT), steps=[InferStep([0]), CheckStep([LARGEST])]
    ),
    "other outputs": lambda folder: planned(
        folder, graphs.doubled(), graphs.doubled("x", "z"), steps=[KeySplitStep(0, "note", {"n": 1})]
    ),
}


@contextmanager
def loaded(make: Made, **batching_of: Any) -> Iterator[tuple[Replica, Path]]:
    """A replica in a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = make(folder)
        if batching_of:
            models = [msgspec.structs.replace(m, batching=DynamicBatching(**batching_of)) for m in plan.models]
            plan = msgspec.structs.replace(plan, models=models)
        replica = Replica()
        replica.load(msgspec.msgpack.encode(plan), b"")
        yield replica, folder
        assert replica._journal is not None
        replica._journal.close()


def head(content: MediaType = RECORDS, accepts: MediaType | None = None, **changes: Any) -> InferRequest:
    facts: dict[str, Any] = {"accepts": accepts or content, "content": content, "deadline": math.inf}
    return InferRequest(**{**facts, **changes})


def row(*values: float) -> bytes:
    return json.dumps([{"x": list(values)}]).encode()


def singly(replica: Replica, sent: list[Sent]) -> list[Outcome]:
    found = []
    for request, body in sent:
        try:
            found.append(Outcome(*replica.infer(request, body)))
        except Exception as error:  # noqa: BLE001  compared below
            found.append(Outcome(error=error))
    return found


def read(outcome: Outcome) -> Any:
    """What the caller is told, without times."""
    if outcome.error is not None:
        return type(outcome.error), str(outcome.error)
    assert outcome.said is not None
    if outcome.said.media is ARROW:
        table = pa.ipc.open_file(outcome.body).read_all()
        return [str(field) for field in table.schema], values_of(table.to_pylist())
    return values_of(json.loads(outcome.body))


def assert_alike(expected: Any, actual: Any) -> None:
    """Equal; numbers of models that add up in another order to 1e-6."""
    if isinstance(expected, float) and isinstance(actual, float):
        assert actual == pytest.approx(expected, rel=1e-6, abs=1e-5)
    elif isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)):
        assert len(expected) == len(actual)
        for one, other in zip(expected, actual, strict=True):
            assert_alike(one, other)
    elif isinstance(expected, dict) and isinstance(actual, dict):
        assert list(expected) == list(actual)
        assert_alike(list(expected.values()), list(actual.values()))
    else:
        assert expected == actual


NUMBERS = st.one_of(
    st.floats(-1e6, 1e6, width=32), st.integers(-(2**20), 2**20), st.sampled_from([0.1, 1e40, 2**53 + 1, 2**80, 1e-50])
)
CELLS = st.one_of(
    st.lists(NUMBERS, min_size=2, max_size=2),
    st.lists(NUMBERS, min_size=2, max_size=2),
    st.lists(NUMBERS, min_size=2, max_size=2),
    st.sampled_from([[1.0], [1.0, None], [True, 1.0], "text", 3, None, [[1.0, 2.0]], [], [1.0, 2.0, 3.0]]),
)
NOTES = st.sampled_from(["n", "m", 7, 7.5, None, {"a": 1}, [1], True])
WISHES: list[dict[str, Any]] = [
    {},
    {},
    {"dataset": ("*",), "exclude": ("metadata",), "separator": "."},
    {"dataset": ("out",)},
]


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    """Mostly sound rows of two numbers, with or without a note, in any format."""
    rows = draw(st.integers(1, 3))
    cells = draw(st.lists(CELLS, min_size=rows, max_size=rows))
    columns: dict[str, list[Any]] = {draw(st.sampled_from(["x", "x", "x", "tensor", "w"])): cells}
    if draw(st.booleans()):
        columns["note"] = draw(st.lists(NOTES, min_size=rows, max_size=rows))
    content, accepts = draw(st.sampled_from([RECORDS, RECORDS, TENSORS, ARROW])), draw(st.sampled_from(MediaType))
    body = json.dumps(columns).encode()
    if content is ARROW:
        try:
            body = arrow.write_file(pa.table(columns))
        except (pa.ArrowException, OverflowError, TypeError):
            content = TENSORS
    if content is RECORDS:
        body = json.dumps(
            [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
        ).encode()
    return head(content, accepts, **draw(st.sampled_from(WISHES))), body


@pytest.mark.parametrize("name", PLANS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=st.lists(requests(), min_size=1, max_size=12))
def test_together_is_as_singly(name: str, sent: list[Sent]) -> None:
    """Answers, refusals and records, whoever else was there: bit for bit but for models that add up otherwise."""
    with loaded(PLANS[name]) as (one, one_folder), loaded(PLANS[name]) as (other, other_folder):
        expected = singly(one, sent)
        outcomes = together(other, sent)
        for alone, joint in zip(expected, outcomes, strict=True):
            assert_alike(read(alone), read(joint))
            assert alone.said == joint.said
        assert_alike(records(one_folder), records(other_folder))


def records(folder: Path) -> list[Any]:
    """What was logged, in the order of what was sent: that of the runs may differ."""
    found = [values_of(row) for path in written(folder / "log") for row in rows_of(path)]
    return sorted(found, key=lambda row: json.dumps(row["in"]))


@pytest.mark.parametrize("name", PLANS)
def test_what_waits_together_is_one_run(name: str) -> None:
    """One run and one entry of the journal for all of them, in whichever format they came."""
    with loaded(PLANS[name]) as (replica, folder):
        noted = b'[{"x": [1, 2], "note": "n"}]'
        sent: list[Sent] = [(head(), noted), (head(TENSORS), b'{"x": [[3, 4], [5, 6]], "note": ["m", "n"]}')] * 3
        assert [outcome.error for outcome in together(replica, sent)] == [None] * 6
        assert runs_logged(folder) == [9]


@pytest.mark.parametrize("name", ALONE)
def test_what_mixes_rows_is_run_one_by_one(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A free first dimension is not enough: what is answered must not hang on who came at the same time."""
    with loaded(ALONE[name]) as (replica, folder):
        noted = b'[{"x": [1, 2], "note": "n"}]' if name != "a rule over rows" else b'[{"x": 1}]'
        sent: list[Sent] = [(head(), noted)] * 3
        expected = [read(outcome) for outcome in singly(replica, sent)]
        assert expected == [read(outcome) for outcome in together(replica, sent)]
        assert runs_logged(folder) == [1] * 6
    assert "Requests are run one by one: " in capfd.readouterr().err


def test_a_bad_row_fails_its_own_request_only() -> None:
    """The others are still one run."""
    with loaded(PLANS["one model"]) as (replica, folder):
        bodies = [row(1, 2), row(1), b"[{}]", b'[{"x": [1, NaN]}]', row(3, 4), b'[{"x": [true, 1]}]', row(1e40, 1)]
        outcomes = together(replica, [(head(), body) for body in bodies])
        assert [outcome.error is None for outcome in outcomes] == [True, False, False, False, True, False, False]
        assert [read(outcomes[place])[0]["out"] for place in (0, 4)] == [{"y": [2.0, 4.0]}, {"y": [6.0, 8.0]}]
        assert runs_logged(folder) == [2]


def picky() -> bytes:
    """Looks the first value up in a table of two: any other is refused by onnxruntime, with all rows beside it."""
    nodes = [helper.make_node("Gather", ["table", "x"], ["y"], axis=0)]
    weights = [numpy_helper.from_array(np.array([10, 20], np.float32), "table")]
    return graphs.model(nodes, [value("x", INT64, None, 1)], [value("y", FLOAT, None, 1)], weights)


def test_a_row_that_the_model_refuses_fails_its_own_request_only() -> None:
    """The joint run fails, so each is run singly."""
    with loaded(lambda folder: planned(folder, picky())) as (replica, folder):
        outcomes = together(replica, [(head(), f'[{{"x": {number}}}]'.encode()) for number in (0, 1, 7, 1)])
        assert [outcome.error is None for outcome in outcomes] == [True, True, False, True]
        assert isinstance(outcomes[2].error, InvalidInput)
        assert [read(outcomes[place])[0]["out"]["y"] for place in (0, 1, 3)] == [[10.0], [20.0], [20.0]]
        assert runs_logged(folder) == [1, 1, 1]


def test_a_challenger_that_fails_is_dropped_for_its_own_request_only() -> None:
    """A joint run in which a challenger failed says nothing of the others'."""
    table = graphs.model(
        [helper.make_node("Identity", ["x"], ["y"])], [value("x", INT64, None, 1)], [value("y", INT64, None, 1)]
    )
    both: Made = lambda folder: planned(folder, table, picky(), steps=[InferStep([0, 1])])  # noqa: E731
    with loaded(both) as (replica, folder):
        outcomes = together(replica, [(head(), f'[{{"x": {number}}}]'.encode()) for number in (0, 7, 1)])
        dropped = [json.loads(outcome.body)[0]["metadata"]["dropped"] for outcome in outcomes]
        assert dropped == [[], ["out_m1"], []]
        assert [row["metadata"]["dropped"] for path in written(folder / "log") for row in rows_of(path)] == dropped


def test_a_split_by_chance_draws_for_each_row() -> None:
    """So it is the same whether rows came alone or together."""
    halves: Made = lambda folder: planned(  # noqa: E731
        folder, graphs.doubled(), net(), steps=[RandomSplitStep([0, 1], [0.5, 0.5])]
    )
    with loaded(halves) as (replica, folder):
        outcomes = [read(outcome)[0]["out"] for outcome in together(replica, [(head(), row(1, 2))] * 64)]
        names = [json.loads(out["_model_split"][0])["name"] for out in outcomes]
        assert runs_logged(folder) == [64]
        assert set(names) == {"m0", "m1"}
        assert [out["y"] == [2.0, 4.0] for out in outcomes] == [name == "m0" for name in names]


def test_a_request_whose_time_is_over_is_not_run_with_the_others() -> None:
    """Each has its own deadline."""
    with loaded(PLANS["one model"]) as (replica, folder):
        late = head(deadline=time.monotonic() - 1)
        outcomes = together(replica, [(head(), row(1, 2)), (late, row(3, 4)), (head(), row(5, 6))])
        assert [type(outcome.error) for outcome in outcomes] == [type(None), DeadlineExceeded, type(None)]
        assert runs_logged(folder) == [2]


def test_each_has_its_own_anomalies() -> None:
    """In the answer, in what the server counts, and in the log."""
    with loaded(PLANS["a check"]) as (replica, folder):
        outcomes = together(replica, [(head(), row(number, 0)) for number in (1, 9, 2)])
        assert [outcome.said.anomalies for outcome in outcomes if outcome.said] == [0, 1, 0]
        assert [read(outcome)[0]["check_failures"] for outcome in outcomes] == [[], ["above ten"], []]
        assert [item["anomaly"]["count"] for item in records(folder)] == [0, 0, 1]


def test_a_write_that_fails_refuses_all_and_leaves_the_journal_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them is answered, none is tried again, and the next are."""
    with loaded(PLANS["one model"]) as (replica, folder):
        together(replica, [(head(), row(1, 2))] * 2)

        def full(*_args: Any) -> int:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("os.writev", full)
            outcomes = together(replica, [(head(), row(3, 4))] * 3)
        assert [type(outcome.error) for outcome in outcomes] == [StorageFull] * 3
        assert runs_logged(folder) == [2]
        together(replica, [(head(), row(5, 6))] * 3)
        assert runs_logged(folder) == [2, 3]


def test_a_large_request_is_run_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones before and after it go together."""
    monkeypatch.setattr(batching, "LARGE_BYTES", 1000)
    monkeypatch.setattr(batching, "SMALL_BYTES", 999)
    large = json.dumps([{"x": [1, 2]}] * 200).encode()
    with loaded(PLANS["one model"]) as (replica, folder):
        together(replica, [(head(), row(1, 2)), (head(), large), (head(), row(3, 4))])
        assert sorted(runs_logged(folder)) == [2, 200]


def test_no_run_is_larger_than_its_limit() -> None:
    """Neither of several requests nor of one."""
    many = json.dumps([{"x": [1, 2]}] * 7).encode()
    with loaded(PLANS["one model"], max_batch_delay_ms=0, batch_size_limit=3) as (replica, folder):
        given: list[int] = []
        session = replica._pipeline.models[0]._runtime  # type: ignore[union-attr, attr-defined]
        real = session._run
        session._run = lambda feeds: given.append(len(feeds["x"])) or real(feeds)
        outcomes = together(replica, [(head(), row(1, 2))] * 5 + [(head(), many)])
        assert [outcome.error for outcome in outcomes] == [None] * 6
        assert given == [3, 2, 3, 3, 1]
        assert runs_logged(folder) == [3, 2, 7]


def test_requests_wait_for_others_as_long_as_they_are_told() -> None:
    """Until the target is reached, else until the time is over."""
    with loaded(PLANS["one model"], max_batch_delay_ms=30_000, batch_size_target=4) as (replica, folder):
        assert len(together(replica, [(head(), row(1, 2))] * 4)) == 4
        assert runs_logged(folder) == [4]
    with loaded(PLANS["one model"], max_batch_delay_ms=50, batch_size_target=4) as (replica, folder):
        started = time.monotonic()
        together(replica, [(head(), row(1, 2))] * 3)
        assert time.monotonic() - started >= 0.05
        assert runs_logged(folder) == [3]


def test_who_cannot_be_run_with_others_does_not_wait_for_them() -> None:
    """A delay is for what can be joined."""
    with loaded(ALONE["softmax of the batch"], max_batch_delay_ms=30_000) as (replica, folder):
        together(replica, [(head(), row(1, 2))])
        assert runs_logged(folder) == [1]


def test_a_reply_that_fails_is_its_own() -> None:
    """Whoever hung up does not take the others' answers along."""

    class Gone:
        refused: Exception | None = None

        def answer(self, said: object, body: object) -> None:
            raise ConnectionResetError("gone")

        def refuse(self, error: Exception) -> None:
            self.refused = error

    with loaded(PLANS["one model"]) as (replica, _folder):
        gone = Gone()
        first = batching.Waiting(head(), row(1, 2), gone)
        other = Gone()
        second = batching.Waiting(head(), row(1, 2), other)
        for waiting in (first, second):
            assert replica.decode(waiting)
            waiting.fitted = replica.fit(waiting)
        replica.run([first, second])
        assert isinstance(gone.refused, ConnectionResetError)
        assert isinstance(other.refused, ConnectionResetError)


def test_why_a_model_is_not_run_with_others_is_said() -> None:
    """In words that the operator can act on."""
    assert mixed(OnnxRuntime(softmax(0), "m")) == "its output 'y' of a row depends on the rows beside it"
    assert mixed(OnnxRuntime(graphs.forgetful(), "m")) == "the first dimension of 'y' is not free: [1, 2]"
    for file in (net(), softmax(1), graphs.two_inputs(), graphs.identity(STRING, 1), graphs.identity(INT64)):
        assert mixed(OnnxRuntime(file, "m")) is None


def test_what_another_replica_found_out_is_not_tried_again(tmp_path: Path) -> None:
    """It is told with the plan, believed, and passed on."""
    plan = PLANS["one model"](tmp_path)
    for trial in (Trial("another found that rows are mixed"), Trial(None)):
        replica = Replica()
        told, _ = replica.load(msgspec.msgpack.encode(msgspec.structs.replace(plan, trial=trial)), b"")
        assert msgspec.msgpack.decode(told, type=Loaded).trial == trial
        waiting = batching.Waiting(head(), row(1, 2))
        assert replica.decode(waiting)
        assert (replica.fit(waiting) is None) is (trial.why_not is not None)


def test_a_slow_model_is_not_tried_for_long() -> None:
    """Its deployment would wait for a trial that gains it nothing."""
    started = time.process_time()
    assert mixed(OnnxRuntime(models.slow(turns=1_000_000), "m")) == "trying it took longer than 1 s"
    assert time.process_time() - started < 5, "45 rows would be 15 seconds of work"


class Noting:
    """Runs nothing, and notes how many were run together."""

    def __init__(self) -> None:
        self.runs: list[int] = []

    def read(self, together: Sequence[batching.Waiting], most_rows: int) -> batching.Read | None:
        return batching.Read(Decoded(len(together), {}), [1] * len(together), 0)

    def decode(self, waiting: batching.Waiting) -> bool:
        waiting.decoded = Decoded(1, {})
        return True

    def fit(self, waiting: batching.Waiting) -> Fitted | None:
        return None

    def run(self, together: Sequence[batching.Waiting], read: batching.Read | None = None) -> None:
        self.runs.append(len(together))


@pytest.mark.parametrize(
    ("arriving", "runs"),
    [
        ([2, 1, 1, 1], [2, 3]),  # what comes one by one after several were run together waits for the next
        ([1, 1, 1], [1, 1, 1]),  # a lone client waits for nobody
        ([2, 1, 0, 0, 1], [2, 1, 1]),  # nobody is waited for twice in vain
    ],
)
def test_the_loop_goes_round_while_more_arrive(arriving: list[int], runs: list[int]) -> None:
    """By how many arrive in each turn of the loop, counted from when a batch has been run."""
    runner = Noting()
    batches = batching.Batches(runner)

    async def serve() -> None:
        for place, count in enumerate(arriving):
            for _ in range(count):
                batches.add(batching.Waiting(head(), b"[]"))
            await asyncio.sleep(0)
            while not place and not runner.runs:
                await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)

    asyncio.run(serve())
    assert runner.runs == runs
