"""Inference through a real pipeline, in every form that data comes in."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.errors import InvalidInput, InvalidRequest
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.object import (
    CommunicationError,
    DeploymentError,
    EntityNotFoundError,
    InferenceError,
    InferenceInputError,
    InferenceTimeoutError,
)
from jupyter_wallaroo.sdk.pipeline import Pipeline
from tests import models
from tests.sdk.conftest import endpoint, unique

FRAME = pd.DataFrame({"tensor": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]})
COLUMNS = ["time", "in.tensor", "out.y", "check_failures"]


def test_s2_33_s5_22_a_frame_in_a_frame_out(summing: Pipeline) -> None:
    result = summing.infer(FRAME)
    assert list(result.columns) == COLUMNS
    assert result["in.tensor"].tolist() == FRAME["tensor"].tolist()
    assert result["out.y"].tolist() == [[6.0], [15.0]]
    assert result["check_failures"].tolist() == [0, 0]
    assert result["time"].dtype == np.dtype("datetime64[ms]")
    assert result["time"].nunique() == 1


@pytest.mark.parametrize(
    "cells",
    [
        [np.array([1, 2, 3]), np.array([4.0, 5.0, 6.0])],
        [np.array([1, 2, 3], np.float32), np.array([4, 5, 6], np.float32)],
        [[1, 2, 3], [4, 5, 6]],
        [(1, 2, 3), (4, 5, 6)],
    ],
)
def test_s5_22_cells_may_be_lists_or_arrays(summing: Pipeline, cells: list[Any]) -> None:
    frame = pd.DataFrame({"tensor": cells}, index=["a", "b"])
    result = summing.infer(frame)
    assert result["out.y"].tolist() == [[6.0], [15.0]]
    assert not [name for name in result.columns if "index" in name]


def test_s2_34_inputs_come_out_in_alphabetical_order(summing: Pipeline) -> None:
    """A column that no model uses is passed through (S2-36), with its type."""
    frame = FRAME.assign(zebra=[True, False], apple=["x", "y"])[["zebra", "tensor", "apple"]]
    result = summing.infer(frame)
    assert list(result.columns) == ["time", "in.apple", "in.tensor", "in.zebra", "out.y", "check_failures"]
    assert result["in.zebra"].tolist() == [True, False]
    assert result["in.apple"].tolist() == ["x", "y"]


def test_s5_24_s5_28_one_row_and_a_thousand_as_frame_and_table(
    wl: Client, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The seed's own house prices: the same numbers in every form, exact float32."""
    model = wl.upload_model("houses", shared_data / "models" / "rf_model.onnx").configure()
    pipeline = wl.build_pipeline(unique("houses")).add_model_step(model).deploy()
    try:
        thousand = pd.DataFrame(json.loads((shared_data / "data" / "xtest-1k.df.json").read_bytes()))
        with pa.memory_map(str(shared_data / "data" / "xtest-1k.arrow")) as source:
            table = pa.ipc.open_file(source).read_all()
        by_frame = pipeline.infer(thousand)["out.variable"].tolist()
        by_table = pipeline.infer(table)["out.variable"].to_pylist()
        by_json = pipeline.infer({"tensor": thousand["tensor"].tolist()})[0]["outputs"][0]["Float"]["data"]
        by_file = pipeline.infer_from_file(shared_data / "data" / "xtest-1k.df.json")["out.variable"].tolist()
        by_one = pipeline.infer_from_file(shared_data / "data" / "xtest-1.df.json")["out.variable"].tolist()
    finally:
        pipeline.undeploy()
    assert by_frame == by_table == by_file == [[value] for value in by_json]
    assert len(by_frame) == 1000
    for value in (by_frame[0][0], by_one[0][0]):
        assert float(np.float32(value)) == value, "a float32, not a rounded decimal"
        assert abs(value - 718013.75) <= 0.0625, "one step of float32 at this size"
    printed = capsys.readouterr().out
    assert "Waiting for deployment - this will take up to 45s ." in printed
    assert printed.count(" ok\n") == 2


