"""Assays over REST: a real stream that shifts, both versions of the API, mistakes."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pytest

from tests import models
from tests.deploying import Deployed, deploy, post, upload
from tests.drifting import config, moment, psi, sample, send, until_second

NORMAL, SHIFTED = 3, 2
WITHIN = 1e-9
RESULTS_LIMIT_S = 15.0


def v2(client: httpx.Client, path: str, **body: Any) -> Any:
    """Return the answer of a call of the second version that must succeed."""
    url = str(client.base_url).replace("/v1/api/", f"/v2/api/assays/{path}")
    response = client.post(url, json=body)
    assert response.status_code == 200, f"{path}: {response.status_code} {response.text}"
    return response.json()


@dataclass(frozen=True)
class Stream:
    """A pipeline, its baseline, and five windows of a second of which the last two are shifted."""

    deployed: Deployed
    baseline_start: float
    start: float
    baseline: np.ndarray
    windows: list[np.ndarray]
    scheduled: int
    scheduled_v2: str

    @property
    def end(self) -> float:
        return self.start + len(self.windows)

    @property
    def scores(self) -> list[float]:
        return [psi(self.baseline, window) for window in self.windows]

    def fixed(self) -> dict[str, Any]:
        return {"Fixed": {"start_at": moment(self.baseline_start), "end_at": moment(self.start)}}


@pytest.fixture(scope="module")
def stream(client: httpx.Client) -> Iterator[Stream]:
    """The stream, sent while two assays are scheduled over it."""
    name = f"drifting-{uuid.uuid4().hex[:8]}"
    deployed = deploy(client, name, [upload(client, models.row_sum(3), name)])
    baseline = sample(0, 500)
    windows = [sample(number, shift=0 if number <= NORMAL else 12.0) for number in range(1, NORMAL + SHIFTED + 1)]
    baseline_start = math.floor(time.time())
    send(client, deployed, baseline)
    start = math.ceil(time.time()) + 1.0
    changes = {"baseline": {"Fixed": {"start_at": moment(baseline_start), "end_at": moment(start)}}}
    scheduled = post(client, "assays/create", **config(deployed, name, **changes))["assay_id"]
    scheduled_v2 = v2(client, "schedule", **definition_v2(deployed, f"{name}-v2", baseline_start, start))
    for number, values in enumerate(windows):
        until_second(start + number + 0.1)
        send(client, deployed, values)
        assert time.time() < start + number + 1, "the machine was too slow to send a window within its second"
    yield Stream(deployed, baseline_start, start, baseline, windows, scheduled, scheduled_v2)
    post(client, "assays/set_active", id=scheduled, active=False)
    v2(client, "set_active", assay_id=scheduled_v2, active=False)


def definition_v2(deployed: Deployed, name: str, baseline_start: float, start: float) -> dict[str, Any]:
    thresholds = {"warning": 0.1, "alert": 0.25}
    return {
        "name": name,
        "baseline": {"Static": [moment(baseline_start), moment(start)]},
        "scheduling": {
            "first_run": moment(start + NORMAL + SHIFTED),
            "run_frequency": {"SimpleRunFrequency": {"quantity": 1, "unit": "Minute"}},
            "end": None,
        },
        "summarizer": {
            "UnivariateContinuous": {
                "aggregation": "Density",
                "bin_mode": {"QuantileWithExplicitOutliers": 5},
                "metric": "PSI",
                "bin_weights": None,
            }
        },
        "targeting": {
            "data_origin": {
                "pipeline_id": deployed.pipeline_id,
                "pipeline_name": deployed.pipeline_name,
                "workspace_id": deployed.workspace_id,
                "workspace_name": "any",
            },
            "iopath": [
                {"field": "out.y", "indexes": [0], "thresholds": thresholds},
                {"field": "in.tensor", "indexes": [0], "thresholds": thresholds},
            ],
        },
        "window": {"width": {"seconds": SHIFTED}},
    }


def results(client: httpx.Client, stream: Stream) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = post(
        client, "assays/get_assay_results", assay_id=stream.scheduled, start=moment(0), end=moment(stream.end)
    )
    return found


def eventually(ask: Any, wanted: int) -> list[dict[str, Any]]:
    """Ask, as clients do, until there are as many results as there will be."""
    until = time.monotonic() + RESULTS_LIMIT_S
    while len(found := ask()) < wanted:
        assert time.monotonic() < until, f"{len(found)} of {wanted} results"
        time.sleep(0.1)
    return list(found)


def test_drift_is_found_in_the_first_shifted_window_and_not_before(client: httpx.Client, stream: Stream) -> None:
    """On schedule, each window once; PSI is scipy's."""
    found = eventually(lambda: results(client, stream), NORMAL + SHIFTED)
    assert [item["window_start"] for item in found] == [
        f"{moment(stream.start + number)[:19]}.000000+00:00" for number in range(NORMAL + SHIFTED)
    ]
    assert [item["status"] for item in found] == ["Ok"] * NORMAL + ["Alert"] * SHIFTED
    for item, expected, values in zip(found, stream.scores, stream.windows, strict=True):
        assert abs(item["score"] - expected) < WITHIN
        assert item["baseline_summary"]["count"] == len(stream.baseline)
        assert item["window_summary"]["count"] == len(values)
        assert item["window_summary"]["mean"] == pytest.approx(values.mean(), abs=WITHIN)
        assert item["baseline_summary"]["edges"][-1] is None
        assert sum(item["scores"]) == pytest.approx(item["score"])
        assert (item["assay_id"], item["pipeline_id"]) == (stream.scheduled, stream.deployed.pipeline_id)
    assert len({item["id"] for item in found}) == NORMAL + SHIFTED


