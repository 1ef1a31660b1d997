"""What an assay found: one window compared with its baseline, and a list of these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import assay_charts, display
from jupyter_wallaroo.types import assay as wire
from jupyter_wallaroo.types.drift import Status

if TYPE_CHECKING:
    import pandas as pd

_STATISTICS = ("count", "min", "max", "mean", "median", "std", "start", "end")


class AssayAnalysis:
    """One window compared with its baseline.

    Parameters
    ----------
    facts
        What the server said; its fields are attributes here.
    assay_name, pipeline_name
        Whose it is.
    """

    def __init__(self, facts: wire.AssayResult, assay_name: str, pipeline_name: str) -> None:
        self._facts = facts
        self.assay_name = assay_name
        self.pipeline_name = pipeline_name

    def __getattr__(self, name: str) -> Any:
        """Return a fact, such as ``score`` or ``status`` (Python calls this for what is not found otherwise)."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._facts, name)

    @property
    def raw(self) -> dict[str, Any]:
        """All facts, as the server sent them."""
        facts: dict[str, Any] = msgspec.to_builtins(self._facts)
        return facts

    def baseline_stats(self) -> pd.DataFrame:
        """Return the baseline's numbers, one per row."""
        import pandas as pd

        return pd.DataFrame({"Baseline": _statistics(self._facts.baseline_summary)}, index=list(_STATISTICS))

    def compare_basic_stats(self) -> pd.DataFrame:
        """Return the baseline's and the window's numbers, their differences, and these in per cent of the baseline."""
        import pandas as pd

        baseline, window = (_statistics(item) for item in (self._facts.baseline_summary, self._facts.window_summary))
        numbers = _STATISTICS[:-2]
        diff = {name: window[name] - baseline[name] for name in numbers}
        percent = {name: 100 * diff[name] / baseline[name] if baseline[name] else None for name in numbers}
        table = {"Baseline": baseline, "Window": window, "diff": diff, "pct_diff": percent}
        return pd.DataFrame(table, index=list(_STATISTICS))

    def baseline_bins(self) -> pd.DataFrame:
        """Return the baseline's bins, one per row; the last upper edge is infinite."""
        import pandas as pd

        return pd.DataFrame(_bins("b", self._facts.baseline_summary))

    def compare_bins(self) -> pd.DataFrame:
        """Return the bins of both, one per row, and the differences of their values."""
        import pandas as pd

        both = {**_bins("b", self._facts.baseline_summary), **_bins("w", self._facts.window_summary)}
        frame = pd.DataFrame(both)
        return frame.assign(diff_in_pcts=frame["w_aggregated_values"] - frame["b_aggregated_values"])

    def chart(self) -> None:
        """Show the bins of both as bars, above them the numbers as text."""
        if self._facts.status is Status.BASELINE_RUN:
            self.chart_baseline()
            return
        facts = self._facts
        self._say(
            ("score", facts.score), ("scores", facts.scores), ("index", facts.bin_index), window=facts.window_summary
        )
        title = f"{facts.iopath} {facts.window_start}"
        assay_charts.show(assay_charts.bins(facts.baseline_summary, facts.window_summary, title))

    def chart_baseline(self) -> None:
        """Show the baseline's bins as bars, above them its numbers as text."""
        self._say()
        assay_charts.show(assay_charts.bins(self._facts.baseline_summary, None, self._facts.iopath))

    def _say(self, *more: tuple[str, object], window: wire.AssaySummary | None = None) -> None:
        """Print the numbers that belong to a chart, in the tutorials' order."""
        baseline, summarizer = self._facts.baseline_summary, self._facts.summarizer
        facts: list[tuple[str, object]] = []
        for name in ("mean", "median"):
            facts.append((f"baseline {name}", getattr(baseline, name)))
            if window is not None:
                facts.append((f"window {name}", getattr(window, name)))
        facts += [("bin_mode", summarizer.bin_mode), ("aggregation", summarizer.aggregation)]
        facts += [("metric", summarizer.metric), ("weighted", summarizer.bin_weights is not None), *more]
        print(*(f"{name} = {value}" for name, value in facts), sep="\n")  # noqa: T201  as the tutorials' charts do

    def __repr__(self) -> str:
        facts = self._facts
        return f"AssayAnalysis({self.assay_name!r}, {facts.window_start!r}, {facts.score!r}, {str(facts.status)!r})"