def test_a_table_in_a_table_out(summing: Pipeline) -> None:
    result = summing.infer(pa.table({"tensor": FRAME["tensor"].tolist()}))
    assert result.column_names == COLUMNS
    assert result.schema.field("time").type == pa.timestamp("ms")
    assert result.schema.field("check_failures").type == pa.int8()
    assert result.schema.field("out.y").type == pa.list_(pa.float32())


def test_plain_json_in_plain_json_out(summing: Pipeline) -> None:
    (answer,) = summing.infer({"tensor": [[1, 2, 3]]})
    assert answer["outputs"] == [{"Float": {"v": 1, "dim": [1, 1], "data": [6.0]}}]
    assert answer["pipeline_name"] == summing.name()


def test_fields_are_chosen(summing: Pipeline) -> None:
    assert list(summing.infer(FRAME, dataset=["time", "out"]).columns) == ["time", "out.y"]
    assert list(summing.infer(FRAME, dataset_exclude=["in", "check_failures"]).columns) == ["time", "out.y"]
    assert list(summing.infer(FRAME, dataset=["check_failures"]).columns) == ["check_failures"]
    both = summing.infer(FRAME, dataset=["*", "metadata"])
    assert "metadata.last_model" in both.columns
    assert json.loads(both["metadata.last_model"][0])["model_name"] == "summer"
    joined = summing.infer(FRAME, dataset_separator="_")
    assert list(joined.columns) == ["time", "in_tensor", "out_y", "check_failures"]