def test_the_same_is_found_at_once_when_asked(client: httpx.Client, stream: Stream) -> None:
    """Interactively, by window, by metric; nothing is kept."""
    run = config(stream.deployed, "not kept", baseline=stream.fixed(), run_until=moment(stream.end))
    found = post(client, "assays/run_interactive", **run)
    assert [item["score"] for item in found] == pytest.approx(stream.scores, abs=WITHIN)
    assert [item["status"] for item in found] == ["Ok"] * NORMAL + ["Alert"] * SHIFTED
    assert {item["assay_id"] for item in found} == {None}
    assert "not kept" not in [item["name"] for item in post(client, "assays/list")]
    run["window"].update(width="2 seconds", interval="1 seconds")
    overlapping = post(client, "assays/run_interactive", **run)
    assert [item["window_summary"]["count"] for item in overlapping] == [600] * (NORMAL + SHIFTED - 1)
    run["summarizer"]["metric"] = "MaxDiff"
    assert {item["bin_index"] for item in post(client, "assays/run_interactive", **run)} <= set(range(7))


@pytest.mark.parametrize("path", ["out.y[0]", "output y 0", "output 0 0", "out.y", "in.tensor[0]", "input tensor 0"])
def test_paths_in_every_spelling(client: httpx.Client, stream: Stream, path: str) -> None:
    """The first input is the sum here: the others are 0."""
    run = config(stream.deployed, "path", baseline=stream.fixed(), run_until=moment(stream.end), window={"path": path})
    found = post(client, "assays/run_interactive", **run)
    assert [item["score"] for item in found] == pytest.approx(stream.scores, abs=WITHIN)


def test_baselines_of_every_kind_agree(client: httpx.Client, stream: Stream) -> None:
    """A stretch of time, the same values given, and what was made of them before; one of either by itself."""
    run = config(stream.deployed, "baselines", run_until=moment(stream.end), window={"start": moment(stream.start)})
    summarizer = run["summarizer"]
    fixed_window = {
        "path": "output y 0",
        "pipeline_name": stream.deployed.pipeline_name,
        "workspace_id": stream.deployed.workspace_id,
        "start": moment(stream.baseline_start),
        "width": f"{stream.start - stream.baseline_start:.0f} seconds",
    }
    vector = {"vector": stream.baseline.tolist()}
    summarized = [
        post(client, "assays/summarize", summarizer=summarizer, baseline=baseline)
        for baseline in (vector, {"fixed_window": fixed_window})
    ]
    assert {**summarized[1], "start": None, "end": None} == summarized[0]
    static = {"static": summarized[1]}
    for baseline in (stream.fixed(), {"calculated": vector}, {"calculated": {"fixed_window": fixed_window}}, static):
        found = post(client, "assays/run_interactive", **{**run, "baseline": baseline})
        assert [item["score"] for item in found] == pytest.approx(stream.scores, abs=WITHIN)
    sliding = {"sliding_window": {"window": {"width": "1 seconds"}, "offset": "1 seconds"}}
    run["window"]["start"] = moment(stream.start + 1)
    found = post(client, "assays/run_interactive", **{**run, "baseline": {"calculated": sliding}})
    assert [item["score"] for item in found] == pytest.approx(
        [psi(stream.windows[number], stream.windows[number + 1]) for number in range(4)], abs=WITHIN
    )


def test_a_baseline_run_is_the_baseline_against_itself(client: httpx.Client, stream: Stream) -> None:
    found = post(client, "assays/run_interactive_baseline", **config(stream.deployed, "b", baseline=stream.fixed()))
    assert (found["status"], found["score"], set(found["scores"])) == ("BaselineRun", 0.0, {0.0})
    assert found["baseline_summary"] == found["window_summary"]
    assert found["baseline_summary"]["count"] == 500


