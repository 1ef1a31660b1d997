"""Splits, shadow deployments and validations of deployed pipelines, through the client and over the wire."""

from __future__ import annotations

import json
import math
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import polars as pl
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.model_version import ModelVersion
from jupyter_wallaroo.sdk.pipeline import Pipeline
from tests import models
from tests.sdk.conftest import endpoint, unique


@pytest.fixture(scope="module")
def wl(server: PrivateServer) -> Iterator[Client]:
    with Client(endpoint(server), token=server.token) as client:
        client.set_current_workspace(client.create_workspace(unique("live")))
        yield client


@pytest.fixture(scope="module")
def three(wl: Client, tmp_path_factory: pytest.TempPathFactory) -> list[ModelVersion]:
    """Models that sum two numbers and multiply by 1, 10 and 100."""
    folder = tmp_path_factory.mktemp("three")
    found = []
    for name, factor in (("ones", 1.0), ("tens", 10.0), ("hundreds", 100.0)):
        (folder / f"{name}.onnx").write_bytes(models.row_sum(2, factor))
        found.append(wl.upload_model(name, folder / f"{name}.onnx").configure(tensor_fields=["tensor"]))
    return found


@pytest.fixture
def pipeline(wl: Client) -> Iterator[Pipeline]:
    made = wl.build_pipeline(unique("steps"))
    yield made
    made.undeploy()


def frame(rows: int, **more: Any) -> pd.DataFrame:
    return pd.DataFrame({"tensor": [[float(row), 1.0] for row in range(rows)], **more})


def chosen(result: pd.DataFrame) -> list[str]:
    """The name of the model that ran on each row, by ``out._model_split``."""
    return [json.loads(cell[0])["name"] for cell in result["out._model_split"]]


FACTORS = {"ones": 1.0, "tens": 10.0, "hundreds": 100.0}


def test_a_random_split_keeps_to_its_weights(pipeline: Pipeline, three: list[ModelVersion]) -> None:
    """10,000 rows at 2:1:1 within three standard deviations, each row answered by the model that it says."""
    pipeline.add_random_split([(2, three[0]), (1, three[1]), (1, three[2])]).deploy()
    result = pipeline.infer(frame(10_000))
    names = chosen(result)
    counts = Counter(names)
    for name, share in (("ones", 0.5), ("tens", 0.25), ("hundreds", 0.25)):
        deviation = math.sqrt(10_000 * share * (1 - share))
        assert abs(counts[name] - 10_000 * share) < 3.5 * deviation, counts
    expected = [(row + 1.0) * FACTORS[name] for row, name in enumerate(names)]
    np.testing.assert_allclose(np.concatenate(result["out.y"].to_numpy()), expected)


def test_a_hash_key_always_finds_the_same_model(wl: Client, three: list[ModelVersion], pipeline: Pipeline) -> None:
    """In every request, in any order, and after the pipeline was deployed again."""
    pipeline.add_random_split([(1, three[0]), (1, three[1])], hash_key="session").deploy()
    sessions = [f"s{number}" for number in range(200)]
    first = dict(zip(sessions, chosen(pipeline.infer(frame(200, session=sessions))), strict=True))
    assert 60 < Counter(first.values())["ones"] < 140
    backwards = list(reversed(sessions))
    assert chosen(pipeline.infer(frame(200, session=backwards))) == [first[session] for session in backwards]
    pipeline.undeploy()
    pipeline.deploy()
    for session in sessions[:10]:
        assert chosen(pipeline.infer(frame(1, session=[session]))) == [first[session]]
    logged = pipeline.logs(limit=5)
    assert {"in.session", "out._model_split", "out.y"} <= set(logged.columns)


def test_a_key_split_follows_the_value(three: list[ModelVersion], pipeline: Pipeline) -> None:
    """Text and numbers; what has no route goes to the control."""
    pipeline.add_key_split(three[0], "region", {"eu": three[1], "7": three[2]}).deploy()
    assert chosen(pipeline.infer(frame(3, region=["eu", "us", "7"]))) == ["tens", "ones", "hundreds"]
    assert chosen(pipeline.infer(frame(2, region=[7, 8]))) == ["hundreds", "ones"]


def test_a_missing_key_is_named(three: list[ModelVersion], pipeline: Pipeline) -> None:
    pipeline.add_key_split(three[0], "region", {"eu": three[1]}).deploy()
    with pytest.raises(ValueError, match=r"Column 'region', the split key of the pipeline's split, is missing"):
        pipeline.infer(frame(1))


def test_shadow_outputs_are_those_of_the_challengers_alone(
    wl: Client, three: list[ModelVersion], pipeline: Pipeline
) -> None:
    """The champion answers under ``out``, each challenger under ``out_<name>``, in the answer and in the log."""
    pipeline.add_shadow_deploy(three[0], three[1:]).deploy()
    result = pipeline.infer(frame(5))
    for name, column in (("ones", "out.y"), ("tens", "out_tens.y"), ("hundreds", "out_hundreds.y")):
        alone = wl.build_pipeline(unique("alone")).add_model_step(three[list(FACTORS).index(name)]).deploy()
        assert [list(cell) for cell in alone.infer(frame(5))["out.y"]] == [list(cell) for cell in result[column]]
        alone.undeploy()
    logged = pipeline.logs(limit=5)
    assert {"out.y", "out_tens.y", "out_hundreds.y"} <= set(logged.columns)