def test_a14_results_of_2024(server: PrivateServer, summing: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """By argument or environment."""
    expected = ["time", "in.tensor", "out.y", "anomaly.count"]
    with Client(endpoint(server), token=server.token, result_style="2024") as wl:
        pipeline = wl.pipelines_by_name(summing.name())[0]
        assert list(pipeline.infer(FRAME).columns) == expected
        assert list(pipeline.logs(limit=1).columns) == expected
    monkeypatch.setenv("WALLAROO_RESULT_STYLE", "2024")
    with Client(endpoint(server), token=server.token) as wl:
        assert list(wl.pipelines_by_name(summing.name())[0].infer(FRAME).columns) == expected


@pytest.mark.parametrize("tensor", [np.ones((2, 3)), "text", 5, None, FRAME["tensor"], ("a",), b"bytes"])
def test_other_types_are_refused_before_anything_is_sent(summing: Pipeline, tensor: Any) -> None:
    with pytest.raises(TypeError, match="takes a pandas DataFrame, a pyarrow Table, a dict or a list; got"):
        summing.infer(tensor)


@pytest.mark.parametrize("tensor", [FRAME.head(0), pd.DataFrame(), pa.table({"tensor": pa.array([], pa.float32())})])
def test_no_rows_are_refused_before_anything_is_sent(summing: Pipeline, tensor: Any) -> None:
    with pytest.raises(InferenceError, match="has no rows"):
        summing.infer(tensor)


@pytest.mark.parametrize("timeout", ["5", None, True, [1]])
def test_s2_32_a_timeout_is_a_number(summing: Pipeline, timeout: Any) -> None:
    with pytest.raises(TypeError, match="timeout: expected seconds as an int or float"):
        summing.infer(FRAME, timeout=timeout)


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_is_above_0(summing: Pipeline, timeout: float) -> None:
    with pytest.raises(InvalidRequest, match="more than 0"):
        summing.infer(FRAME, timeout=timeout)


def test_s2_38_a_slow_model_takes_its_time_or_is_timed_out(wl: Client, tmp_path: Path) -> None:
    """The error names the limit, and is Python's TimeoutError too."""
    (tmp_path / "slow.onnx").write_bytes(models.slow(turns=3_000_000))
    model = wl.upload_model("slow", tmp_path / "slow.onnx").configure(tensor_fields=["tensor"])
    pipeline = wl.build_pipeline(unique("slow")).add_model_step(model).deploy()
    row = pd.DataFrame({"tensor": [[1.5]]})
    try:
        with pytest.raises(InferenceTimeoutError, match=r"within the timeout of 0\.1 s"):
            pipeline.infer(row, timeout=0.1)
        with pytest.raises(TimeoutError):
            asyncio.run(_async(pipeline, row, timeout=0.1))
        assert pipeline.infer(row, timeout=60)["out.y"].tolist() == [[1.5]]
    finally:
        pipeline.undeploy()


def test_the_servers_own_limit_keeps_the_servers_words(tmp_path: Path) -> None:
    """Which is another limit than ``timeout``, and is raised elsewhere."""
    (tmp_path / "slow.onnx").write_bytes(models.slow(turns=3_000_000))
    limit = "--WallarooApp.request_time_limit_s=0.2"
    with (
        PrivateServer(tmp_path / "server", options=(limit,)) as server,
        Client(endpoint(server), token=server.token) as wl,
    ):
        model = wl.upload_model("slow", tmp_path / "slow.onnx").configure(tensor_fields=["tensor"])
        pipeline = wl.build_pipeline("slow").add_model_step(model).deploy()
        with pytest.raises(InferenceTimeoutError, match=r"time limit of 0\.2 s.*request_time_limit_s"):
            pipeline.infer(pd.DataFrame({"tensor": [[1.5]]}), timeout=60)


def test_data_that_does_not_fit_is_told_by_column(summing: Pipeline) -> None:
    """By the server, whose hint is in the text; catchable as three things."""
    with pytest.raises(InferenceError, match=r"Column 'tensor' is missing.*Rename a column") as caught:
        summing.infer(pd.DataFrame({"wrong": [[1.0, 2.0, 3.0]]}))
    assert isinstance(caught.value, InvalidInput)
    assert isinstance(caught.value, ValueError)
    with pytest.raises(InferenceError, match="tensor"):
        summing.infer({"tensor": [[1, 2]]})


def test_a_pipeline_that_is_not_deployed_says_so(wl: Client) -> None:
    with pytest.raises(DeploymentError, match=r"is not deployed.*pipeline\.deploy\(\)"):
        wl.build_pipeline(unique("idle")).infer(FRAME)


def test_a_pipeline_undeployed_by_somebody_else_is_not_found(wl: Client, model_file: Path) -> None:
    model = wl.upload_model("summer", model_file).configure(tensor_fields=["tensor"])
    pipeline = wl.build_pipeline(unique("gone")).add_model_step(model).deploy()
    wl.get_pipeline(pipeline.name()).undeploy()
    with pytest.raises(EntityNotFoundError, match="Nothing is deployed"):
        pipeline.infer(FRAME)


# ---------------------------------------------------------------- from files


def test_files_of_every_format(summing: Pipeline, tmp_path: Path) -> None:
    table = pa.table({"tensor": FRAME["tensor"].tolist()})
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    FRAME.to_json(tmp_path / "a.df.json", orient="records")
    (tmp_path / "b.json").write_text('{"tensor": [[1, 2, 3]]}')
    (tmp_path / "c.data").write_bytes((tmp_path / "a.arrow").read_bytes())
    assert summing.infer_from_file(str(tmp_path / "a.arrow")).column("out.y").to_pylist() == [[6.0], [15.0]]
    assert summing.infer_from_file(tmp_path / "a.df.json")["out.y"].tolist() == [[6.0], [15.0]]
    assert summing.infer_from_file(tmp_path / "b.json")[0]["outputs"][0]["Float"]["data"] == [6.0]
    assert summing.infer_from_file(tmp_path / "c.data", data_format="arrow").num_rows == 2
    custom = summing.infer_from_file(tmp_path / "b.json", data_format="custom-json")
    assert custom[0]["pipeline_name"] == summing.name()


@pytest.mark.parametrize(
    ("name", "content", "data_format", "complaint"),
    [
        ("a.arrow", "text", None, "not an Arrow file"),
        ("a.json", "{", None, "not JSON"),
        ("a.json", "5", None, "does not hold pandas records"),
        ("a.json", "{}", "pandas-records", "does not hold pandas records"),
        ("a.json", '[{"a": 1}, {"b": 1}]', None, "with the same keys"),
        ("a.json", "[]", "parquet", "data_format: expected"),
    ],
)
def test_files_that_are_something_else(
    summing: Pipeline, tmp_path: Path, name: str, content: str, data_format: str | None, complaint: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InvalidRequest, match=complaint):
        summing.infer_from_file(tmp_path / name, data_format)


# ---------------------------------------------------------------- coroutines


async def _async(pipeline: Pipeline, tensor: Any, **options: Any) -> Any:
    async with httpx.AsyncClient(trust_env=False) as session:
        return await pipeline.async_infer(tensor, session, **options)


def test_a_coroutine_gives_the_same(summing: Pipeline) -> None:
    """In the caller's own session, which sends our token nowhere else."""
    expected = summing.infer(FRAME).drop(columns="time")
    pd.testing.assert_frame_equal(asyncio.run(_async(summing, FRAME)).drop(columns="time"), expected)


def test_a_frame_in_parts_comes_back_in_order(summing: Pipeline) -> None:
    frame = pd.DataFrame({"tensor": [[float(number), 0.0, 0.0] for number in range(101)]})
    result = asyncio.run(summing.parallel_infer(frame, num_parallel=4, batch_size=10))
    assert list(result.columns) == COLUMNS
    assert result["out.y"].tolist() == [[float(number)] for number in range(101)]
    table = asyncio.run(summing.parallel_infer(pa.table({"tensor": frame["tensor"].tolist()}), batch_size=50))
    assert table.column("out.y").to_pylist() == result["out.y"].tolist()
    logged = summing.logs(limit=11)
    assert logged["time"].nunique() >= 1


def test_a_part_that_fails_says_why_in_its_rows(summing: Pipeline) -> None:
    """The others have their results."""
    frame = pd.DataFrame({"tensor": [[1.0, 2.0, 3.0], [1.0], [4.0, 5.0, 6.0]]})
    result = asyncio.run(summing.parallel_infer(frame))
    assert list(result.columns) == [*COLUMNS, "error"]
    assert result["out.y"].tolist() == [[6.0], None, [15.0]]
    assert result["in.tensor"].tolist() == frame["tensor"].tolist()
    assert "tensor" in result["error"][1]
    assert result["error"].isna().tolist() == [True, False, True]
    assert result["time"].isna().tolist() == [False, True, False]
    chosen = asyncio.run(summing.parallel_infer(frame, dataset=["out"]))
    assert list(chosen.columns) == ["out.y", "error"]
    every = asyncio.run(summing.parallel_infer(frame[1:2]))
    assert list(every.columns) == ["in.tensor", "error"]


def test_a_list_of_inputs_gives_a_list_of_results(summing: Pipeline) -> None:
    """The form of 2023, in the order of the list; one that fails is raised."""
    tensors = [pd.DataFrame({"tensor": [[float(number)] * 3]}) for number in range(1, 20)]
    results = asyncio.run(summing.parallel_infer(tensor_list=tensors, num_parallel=4, retries=2))
    expected = [summing.infer(tensor)["out.y"].tolist() for tensor in tensors]
    assert [result["out.y"].tolist() for result in results] == expected
    mixed = asyncio.run(summing.parallel_infer([FRAME, {"tensor": [[1, 2, 3]]}]))
    assert mixed[0]["out.y"].tolist() == [[6.0], [15.0]]
    assert mixed[1][0]["outputs"][0]["Float"]["data"] == [6.0]
    with pytest.raises(InferenceError, match="tensor"):
        asyncio.run(summing.parallel_infer([FRAME, pd.DataFrame({"wrong": [1]}), FRAME]))


class Flaky(httpx.AsyncBaseTransport):
    """Answers as told: an exception is raised, a response given; counts."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        answer = self.answers[min(self.asked, len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        answer.request = request
        return answer


LOST, LATE = httpx.ReadError("cut"), httpx.ReadTimeout("late")
OVER = httpx.Response(504, json={"message": "The time limit of 1 s.", "code": 504})
GONE = httpx.Response(502, text="Bad Gateway")
BUSY = httpx.Response(429, headers={"Retry-After": "0"}, json={"message": "Busy.", "code": 429})
GOOD = httpx.Response(200, json=[{"outputs": []}])
WRONG = httpx.Response(400, json={"message": "Column.", "code": 400})


@pytest.mark.parametrize(
    ("answers", "retries", "asked", "error"),
    [
        ([LOST, GOOD], 2, 2, None),
        ([LATE, OVER, GONE, GOOD], 4, 4, None),
        ([BUSY, BUSY, GOOD], None, 3, None),
        ([LOST, GOOD], None, 1, CommunicationError),
        ([LOST, GOOD], 1, 1, CommunicationError),
        ([LATE], 3, 3, InferenceTimeoutError),
        ([OVER], 2, 2, InferenceTimeoutError),
        ([GONE], 2, 2, CommunicationError),
        ([WRONG, GOOD], 5, 1, InferenceInputError),
    ],
)
def test_retries_are_for_what_got_lost(
    summing: Pipeline,
    monkeypatch: pytest.MonkeyPatch,
    answers: list[httpx.Response | Exception],
    retries: int | None,
    asked: int,
    error: type[Exception] | None,
) -> None:
    """They count all attempts, as the vendor's (contract/inference.md); busy servers are asked again without.

    The way straight to the engines adds one that goes through Jupyter (test_direct): it is not taken here.
    """
    monkeypatch.setattr(summing.client.api, "is_local", False)
    transport = Flaky(*answers)

    async def ask() -> Any:
        async with httpx.AsyncClient(transport=transport) as session:
            return await summing.async_infer({"tensor": [[1, 2, 3]]}, session, retries=retries)

    if error is None:
        assert asyncio.run(ask()) == [{"outputs": []}]
    else:
        with pytest.raises(error):
            asyncio.run(ask())
    assert transport.asked == asked


@pytest.mark.parametrize("retries", [-1, 1.5, True, "2"])
def test_retries_are_a_number(summing: Pipeline, retries: Any) -> None:
    with pytest.raises(InvalidRequest, match="retries: expected"):
        asyncio.run(summing.parallel_infer(FRAME, retries=retries))


def test_a_coroutine_that_is_ended_ends_its_requests(wl: Client, tmp_path: Path) -> None:
    """At once, however long they would have taken."""
    (tmp_path / "slow.onnx").write_bytes(models.slow(turns=3_000_000))
    model = wl.upload_model("slower", tmp_path / "slow.onnx").configure(tensor_fields=["tensor"])
    pipeline = wl.build_pipeline(unique("slower")).add_model_step(model).deploy()
    rows = pd.DataFrame({"tensor": [[1.5]] * 8})
    begun = time.monotonic()
    try:
        with pytest.raises(TimeoutError):
            asyncio.run(asyncio.wait_for(pipeline.parallel_infer(rows, timeout=60), 0.5))
        assert time.monotonic() - begun < 30
    finally:
        pipeline.undeploy()


@pytest.mark.parametrize("tensor", [{"tensor": [[1, 2, 3]]}, FRAME.head(0)])
def test_what_has_no_rows_cannot_be_sent_in_parts(summing: Pipeline, tensor: Any) -> None:
    with pytest.raises((TypeError, InferenceError)):
        asyncio.run(summing.parallel_infer(tensor))
    with pytest.raises(InvalidRequest, match="at least 1"):
        asyncio.run(summing.parallel_infer(FRAME, batch_size=0))


def test_threads_share_a_client(summing: Pipeline) -> None:
    """Widgets and magics ask from threads."""
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(summing.infer(FRAME))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result["out.y"].tolist() for result in results] == [[[6.0], [15.0]]] * 8
