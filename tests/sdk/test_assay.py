"""Assays in a notebook: built, tried, kept, shown; a real stream that shifts."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_wallaroo.errors import Conflict, InvalidRequest, WallarooError
from jupyter_wallaroo.sdk import Client, assay_charts
from jupyter_wallaroo.sdk.assay_config import (
    Aggregation,
    AssayBuilder,
    BinMode,
    Metric,
    UnivariateContinousSummarizerBuilder,
)
from jupyter_wallaroo.sdk.pipeline import Pipeline
from tests.drifting import psi, sample, until_second
from tests.sdk.conftest import unique

RESULTS_LIMIT_S = 15.0


@dataclass(frozen=True)
class Stream:
    """A pipeline with a baseline and three windows of a second, the last of which is shifted."""

    pipeline: Pipeline
    baseline_start: datetime
    start: datetime
    baseline: np.ndarray
    windows: list[np.ndarray]

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=len(self.windows))


@pytest.fixture(scope="module")
def stream(wl: Client, model_file: Path) -> Iterator[Stream]:
    model = wl.upload_model("summer", model_file).configure(tensor_fields=["tensor"])
    pipeline = wl.build_pipeline(unique("assayed")).add_model_step(model).deploy()

    def send(values: np.ndarray) -> None:
        pipeline.infer(pd.DataFrame({"tensor": [[value, 0.0, 0.0] for value in values]}))

    baseline, windows = sample(0, 500), [sample(1), sample(2), sample(3, shift=12)]
    baseline_start = math.floor(time.time())
    send(baseline)
    start = math.ceil(time.time()) + 1
    for number, values in enumerate(windows):
        until_second(start + number + 0.1)
        send(values)
    until_second(start + len(windows))
    yield Stream(
        pipeline,
        datetime.fromtimestamp(baseline_start),
        datetime.fromtimestamp(start),
        baseline,
        windows,
    )
    pipeline.undeploy()


@pytest.fixture
def builder(wl: Client, stream: Stream) -> AssayBuilder:
    """As the tutorials begin, with local times."""
    made = wl.build_assay(unique("assay"), stream.pipeline, "summer", stream.baseline_start, stream.start)
    made.add_iopath("output y 0").add_run_until(stream.end)
    made.window_builder().add_width(seconds=1).add_interval(seconds=1).add_start(stream.start)
    return made


def test_drift_in_the_shifted_window(builder: AssayBuilder, stream: Stream) -> None:
    found = builder.build().interactive_run()
    assert [item.status for item in found] == ["Ok", "Ok", "Alert"]
    expected = [psi(stream.baseline, window) for window in stream.windows]
    assert [item.score for item in found] == pytest.approx(expected, abs=1e-9)
    frame = found.to_dataframe()
    assert list(frame.columns) == [
        "id", "assay_id", "assay_name", "iopath", "pipeline_id", "pipeline_name", "score", "start", "min", "max",
        "mean", "median", "std", "warning_threshold", "alert_threshold", "status",
    ]  # fmt: skip
    assert frame["status"].tolist() == ["Ok", "Ok", "Alert"]
    assert frame["max"].tolist() == [window.max() for window in stream.windows]
    assert frame["start"].iloc[0] == stream.start.astimezone(UTC).isoformat(timespec="microseconds")
    full = found.to_full_dataframe()
    assert {"baseline_summary_edges_0", "summarizer_type", "window_summary_count", "bin_index"} <= set(full.columns)


def test_data_in_place_of_a_time(wl: Client, builder: AssayBuilder, stream: Stream) -> None:
    given = wl.build_assay("data", stream.pipeline, iopath="out.y[0]", baseline_data=stream.baseline)
    given.add_run_until(stream.end).window_builder().add_width(seconds=1).add_start(stream.start)
    scores = [item.score for item in given.build().interactive_run()]
    assert scores == [item.score for item in builder.build().interactive_run()]
    assert given.baseline_dataframe()["output_y_0"].tolist() == stream.baseline.tolist()


def test_tables_of_a_window(builder: AssayBuilder, stream: Stream) -> None:
    last = builder.build().interactive_run()[-1]
    stats = last.compare_basic_stats()
    assert list(stats.index) == ["count", "min", "max", "mean", "median", "std", "start", "end"]
    assert stats.loc["count"].tolist() == [500, 300, -200, -40]
    assert stats.loc["mean", "diff"] == pytest.approx(stream.windows[-1].mean() - stream.baseline.mean())
    bins = last.compare_bins()
    assert bins["b_edge_names"].tolist()[0::6] == ["left_outlier", "right_outlier"]
    assert bins["b_edges"].iloc[-1] == math.inf
    assert bins["diff_in_pcts"].sum() == pytest.approx(0)
    assert list(last.baseline_bins().columns) == ["b_edges", "b_edge_names", "b_aggregated_values", "b_aggregation"]
    baseline = builder.build().interactive_baseline_run()
    assert baseline.status == "BaselineRun"
    assert baseline.baseline_stats().loc["count", "Baseline"] == 500
    assert baseline.raw["baseline_summary"]["count"] == 500


def test_settings_of_the_summarizer(builder: AssayBuilder) -> None:
    summarizer = builder.summarizer_builder
    summarizer.add_bin_mode(BinMode.EQUAL).add_num_bins(4).add_metric(Metric.MAXDIFF)
    summarizer.add_aggregation(Aggregation.CUMULATIVE).add_bin_weights([0, 0, 0, 1, 1, 1])
    found = builder.build().interactive_run()[-1]
    assert [name[0] for name in found.baseline_summary.edge_names] == ["l", "p", "p", "p", "p", "r"]
    assert found.scores[:3] == [0, 0, 0]
    assert found.score == max(found.scores) == found.scores[found.bin_index]
    summarizer.add_bin_mode(BinMode.PROVIDED, [90, 100, 110, 120]).add_bin_weights([1] * 6)
    assert builder.build().interactive_run()[0].baseline_summary.edges[1:5] == [90, 100, 110, 120]
    assert UnivariateContinousSummarizerBuilder().build().num_bins == 5


def test_kept_on_the_server(wl: Client, builder: AssayBuilder, stream: Stream) -> None:
    """Uploaded, it has done the windows that are over; names are unique; on and off."""
    builder.add_alert_threshold(0.5).add_warning_threshold(0.2)
    key = builder.upload()
    until = time.monotonic() + RESULTS_LIMIT_S
    while len(found := wl.get_assay_results(key, stream.start, datetime.now())) < 3:
        assert time.monotonic() < until, found
        time.sleep(0.1)
    assert [item.status for item in found] == ["Ok", "Ok", "Alert"]
    assert found[0].assay_id == key
    with pytest.raises(Conflict, match="exists already"):
        builder.upload()
    assay = next(item for item in wl.list_assays() if item.id() == key)
    assert (assay.active(), assay.alert_threshold(), assay.warning_threshold()) == (True, 0.5, 0.2)
    assert assay.turn_off().active() is False
    assert assay.turn_on().active() is True
    wl.set_assay_active(key, False)
    info = wl.get_assay_info(key)
    assert info.loc[0, ["active", "iopath", "metric", "num_bins", "bin_mode"]].tolist() == [
        False, "output y 0", "PSI", 5, "Quantile",
    ]  # fmt: skip
    assert info.loc[0, "baseline"].startswith("Start:")
    assert '"num_alerts":1' in info.loc[0, "status"]


def test_all_inputs_in_turn(builder: AssayBuilder) -> None:
    """Only the first of the three inputs ever changes."""
    found = builder.build().interactive_input_run(labels=["a", "b", "c"])
    assert [item.iopath for item in found] == [f"input tensor {number}" for number in range(3) for _ in range(3)]
    assert [item.status for item in found][2::3] == ["Alert", "Ok", "Ok"]
    with pytest.raises(InvalidRequest, match="one for each of the 3 input values; got 1"):
        builder.build().interactive_input_run(labels=["a"])


class Shown(list[Any]):
    """What would have been shown in a notebook."""


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Shown:
    figures = Shown()
    monkeypatch.setattr(assay_charts, "show", figures.append)
    return figures


def test_charts(builder: AssayBuilder, stream: Stream, shown: Shown, capsys: pytest.CaptureFixture[str]) -> None:
    """What they draw is what was found; each status has a sign of its own."""
    found = builder.build().interactive_run()
    found.chart_scores(title="<b>$x$</b>")
    (axes,) = shown[0].axes
    drawn = {item.get_label(): item.get_offsets()[:, 1].tolist() for item in axes.collections}
    assert drawn == {"Ok": [item.score for item in found[:2]], "Alert": [found[2].score]}
    assert shown[0].get_suptitle() == "<b>$x$</b>"
    found[2].chart()
    printed = capsys.readouterr().out
    assert printed.startswith(f"baseline mean = {stream.baseline.mean()}\nwindow mean = {stream.windows[2].mean()}\n")
    assert "bin_mode = Quantile\naggregation = Density\nmetric = PSI\nweighted = False\nscore = " in printed
    heights = [bar.get_height() for bar in shown[1].axes[0].patches]
    assert heights == [*found[2].baseline_summary.aggregated_values, *found[2].window_summary.aggregated_values]
    builder.build().interactive_baseline_run().chart()
    assert "window" not in capsys.readouterr().out
    builder.baseline_histogram()
    builder.baseline_kde()
    builder.baseline_ecdf()
    assert len(shown) == 6
    at, density = shown[4].axes[0].lines[0].get_data()
    assert np.trapezoid(density, at) == pytest.approx(1, abs=0.01)
    assert shown[5].axes[0].lines[0].get_ydata()[-1] == 1
    found.chart_iopaths(labels=["<y>"], selected_labels=["<y>"])
    assert shown[-1].get_suptitle() == "Model Insights Score on '<y>'"
    found.chart_iopaths(labels=["y"], selected_labels=["other"])
    assert len(shown) == 7
    for figure in shown:
        figure.savefig("/dev/null", format="png")


def test_a_chart_is_a_picture_in_a_notebook(builder: AssayBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    import IPython
    import IPython.display

    pictures: list[Any] = []
    monkeypatch.setattr(IPython.display, "display", pictures.append)
    found = builder.build().interactive_run()
    found.chart_scores()
    assert pictures == []
    monkeypatch.setattr(IPython, "get_ipython", object)
    found.chart_scores()
    assert pictures[0].data.startswith(b"\x89PNG")


def test_without_matplotlib_the_way_is_shown(builder: AssayBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(WallarooError, match=r"pip install 'jupyter-wallaroo\[plots\]'"):
        builder.build().interactive_run().chart_scores()


def test_everything_that_is_shown_is_escaped(wl: Client, builder: AssayBuilder) -> None:
    found = builder.build().interactive_run()
    found[0].assay_name = "<script>"
    assert "<script>" not in found._repr_html_()
    assert "&lt;script&gt;" in found._repr_html_()
    assert "Window Start" in found._repr_html_()
    assert "<th>Assay Name</th>" in wl.list_assays()._repr_html_()


def test_nothing_found_is_no_chart(builder: AssayBuilder, stream: Stream) -> None:
    builder.window_builder().add_start(stream.start - timedelta(hours=24.5)).add_interval(hours=1)
    found = builder.build().interactive_run()
    assert len(found) == 0
    assert found.to_dataframe().shape == (0, 0)
    with pytest.raises(ValueError, match="no window had records"):
        found.chart_scores()
    with pytest.raises(ValueError, match="No io paths"):
        found.chart_iopaths()


def test_a_baseline_has_to_be_one(wl: Client, stream: Stream) -> None:
    for given in ({}, {"baseline_start": stream.start}, {"baseline_data": [1.0], "baseline_start": stream.start}):
        if given and "baseline_data" in given:
            given["baseline_end"] = stream.end
        with pytest.raises(InvalidRequest, match="An assay needs a baseline"):
            wl.build_assay("none", stream.pipeline, **given)
    with pytest.raises(InvalidRequest, match="baseline_data: expected one-dimensional numbers"):
        wl.build_assay("none", stream.pipeline, baseline_data=[[1.0, 2.0]])
    with pytest.raises(InvalidRequest, match="said as minutes=1"):
        wl.build_assay("none", stream.pipeline, baseline_data=[1.0]).window_builder().add_width(fortnights=1)
    with pytest.raises(InvalidRequest, match="leads to no input or output"):
        wl.build_assay("none", stream.pipeline, baseline_data=[1.0], iopath="nowhere")


def test_the_configuration_as_json(builder: AssayBuilder) -> None:
    text = builder.build().to_json()
    assert '"width": "1 seconds"' in text
    assert '"bin_mode": "Quantile"' in text
    assert '"status": "created"' in text
