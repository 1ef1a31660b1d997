"""The mathematics of drift: the numbers that the tutorials print, scipy's, and laws that hold for every sample."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import special, stats

from jupyter_wallaroo.engine import drift
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.types.drift import Aggregation, BinMode, Metric, Score, Summarizer, Summary

DENSITY, CUMULATIVE, EDGES = Aggregation
WITHIN = 1e-9

finite = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))
samples = st.lists(finite, min_size=1, max_size=60).map(lambda values: np.array(values, np.float64))
summarizers = st.builds(
    Summarizer,
    bin_mode=st.sampled_from([BinMode.QUANTILE, BinMode.EQUAL, BinMode.NONE]),
    aggregation=st.sampled_from(Aggregation),
    metric=st.sampled_from(Metric),
    num_bins=st.integers(1, 12),
    separate_outliers=st.booleans(),
)


def compare(baseline: np.ndarray, window: np.ndarray, summarizer: Summarizer) -> tuple[Summary, Summary, Score]:
    first = drift.summarize(baseline, summarizer)
    second = drift.summarize(window, summarizer, drift.bins_of(first))
    return first, second, drift.score(first, second, summarizer)


def shares(counts: list[int], aggregation: Aggregation = DENSITY) -> Summary:
    """A summary of which only the shares matter."""
    values = (np.cumsum(counts) if aggregation is CUMULATIVE else np.array(counts)) / sum(counts)
    facts = {"count": sum(counts), "min": 0.0, "max": 0.0, "mean": 0.0, "median": 0.0, "std": 0.0}
    edges = [*map(float, range(len(counts) - 1)), None]
    names = [f"b{number}" for number in range(len(counts))]
    return Summary(**facts, edges=edges, edge_names=names, aggregated_values=values.tolist(), aggregation=aggregation)


# The first window of the model insights tutorial of 2023.4: 182 records in the baseline, 181 in the window.
BASELINE, WINDOW = [0, 36, 37, 36, 37, 36, 0], [0, 34, 38, 33, 38, 38, 0]


@pytest.mark.parametrize(
    ("metric", "expected", "parts", "index"),
    [
        (
            Metric.PSI,
            0.0029273068646199748,
            [
                0.0,
                0.000514261205558409,
                0.0002139202456922972,
                0.0012617897456473992,
                0.0002139202456922972,
                0.0007234154220295724,
                0.0,
            ],
            None,
        ),
        (
            Metric.SUMDIFF,
            0.025438649748041997,
            [
                0.0,
                0.009956893934794486,
                0.006648048084512165,
                0.01548175581324751,
                0.006648048084512165,
                0.012142553579017668,
                0.0,
            ],
            None,
        ),
        (
            Metric.MAXDIFF,
            0.01548175581324751,
            [
                0.0,
                0.009956893934794486,
                0.006648048084512165,
                0.01548175581324751,
                0.006648048084512165,
                0.012142553579017668,
                0.0,
            ],
            3,
        ),
    ],
)
def test_the_scores_that_the_tutorial_prints(
    metric: Metric, expected: float, parts: list[float], index: int | None
) -> None:
    found = drift.score(shares(BASELINE), shares(WINDOW), Summarizer(metric=metric))
    assert found.score == pytest.approx(expected, abs=WITHIN)
    assert found.scores == pytest.approx(parts, abs=WITHIN)
    assert found.bin_index == index


def test_running_totals_are_compared_as_the_tutorial_prints() -> None:
    summarizer = Summarizer(aggregation=CUMULATIVE)
    found = drift.score(shares(BASELINE, CUMULATIVE), shares(WINDOW, CUMULATIVE), summarizer)
    assert found.score == pytest.approx(0.04419889502762442, abs=WITHIN)
    other = drift.score(shares([0, 1, 1, 1, 1, 1, 0], CUMULATIVE), shares([0] * 6 + [7], CUMULATIVE), summarizer)
    assert other.scores == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 0.0])
    assert other.score == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("bins", "inner", "total"),
    [(5, 0.7193314935522176, 8.868483247476384), (10, 0.28459456598762917, 8.117771439591587)],
)
def test_empty_bins_score_as_the_tutorial_prints(bins: int, inner: float, total: float) -> None:
    """All of the window lies above the baseline (2024.2)."""
    found = drift.score(shares([0, *[1] * bins, 0]), shares([0] * (bins + 1) + [9]), Summarizer(num_bins=bins))
    assert found.scores == pytest.approx([0.0, *[inner] * bins, 5.2718257797152965], abs=WITHIN)
    assert found.score == pytest.approx(total, abs=WITHIN)


def test_weights_count_as_the_tutorial_prints() -> None:
    """Weights 0 for the lower half: each part is divided by the sum of the weights, 6."""
    baseline = [0, *[1] * 10, 0]
    window = [0, 2, 1, 3, 1, 2, 2, 3, 2, 1, 1, 0]
    plain = drift.score(shares(baseline), shares(window), Summarizer(num_bins=10))
    weights = [0.0] * 6 + [1.0] * 6
    weighted = drift.score(shares(baseline), shares(window), Summarizer(num_bins=10, bin_weights=weights))
    assert weighted.scores[:6] == [0.0] * 6
    assert weighted.scores[6:] == pytest.approx([part / 6 for part in plain.scores[6:]])
    printed, printed_weighted = 0.0011792419836838435, 0.00019654033061397393
    assert printed_weighted == pytest.approx(printed / 6, abs=1e-15)


@pytest.mark.parametrize(
    ("count", "expected"), [(181, [36, 36, 37, 36, 36]), (182, [36, 37, 36, 37, 36]), (188, [38, 37, 38, 37, 38])]
)
def test_quantile_bins_hold_what_the_tutorials_show(count: int, expected: list[int]) -> None:
    values = np.random.default_rng(7).normal(13, 0.5, count)
    found = drift.summarize(values, Summarizer())
    assert found.aggregated_values == [0.0, *(number / count for number in expected), 0.0]
    assert found.edge_names == ["left_outlier", "q_20", "q_40", "q_60", "q_80", "q_100", "right_outlier"]
    assert found.edges[0] == values.min()
    assert found.edges[-2:] == [values.max(), None]


def test_bins_are_named_as_in_the_tutorials() -> None:
    values = np.array([12.0, 12.6, 13.19, 14.97])
    equal = drift.summarize(values, Summarizer(bin_mode=BinMode.EQUAL))
    assert equal.edge_names[1:-1] == ["p_1.26e1", "p_1.32e1", "p_1.38e1", "p_1.44e1", "p_1.50e1"]
    edges = [11.0, 12.0, 13.0, 14.0, 15.0, 16.0]
    provided = drift.summarize(values, Summarizer(bin_mode=BinMode.PROVIDED, provided_edges=edges))
    assert provided.edge_names[1:-1] == ["e_1.20e1", "e_1.30e1", "e_1.40e1", "e_1.50e1", "e_1.60e1"]
    assert provided.aggregated_values == [0.0, 0.25, 0.25, 0.25, 0.25, 0.0, 0.0]
    window = drift.summarize(values / 1000, Summarizer(), drift.bins_of(drift.summarize(values / 1000, Summarizer())))
    assert window.edge_names[1] == "e_1.20e-2"


def test_a_lower_edge_that_is_left_out_is_the_samples_least_value() -> None:
    values = np.array([3.0, 12.5, 99.0])
    summarizer = Summarizer(bin_mode=BinMode.PROVIDED, num_bins=2, provided_edges=[12.0, 13.0])
    assert drift.summarize(values, summarizer).edges == [3.0, 12.0, 13.0, None]
    assert drift.summarize(values, summarizer).aggregated_values == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3])


def test_statistics_are_those_of_numpy() -> None:
    values = np.random.default_rng(1).gamma(2, 3, 1001)
    found = drift.summarize(values, Summarizer())
    expected = stats.describe(values)
    assert (found.count, found.min, found.max) == (1001, *expected.minmax)
    assert found.mean == pytest.approx(expected.mean, abs=WITHIN)
    assert found.std == pytest.approx(math.sqrt(expected.variance), abs=WITHIN)
    assert found.median == np.median(values)


@pytest.mark.parametrize("mode", [BinMode.QUANTILE, BinMode.EQUAL])
@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_scipy(mode: BinMode, seed: int) -> None:
    """Bins and shares by scipy and numpy alone, from the samples; where a bin is empty, 0.005 stands in PSI."""
    rng = np.random.default_rng(seed)
    baseline, window = rng.normal(0, 1, 1000), rng.normal(0.2 * seed, 1 + 0.1 * seed, 700)
    if mode is BinMode.QUANTILE:
        edges = np.quantile(baseline, np.linspace(0, 1, 6)[1:], method="closest_observation")
        edges = np.array([baseline.min(), *edges])
    else:
        edges = np.histogram_bin_edges(baseline, 5)
    outer = np.array([-np.inf, np.nextafter(edges[0], -np.inf), *edges[1:], np.inf])
    b, w = (stats.binned_statistic(-sample, None, "count", -outer[::-1])[0][::-1] for sample in (baseline, window))
    b, w = b / b.sum(), w / w.sum()
    p, q = np.where(b == 0, 0.005, b), np.where(w == 0, 0.005, w)
    expected = {
        Metric.PSI: (special.rel_entr(p, q) + special.rel_entr(q, p)).sum(),
        Metric.MAXDIFF: np.abs(b - w).max(),
        Metric.SUMDIFF: np.abs(b - w).sum() / 2,
    }
    for metric, value in expected.items():
        found = compare(baseline, window, Summarizer(bin_mode=mode, metric=metric))
        assert found[0].aggregated_values == pytest.approx(b, abs=WITHIN)
        assert found[1].aggregated_values == pytest.approx(w, abs=WITHIN)
        assert found[2].score == pytest.approx(value, abs=WITHIN)


def test_running_totals_with_maxdiff_are_the_kolmogorov_smirnov_statistic_at_the_edges() -> None:
    """With an edge at every value of the baseline, that is the statistic itself up to one step."""
    rng = np.random.default_rng(3)
    baseline, window = rng.normal(0, 1, 400), rng.normal(0.5, 1, 300)
    summarizer = Summarizer(aggregation=CUMULATIVE, metric=Metric.MAXDIFF, num_bins=400)
    found = compare(baseline, window, summarizer)[2].score
    assert found == pytest.approx(stats.ks_2samp(baseline, window).statistic, abs=1 / 400 + WITHIN)


def test_edges_compare_where_the_quantiles_lie() -> None:
    baseline = np.arange(100.0)
    found = compare(baseline, baseline + 3, Summarizer(aggregation=EDGES))
    assert found[1].aggregated_values[:-1] == [value + 3 for value in found[0].aggregated_values[:-1]]
    assert found[2].score == 18.0


@given(samples, summarizers)
def test_equal_samples_score_0(values: np.ndarray, summarizer: Summarizer) -> None:
    first, second, found = compare(values, values, summarizer)
    assert found.score == 0
    assert first.aggregated_values == second.aggregated_values
    assert len(found.scores) == len(first.edges) == len(first.edge_names) == len(second.edge_names)


@given(samples, samples, summarizers, st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(
    baseline: np.ndarray, window: np.ndarray, summarizer: Summarizer, random: object
) -> None:
    mixed = [np.array(random.sample(list(sample), len(sample))) for sample in (baseline, window)]  # type: ignore[attr-defined]
    assert compare(*mixed, summarizer)[2] == compare(baseline, window, summarizer)[2]


@given(samples, samples, summarizers)
def test_a_score_is_symmetric_and_never_below_0(
    baseline: np.ndarray, window: np.ndarray, summarizer: Summarizer
) -> None:
    first, second, found = compare(baseline, window, summarizer)
    back = drift.score(second, first, summarizer)
    assert back.score == pytest.approx(found.score, abs=WITHIN)
    assert min(found.scores) >= 0
    if summarizer.aggregation is not EDGES and summarizer.metric is not Metric.PSI:
        assert found.score <= 1 + WITHIN or summarizer.aggregation is CUMULATIVE


@given(samples, samples, summarizers)
def test_every_record_is_in_one_bin(baseline: np.ndarray, window: np.ndarray, summarizer: Summarizer) -> None:
    """Counted one by one, by the rule that a value on an edge is below it, but the lowest edge is no outlier."""
    assume(summarizer.aggregation is DENSITY)
    first, second, _ = compare(baseline, window, summarizer)
    edges = [edge for edge in first.edges if edge is not None]
    bounds = list(pairwise([-math.inf, *edges, math.inf]))
    counts = [sum(low < value <= high for value in window) for low, high in bounds]
    if summarizer.separate_outliers:
        counts[0] = sum(value < edges[0] for value in window)
        counts[1] = len(window) - counts[0] - sum(counts[2:])
    assert second.aggregated_values == [count / len(window) for count in counts]
    assert sum(second.aggregated_values) == pytest.approx(1)
    assert first.aggregated_values[0] == 0 or not summarizer.separate_outliers


@given(samples, st.floats(0.001, 1000), summarizers)
def test_scaling_both_samples_changes_no_share(values: np.ndarray, factor: float, summarizer: Summarizer) -> None:
    assume(summarizer.bin_mode is BinMode.QUANTILE and summarizer.aggregation is not EDGES)
    window = values[::2] + 1
    assume(
        len(np.unique(np.concatenate([values, window]) * factor)) == len(np.unique(np.concatenate([values, window])))
    )
    assert compare(values * factor, window * factor, summarizer)[2] == compare(values, window, summarizer)[2]


@pytest.mark.parametrize(
    ("summarizer", "message"),
    [
        (Summarizer(num_bins=0), "'num_bins': expected 1 to 1000; got 0"),
        (Summarizer(bin_mode=BinMode.PROVIDED), "'provided_edges': expected the 5 upper edges"),
        (Summarizer(bin_mode=BinMode.PROVIDED, num_bins=2, provided_edges=[2.0, 1.0]), "ascending numbers"),
        (Summarizer(bin_mode=BinMode.PROVIDED, aggregation=EDGES), "never differ"),
    ],
)
def test_a_summarizer_that_cannot_be_is_refused(summarizer: Summarizer, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message):
        drift.summarize(np.arange(9.0), summarizer)


@pytest.mark.parametrize("weights", [[1.0], [1.0] * 6 + [-1.0], [0.0] * 7, [math.inf] * 7])
def test_weights_that_cannot_be_are_refused(weights: list[float]) -> None:
    with pytest.raises(InvalidRequest, match="'bin_weights': expected 7 numbers"):
        compare(np.arange(9.0), np.arange(9.0), Summarizer(bin_weights=weights))


def test_a_sample_of_one_value_has_bins_that_a_shift_leaves() -> None:
    found = compare(np.full(10, 3.0), np.full(10, 4.0), Summarizer(metric=Metric.SUMDIFF))
    assert found[0].aggregated_values == [0, 1, 0, 0, 0, 0, 0]
    assert found[2].score == 1