class AssayAnalysisList(display.Listing[AssayAnalysis]):
    """Windows, in the order of time."""

    headings = ("Assay Name", "Path", "Window Start", "Count", "Mean", "Score", "Status")
    nothing = "(no windows with records)"

    def line(self, item: AssayAnalysis) -> tuple[object, ...]:
        """Return the cells of one window."""
        window = item.window_summary
        return item.assay_name, item.iopath, item.window_start, window.count, window.mean, item.score, item.status

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row per window: its score, its numbers, its status."""
        import pandas as pd

        return pd.DataFrame([_row(item) for item in self])

    def to_full_dataframe(self) -> pd.DataFrame:
        """Return a row per window with everything there is, as ``baseline_summary_edges_0``."""
        import pandas as pd

        return pd.DataFrame([_flat(item.raw) for item in self])

    def chart_scores(self, title: str | None = None, nth_x_tick: int | None = None) -> None:
        """Show the scores over time, by colour and sign what they mean.

        Parameters
        ----------
        title
            Default: what it is.
        nth_x_tick
            Name every nth window's time on the axis.

        Raises
        ------
        InvalidRequest
            There are no windows.
        """
        self._need("No data")
        assay_charts.show(assay_charts.scores(list(self), title or "Model Insights Score", nth_x_tick))

    def chart_iopaths(
        self,
        labels: list[str] | None = None,
        selected_labels: list[str] | None = None,
        nth_x_tick: int | None = None,
    ) -> None:
        """Show the scores over time, a chart for each path.

        Parameters
        ----------
        labels
            What the paths are called, in the order of their first windows; default: the paths themselves.
        selected_labels
            Only these are shown; default: all.
        nth_x_tick
            Name every nth window's time on the axis.
        """
        self._need("No io paths")
        for place, path in enumerate(dict.fromkeys(item.iopath for item in self)):
            label = labels[place] if labels is not None and place < len(labels) else path
            if selected_labels is None or label in selected_labels:
                of_path = [item for item in self if item.iopath == path]
                title = f"Model Insights Score on '{label}'"
                assay_charts.show(assay_charts.scores(of_path, title, nth_x_tick))

    def _need(self, what: str) -> None:
        if not self:
            raise InvalidRequest(
                f"{what} in this list: no window had records.",
                hint="Look whether the windows' start and end fit the time of the inferences.",
            )


def _statistics(summary: wire.AssaySummary) -> dict[str, Any]:
    return {name: getattr(summary, name) for name in _STATISTICS}


def _bins(prefix: str, summary: wire.AssaySummary) -> dict[str, list[Any]]:
    return {
        f"{prefix}_edges": [float("inf") if edge is None else edge for edge in summary.edges],
        f"{prefix}_edge_names": summary.edge_names,
        f"{prefix}_aggregated_values": summary.aggregated_values,
        f"{prefix}_aggregation": [summary.aggregation.value] * len(summary.edges),
    }


def _row(item: AssayAnalysis) -> dict[str, Any]:
    window = item.window_summary
    return {
        "id": item.id,
        "assay_id": item.assay_id,
        "assay_name": item.assay_name,
        "iopath": item.iopath,
        "pipeline_id": item.pipeline_id,
        "pipeline_name": item.pipeline_name,
        "score": item.score,
        "start": item.window_start,
        **{name: getattr(window, name) for name in ("min", "max", "mean", "median", "std")},
        "warning_threshold": item.warning_threshold,
        "alert_threshold": item.alert_threshold,
        "status": str(item.status),
    }


def _flat(value: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, list):
            found.update({f"{name}_{place}": item for place, item in enumerate(inner)})
        elif isinstance(inner, dict):
            found.update({f"{name}_{below}": item for below, item in _flat(inner).items()})
        else:
            found[name] = inner
    return found
