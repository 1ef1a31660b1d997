"""The mathematics of drift: samples into bins, bins into numbers, two samples into a score.

The formulas are those of Wallaroo's assays, recovered from numbers that its tutorials print (model insights, 2023.4 and
2024.2); `tests/engine/test_drift.py` has these numbers. Pure functions of numpy arrays of float64 without NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.types.drift import Aggregation, BinMode, Metric, Score, Summarizer, Summary

Values: TypeAlias = npt.NDArray[np.float64]

EMPTY_SHARE = 0.005
"""What PSI takes an empty bin's share for: the tutorials' 5.2718257797152965 is (1 - 0.005)·ln(1/0.005)."""

MAX_BINS = 1000
LEFT_OUTLIER = "left_outlier"
RIGHT_OUTLIER = "right_outlier"


@dataclass(frozen=True, slots=True)
class Bins:
    """Bins that cover all numbers.

    Parameters
    ----------
    edges
        The upper edge of each but the last, which has none; ascending. A value on an edge is below it.
    names
        One per bin.
    has_left_outliers
        Whether the first bin holds what is below the lowest edge; a value on that edge is then in the second bin.
    """

    edges: Values
    names: tuple[str, ...]
    has_left_outliers: bool

    def counts(self, values: Values) -> npt.NDArray[np.int64]:
        """Return how many of ``values`` each bin holds."""
        index = np.searchsorted(self.edges, values, side="left")
        if self.has_left_outliers:
            index[values == self.edges[0]] = 1
        return np.bincount(index, minlength=len(self.names))


def bins(values: Values, summarizer: Summarizer) -> Bins:
    """Return the bins that a sample sets for itself and for what it is compared with.

    Parameters
    ----------
    values
        At least one.
    summarizer
        ``Quantile``: every bin holds as equal a share as whole values allow; the edges are values of the sample
        (Hyndman and Fan's definition 3, which gives the tutorials' shares). ``Equal``: bins of equal width from least
        to greatest. ``Provided``: as given, from the sample's least value where the lower edge is left out. ``None``:
        one bin from least to greatest.

    Raises
    ------
    InvalidRequest
        Provided edges that are missing, too many or too few, or not ascending.
    """
    count = 1 if summarizer.bin_mode is BinMode.NONE else summarizer.num_bins
    if summarizer.bin_mode is BinMode.PROVIDED:
        edges = _provided(values, summarizer)
        names = [f"e_{_short(edge)}" for edge in edges[1:]]
    elif summarizer.bin_mode is BinMode.QUANTILE:
        ranks = np.maximum(np.rint(len(values) * np.arange(count + 1) / count).astype(np.int64), 1)
        edges = np.sort(values)[ranks - 1]
        names = [f"q_{100 * number / count:.4g}" for number in range(1, count + 1)]
    else:
        edges = np.linspace(values.min(), values.max(), count + 1)
        names = [f"p_{_short(edge)}" for edge in edges[1:]]
    if summarizer.separate_outliers:
        return Bins(edges, (LEFT_OUTLIER, *names, RIGHT_OUTLIER), has_left_outliers=True)
    return Bins(edges[1:-1], tuple(names), has_left_outliers=False)


def _provided(values: Values, summarizer: Summarizer) -> Values:
    given = np.asarray(summarizer.provided_edges or [], np.float64)
    count = summarizer.num_bins
    if len(given) not in (count, count + 1):
        raise InvalidRequest(
            f"'provided_edges': expected the {count} upper edges of the bins, or {count + 1} with the lower edge of "
            f"the first; got {len(given)}.",
            hint="Give as many edges as num_bins says, or change num_bins.",
        )
    edges = given if len(given) == count + 1 else np.concatenate([[min(values.min(), given[0])], given])
    if not np.all(np.diff(edges) >= 0) or not np.isfinite(edges).all():
        raise InvalidRequest("'provided_edges': expected ascending numbers.")
    return edges


def _short(edge: float) -> str:
    """Return a number as the tutorials name bins by it: ``1.26e1``."""
    mantissa, _, exponent = f"{edge:.2e}".partition("e")
    return f"{mantissa}e{int(exponent)}"


def summarize(values: Values, summarizer: Summarizer, given: Bins | None = None) -> Summary:
    """Return a sample in brief.

    Parameters
    ----------
    values
        The sample.
    summarizer
        How it is binned and aggregated.
    given
        The baseline's bins, for a window; with ``Edges`` a window sets its own all the same.

    Raises
    ------
    InvalidRequest
        There are no values, or the summarizer contradicts itself.
    """
    check(summarizer)
    if not len(values):
        raise InvalidRequest("There are no numbers to summarize.")
    is_own = given is None or summarizer.aggregation is Aggregation.EDGES
    cut = bins(values, summarizer) if is_own else given
    assert cut is not None
    weights(summarizer, len(cut.names))
    names = cut.names if given is None else _window_names(cut)
    shares = cut.counts(values) / len(values)
    if summarizer.aggregation is Aggregation.CUMULATIVE:
        shares = np.cumsum(cut.counts(values)) / len(values)
    elif summarizer.aggregation is Aggregation.EDGES:
        shares = np.append(cut.edges, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        return Summary(
            count=len(values),
            min=float(values.min()),
            max=float(values.max()),
            mean=float(values.mean()),
            median=float(np.median(values)),
            std=float(values.std(ddof=1)) if len(values) > 1 else 0.0,
            edges=[*cut.edges.tolist(), None],
            edge_names=list(names),
            aggregated_values=shares.tolist(),
            aggregation=summarizer.aggregation,
        )


def _window_names(cut: Bins) -> tuple[str, ...]:
    """Return the names of a window's bins, which say only the edges."""
    inner = [f"e_{_short(edge)}" for edge in (cut.edges[1:] if cut.has_left_outliers else cut.edges)]
    return (LEFT_OUTLIER, *inner, RIGHT_OUTLIER) if cut.has_left_outliers else (*inner, cut.names[-1])