def test_a_failing_challenger_never_fails_the_champion(
    wl: Client, three: list[ModelVersion], pipeline: Pipeline, tmp_path: Path
) -> None:
    """It is left out, and the answer's metadata says so."""
    (tmp_path / "bad.py").write_text("def process_data(d):\n    raise RuntimeError('no')\n")
    bad = wl.upload_model("bad", tmp_path / "bad.py", framework="python")
    pipeline.add_shadow_deploy(three[0], [bad, three[1]]).deploy()
    result = pipeline.infer(frame(2), dataset=["*", "metadata"])
    assert [list(cell) for cell in result["out.y"]] == [[1.0], [2.0]]
    assert [list(cell) for cell in result["out_tens.y"]] == [[10.0], [20.0]]
    assert result["metadata.dropped"].map(list).tolist() == [["out_bad"], ["out_bad"]]
    assert not [name for name in result.columns if name.startswith("out_bad")]


def test_audited_results_are_logged_and_not_answered(three: list[ModelVersion], pipeline: Pipeline) -> None:
    """The older way to shadow: audit all but the first, select the first."""
    pipeline.add_multi_model_step(three)
    pipeline._edit().extend([{"AuditResults": {"from": 1, "to": 2}}, {"Nth": {"index": 0}}])
    pipeline.deploy()
    assert [name for name in pipeline.infer(frame(1)).columns if name.startswith("out")] == ["out.y"]
    logged = [name for name in pipeline.logs().columns if name.startswith("out")]
    assert sorted(logged) == ["out.y", "out_tens.y"]


def test_the_mean_of_several_models(three: list[ModelVersion], pipeline: Pipeline) -> None:
    pipeline.add_multi_model_step(three)
    pipeline._edit().append({"Average": {}})
    pipeline.deploy()
    assert [list(cell) for cell in pipeline.infer(frame(1))["out.y"]] == [[37.0]]


def test_validations_mark_anomalies(three: list[ModelVersion], pipeline: Pipeline) -> None:
    """As users write them; in the answer, in the log, and in both styles of results (A14)."""
    pipeline.add_model_step(three[0])
    pipeline.add_validations(
        high=pl.col("out.y").list.get(0) > 3, odd=pl.col("in.tensor").list.get(0).is_in([1.0, 3.0])
    )
    pipeline.deploy()
    result = pipeline.infer(frame(5))
    assert list(result.columns) == [
        "time", "in.tensor", "out.y", "check_failures", "anomaly.count", "anomaly.high", "anomaly.odd",
    ]  # fmt: skip
    assert result["anomaly.high"].tolist() == [False, False, False, True, True]
    assert result["anomaly.odd"].tolist() == [False, True, False, True, False]
    assert result["anomaly.count"].tolist() == result["check_failures"].tolist() == [0, 1, 0, 2, 1]
    logged = pipeline.logs(limit=5)
    assert sorted(logged["anomaly.count"].tolist()) == [0, 0, 1, 1, 2]


def test_failures_are_named_in_records(three: list[ModelVersion], pipeline: Pipeline, client: httpx.Client) -> None:
    """Over the wire each row lists the validations that it failed."""
    pipeline.add_model_step(three[0])
    pipeline.add_validations(high=pl.col("out.y").list.get(0) > 3)
    pipeline.deploy()
    headers = {"Content-Type": "application/json; format=pandas-records"}
    rows = client.post(pipeline.url(), json=[{"tensor": [1.0, 1.0]}, {"tensor": [9.0, 1.0]}], headers=headers).json()
    assert [row["check_failures"] for row in rows] == [[], ["high"]]
    assert [row["anomaly"] for row in rows] == [{"count": 0, "high": False}, {"count": 1, "high": True}]


def test_a_hostile_expression_is_refused_when_it_is_saved(client: httpx.Client, wl: Client) -> None:
    """Nothing is written."""
    tree = [json.dumps({"Alias": [{"AnonymousFunction": {"input": [], "function": [128, 4]}}, "x"]})]
    workspace = wl.get_current_workspace().id()
    name = f"hostile-{uuid.uuid4().hex[:8]}"
    body = {"pipeline_id": name, "workspace_id": workspace, "definition": {"steps": [{"Check": {"tree": tree}}]}}
    response = client.post("pipelines/create", json=body)
    assert response.status_code == 400
    assert "'AnonymousFunction' is not an expression that is evaluated here" in response.json()["message"]
    assert (
        client.post(
            "pipelines/get_pipeline_by_name", json={"pipeline_name": name, "workspace_id": workspace}
        ).status_code
        == 404
    )