def test_records_of_a_baseline(client: httpx.Client, stream: Stream) -> None:
    asked = {"pipeline_name": stream.deployed.pipeline_name, "workspace_id": stream.deployed.workspace_id}
    rows = post(client, "assays/get_baseline", **asked, limit=3)
    assert [row["out.y"] for row in rows] == [[value] for value in stream.baseline[:3]]
    assert {"time", "in.tensor", "out.y", "anomaly.count", "metadata.last_model"} <= set(rows[0])
    later = post(client, "assays/get_baseline", **asked, start=moment(stream.end - 1), end=moment(stream.end))
    assert [row["out.y"] for row in later] == [[value] for value in stream.windows[-1]]


def test_the_second_version(client: httpx.Client, stream: Stream) -> None:
    """Two paths in one assay; the literal path; the bare UUID; the edges' text."""
    key = stream.scheduled_v2
    assert str(uuid.UUID(key)) == key
    (found,) = eventually(lambda: v2(client, "get_results", id=key, end=moment(stream.end)), 1)
    shifted = np.concatenate(stream.windows[-SHIFTED:])
    assert found["status"] == "Alert"
    assert set(found["scores"]) == {"out.y.0", "in.tensor.0"}
    assert all(abs(item["score"] - psi(stream.baseline, shifted)) < WITHIN for item in found["scores"].values())
    summary = found["summaries"]["out.y.0"]
    assert summary["bins"]["edges"][-1] == "INFINITY"
    assert summary["statistics"]["count"] == len(shifted)
    shown = v2(client, "get/:id", id=key)
    assert shown["targeting"]["iopath"][1]["field"] == "in.tensor"
    assert shown in v2(client, "get", active="ActiveOnly", pipeline_name=stream.deployed.pipeline_name)
    runs = v2(client, "get_next_run", assay_id=key)
    assert runs["last_run"] is not None and runs["next_run"] > moment(stream.end)


def test_the_second_version_previews_and_scores(client: httpx.Client, stream: Stream) -> None:
    asked = definition_v2(stream.deployed, "p", stream.baseline_start, stream.start)
    del asked["name"]
    asked["scheduling"]["first_run"] = moment(stream.start + 2)
    ends = {"preview_start": moment(stream.start), "preview_end": moment(stream.end)}
    (first,) = v2(client, "preview", **asked, **ends)
    expected = psi(stream.baseline, np.concatenate(stream.windows[:2]))
    assert first["scores"]["out.y.0"]["score"] == pytest.approx(expected, abs=WITHIN)
    parts = {name: asked[name] for name in ("baseline", "summarizer", "targeting")}
    bins = v2(client, "preview_baseline_binning", **parts)["out.y.0"]["bins"]
    assert bins["labels"] == ["left_outlier", "q_20", "q_40", "q_60", "q_80", "q_100", "right_outlier"]
    raw = v2(client, "score", **parts, window={"Raw": stream.windows[0].tolist()})
    stored = v2(client, "score", **parts, window={"Stored": [moment(stream.start), moment(stream.start + 1)]})
    assert raw["out.y.0"]["score"] == pytest.approx(stream.scores[0], abs=WITHIN)
    assert stored == raw
    asked["summarizer"]["UnivariateContinuous"]["bin_mode"] = {"Quantile": 5}
    folded = v2(client, "preview_baseline_binning", **{**parts, "summarizer": asked["summarizer"]})["out.y.0"]
    assert folded["bins"]["labels"] == ["q_20", "q_40", "q_60", "q_80", "q_100"]
    assert folded["bins"]["edges"][-1] == "INFINITY"


def test_both_versions_know_of_each_others_assays(client: httpx.Client, stream: Stream) -> None:
    listed = post(client, "assays/list", pipeline_id=stream.deployed.pipeline_id)
    names = [item["name"] for item in listed]
    assert names == [stream.deployed.pipeline_name, f"{stream.deployed.pipeline_name}-v2"]
    of_v2 = v2(client, "get", active="All", workspace_id=stream.deployed.workspace_id)
    assert set(names) <= {item["name"] for item in of_v2}
    assert listed[0]["iopath"] == "output y 0"
    assert listed[0]["baseline"]["Fixed"]["start_at"] == listed[0]["baseline"]["calculated"]["fixed_window"]["start"]
    assert listed[0]["window"]["width"] == "1 seconds"
    one = post(client, "assays/get_assay_by_id", id=stream.scheduled)
    assert {name: one[name] for name in ("id", "name", "summarizer")} == {
        name: listed[0][name] for name in ("id", "name", "summarizer")
    }