def bins_of(summary: Summary) -> Bins:
    """Return the bins of a summary.

    Raises
    ------
    InvalidRequest
        Its edges, names and values do not belong together.
    """
    edges, names = summary.edges, summary.edge_names
    inner = [edge for edge in edges if edge is not None]
    is_whole = len(edges) == len(names) == len(summary.aggregated_values) and len(inner) == len(edges) - 1
    if not is_whole or edges[-1] is not None or inner != sorted(inner):
        raise InvalidRequest(
            "The baseline's summary cannot be used: expected as many ascending 'edges' as 'edge_names' and "
            "'aggregated_values', the last edge null.",
            hint="Send what assays/summarize answered.",
        )
    return Bins(np.array(inner, np.float64), tuple(names), has_left_outliers=names[0] == LEFT_OUTLIER)


def score(baseline: Summary, window: Summary, summarizer: Summarizer) -> Score:
    """Return how far two samples are from each other, 0 when they are equal; exchanging them changes nothing.

    Parameters
    ----------
    baseline, window
        Summaries over the same bins.
    summarizer
        Its metric, of the shares ``b`` and ``w`` of each bin: ``PSI`` is Σ (w - b)·ln(w / b), the population stability
        index, an empty bin counting as `EMPTY_SHARE`; ``SumDiff`` is ½ Σ |w - b|, the total variation distance;
        ``MaxDiff`` is max |w - b|, of running totals the Kolmogorov-Smirnov statistic at the edges. Of running totals
        and of edges, which are no shares, ``PSI`` is Σ |w - b|. With weights each bin's part counts weight / Σ weights.

    Raises
    ------
    InvalidRequest
        The summaries have different bins, or the weights do not fit them.
    """
    b = np.array(baseline.aggregated_values, np.float64)
    w = np.array(window.aggregated_values, np.float64)
    if len(b) != len(w) or baseline.aggregation is not window.aggregation:
        raise InvalidRequest("The baseline and the window are not summarized alike: their bins differ.")
    if summarizer.metric is Metric.PSI and summarizer.aggregation is Aggregation.DENSITY:
        b, w = (np.where(shares == 0, EMPTY_SHARE, shares) for shares in (b, w))
        parts = (w - b) * np.log(w / b)
    else:
        parts = np.abs(w - b)
    parts *= weights(summarizer, len(parts))
    if summarizer.metric is Metric.MAXDIFF:
        index = int(np.argmax(parts))
        return Score(score=float(parts[index]), scores=parts.tolist(), bin_index=index)
    total = float(parts.sum()) / (2 if summarizer.metric is Metric.SUMDIFF else 1)
    return Score(score=total, scores=parts.tolist())


def weights(summarizer: Summarizer, count: int) -> Values:
    """Return what each of ``count`` bins counts: 1 without weights, else its part of their sum.

    Raises
    ------
    InvalidRequest
        There are more or fewer weights than bins, or they cannot be weights.
    """
    if summarizer.bin_weights is None:
        return np.ones(count)
    given = np.array(summarizer.bin_weights, np.float64)
    if len(given) != count or not np.all(given >= 0) or not 0 < given.sum() < np.inf:
        raise InvalidRequest(
            f"'bin_weights': expected {count} numbers of at least 0, one per bin with those of outliers, not all 0; "
            f"got {summarizer.bin_weights!r:.80}."
        )
    shares: Values = given / given.sum()
    return shares


def check(summarizer: Summarizer) -> None:
    """Refuse a summarizer that contradicts itself, whatever the sample."""
    if not 1 <= summarizer.num_bins <= MAX_BINS:
        raise InvalidRequest(f"'num_bins': expected 1 to {MAX_BINS}; got {summarizer.num_bins}.")
    if summarizer.aggregation is Aggregation.EDGES and summarizer.bin_mode is BinMode.PROVIDED:
        raise InvalidRequest(
            "Aggregation 'Edges' compares the edges that samples set for themselves; provided ones never differ.",
            hint="Use bin_mode 'Quantile' or 'Equal' with it.",
        )