def test_filter(client: httpx.Client, stream: Stream) -> None:
    results_there = eventually(lambda: results(client, stream), NORMAL + SHIFTED)
    assert results_there
    asked = {"workspace_id": stream.deployed.workspace_id, "pipeline_id": stream.deployed.pipeline_id}

    def names(**more: Any) -> list[str]:
        return [item["name"] for item in post(client, "assays/filter", sort_by="name", **asked, **more)]

    name = stream.deployed.pipeline_name
    assert names() == [name, f"{name}-v2"]
    assert names(name="-V2") == [f"{name}-v2"]
    assert names(active=False) == []
    calm = {"start": moment(stream.start), "end": moment(stream.start + NORMAL)}
    assert names(drift_window=calm) == []
    assert names(drift_window={**calm, "end": moment(stream.end)})[0] == name


def test_an_assay_that_is_turned_off_stays_silent(client: httpx.Client, stream: Stream) -> None:
    """And goes on with what comes when it is turned on again."""
    name = f"off-{uuid.uuid4().hex[:8]}"
    made = post(client, "assays/create", **config(stream.deployed, name, baseline=stream.fixed(), active=False))
    key = made["assay_id"]
    assert post(client, "assays/set_active", id=key, active=True) == {"id": key, "active": True}
    shown = post(client, "assays/get_assay_by_id", id=key)
    assert shown["active"] is True
    assert shown["next_run"] > moment(stream.end)
    post(client, "assays/set_active", id=key, active=False)
    ended = post(client, "assays/get_assay_results", assay_id=key, start=moment(0), end=moment(stream.end))
    assert ended == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": {"path": "output z 0"}}, "No record has 'out.z.0'. Did you mean 'out.y'"),
        ({"window": {"path": "output y 7"}}, "expected an index from 0 to 0; got 7"),
        ({"window": {"path": "input tensor"}}, "'in.tensor' is a list of 3 values: expected an index"),
        ({"window": {"path": "somewhere"}}, "leads to no input or output"),
        ({"window": {"width": "a while"}}, "'window.width': expected a length such as '24 hours'"),
        ({"window": {"width": "1 milliseconds"}}, "at least 1 second"),
        ({"window": {"model_name": "other"}}, "Model 'other' does not exist"),
        ({"run_until": "tomorrow"}, "'run_until': expected an ISO 8601 instant"),
        ({"summarizer": {"type": "MultivariateContinuous"}}, "expected 'UnivariateContinuous'"),
        ({"summarizer": {"num_bins": 0}}, "'num_bins': expected 1 to 1000; got 0"),
        ({"summarizer": {"bin_weights": [1]}}, "'bin_weights': expected 7 numbers"),
        ({"baseline": {"Fixed": {"start_at": moment(0), "end_at": moment(9)}}}, "has no records with numbers"),
        ({"baseline": {"Fixed": {"start_at": moment(9), "end_at": moment(0)}}}, "before it begins"),
        ({"baseline": {"UserProvided": {"url": "http://127.0.0.1/x"}}}, "fetches no data"),
        ({"baseline": {"calculated": {"vector": []}}}, "no numbers to summarize"),
        ({"pipeline_name": "other"}, "is 'drifting-"),
        ({"pipeline_id": 10**6}, "Pipeline 1000000 does not exist"),
    ],
)
def test_mistakes_are_explained_and_keep_nothing(
    client: httpx.Client, stream: Stream, changes: dict[str, Any], message: str
) -> None:
    """Alike when it is tried and when it is scheduled."""
    name = f"wrong-{uuid.uuid4().hex[:8]}"
    body = config(stream.deployed, name, baseline=stream.fixed(), run_until=moment(stream.end))
    for key, value in changes.items():
        body[key] = {**body[key], **value} if key in ("window", "summarizer") else value
    body["window"].setdefault("start", moment(stream.start))
    for path in ("assays/run_interactive", "assays/create"):
        response = client.post(path, json=body)
        assert response.status_code in (400, 404), (path, response.text)
        said = response.json()
        assert message in f"{said['message']} {said['hint']}", path
    assert name not in [item["name"] for item in post(client, "assays/list")]


def test_names_are_unique(client: httpx.Client, stream: Stream) -> None:
    again = config(stream.deployed, stream.deployed.pipeline_name, baseline=stream.fixed())
    response = client.post("assays/create", json=again)
    assert response.status_code == 409
    assert "exists already" in response.json()["message"]


@pytest.mark.parametrize("path", ["get_assay_by_id", "set_active"])
def test_an_assay_that_is_not_there(client: httpx.Client, path: str) -> None:
    response = client.post(f"assays/{path}", json={"id": 10**6, "active": True})
    assert response.status_code == 404
    assert "Assay 1000000 does not exist" in response.json()["message"]
