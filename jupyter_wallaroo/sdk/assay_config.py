"""Assays being built: what is compared with what, over which windows, how (Wallaroo's tutorials on model insights)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import assay_baseline
from jupyter_wallaroo.sdk.assay_analysis import AssayAnalysis, AssayAnalysisList
from jupyter_wallaroo.sdk.assay_window import WindowBuilder, instant
from jupyter_wallaroo.types import assay as wire
from jupyter_wallaroo.types import iopath
from jupyter_wallaroo.types.drift import Aggregation, BinMode, Metric

if TYPE_CHECKING:
    from typing import Self

    import pandas as pd

    from jupyter_wallaroo.sdk.client import Client
    from jupyter_wallaroo.sdk.pipeline import Pipeline

__all__ = [
    "Aggregation",
    "AssayBuilder",
    "AssayConfig",
    "BinMode",
    "Metric",
    "UnivariateContinousSummarizerBuilder",
    "WindowBuilder",
]

INTERACTIVE_TIMEOUT_S = 300.0
DEFAULT_PATH = "output 0 0"
DEFAULT_ALERT_THRESHOLD = 0.25


class UnivariateContinousSummarizerBuilder:
    """How samples are binned and compared; at first quintiles, their shares and PSI. Every step returns the builder.

    The name is spelt as the tutorials spell it.
    """

    def __init__(self) -> None:
        self._built = wire.AssaySummarizer()

    def _with(self, **changes: Any) -> Self:
        self._built = msgspec.structs.replace(self._built, **changes)
        return self

    def add_bin_mode(self, bin_mode: BinMode, edges: Iterable[float] | None = None) -> Self:
        """Cut bins so; ``edges``, for ``PROVIDED``, are their upper edges, before them the lowest where it is said."""
        given = None if edges is None else [float(edge) for edge in edges]
        return self._with(bin_mode=BinMode(bin_mode), provided_edges=given)

    def add_num_bins(self, num_bins: int) -> Self:
        """Cut so many bins, besides those for outliers."""
        return self._with(num_bins=num_bins)

    def add_bin_weights(self, weights: Iterable[float]) -> Self:
        """Let bins count differently: one weight each, with those of outliers at both ends."""
        return self._with(bin_weights=[float(weight) for weight in weights])

    def add_aggregation(self, aggregation: Aggregation) -> Self:
        """Compare shares (``DENSITY``), their running totals (``CUMULATIVE``) or the bins' edges (``EDGES``)."""
        return self._with(aggregation=Aggregation(aggregation))

    def add_metric(self, metric: Metric) -> Self:
        """Score by ``PSI``, ``MAXDIFF`` or ``SUMDIFF``."""
        return self._with(metric=Metric(metric))

    def build(self) -> wire.AssaySummarizer:
        """Return what was built."""
        return self._built


class AssayBuilder:
    """An assay being built; every step returns the builder.

    Parameters
    ----------
    client, pipeline
        Through whom the server is asked, and whose records are looked at.
    name
        Unique on the server.
    baseline
        What windows are compared with.
    model_name
        Whose records count; None: all.
    """

    def __init__(
        self, client: Client, pipeline: Pipeline, name: str, baseline: wire.AssayBaseline, model_name: str | None
    ) -> None:
        self._client = client
        self._pipeline = pipeline
        self._name = name
        self._baseline = baseline
        self._path = DEFAULT_PATH
        self._run_until: str | None = None
        self._alert: float = DEFAULT_ALERT_THRESHOLD
        self._warning: float | None = None
        self._window_builder = WindowBuilder(model_name)
        self.summarizer_builder = UnivariateContinousSummarizerBuilder()

    def window_builder(self) -> WindowBuilder:
        """Return the builder of the windows."""
        return self._window_builder

    def add_name(self, name: str) -> Self:
        """Call the assay so."""
        self._name = name
        return self

    def add_iopath(self, path: str) -> Self:
        """Look at this value, as ``"output variable 0"``; at first the first value of the first output."""
        iopath.parse(path)
        self._path = path.strip()
        return self

    def add_run_until(self, run_until: datetime) -> Self:
        """Look at no window that ends later."""
        self._run_until = instant("run_until", run_until)
        return self

    def add_warning_threshold(self, threshold: float) -> Self:
        """Warn of scores above it; at first never."""
        self._warning = float(threshold)
        return self

    def add_alert_threshold(self, threshold: float) -> Self:
        """Alert to scores above it; at first 0.25."""
        self._alert = float(threshold)
        return self

    def build(self) -> AssayConfig:
        """Return the assay, which can be tried."""
        window = msgspec.structs.replace(
            self._window_builder.build(),
            path=self._path,
            pipeline_name=self._pipeline.name(),
            workspace_id=self._pipeline.workspace_id(),
        )
        return AssayConfig(
            self._client,
            wire.AssayConfig(
                name=self._name,
                pipeline_id=self._pipeline.id(),
                pipeline_name=self._pipeline.name(),
                workspace_id=self._pipeline.workspace_id(),
                baseline=self._baseline,
                window=window,
                summarizer=self.summarizer_builder.build(),
                alert_threshold=self._alert,
                warning_threshold=self._warning,
                run_until=self._run_until,
            ),
        )

    def upload(self) -> int:
        """Keep the assay, have it run from now on, and return its id."""
        return self._client.upload_assay(self.build())

    # ---------------------------------------------------------------- the baseline's records

    def baseline_dataframe(self) -> pd.DataFrame:
        """Return the baseline's records with a column per value, as ``output_variable_0``."""
        return assay_baseline.frame(self._pipeline, self._baseline, self._path)

    def baseline_histogram(self, bins: int | None = None) -> None:
        """Show how often the baseline has which values."""
        assay_baseline.histogram(self.baseline_dataframe(), self._path, bins)

    def baseline_kde(self) -> None:
        """Show the baseline's density, estimated with a Gaussian kernel."""
        assay_baseline.density(self.baseline_dataframe(), self._path)

    def baseline_ecdf(self) -> None:
        """Show which share of the baseline is at most which value."""
        assay_baseline.cumulative(self.baseline_dataframe(), self._path)


class AssayConfig:
    """An assay that can be tried and kept.

    Parameters
    ----------
    client
        Through whom the server is asked.
    facts
        The assay.
    """

    def __init__(self, client: Client, facts: wire.AssayConfig) -> None:
        self._client = client
        self.facts = facts

    def interactive_run(self) -> AssayAnalysisList:
        """Compare all windows that have records, until ``run_until`` or now, keeping nothing on the server."""
        return AssayAnalysisList(self._run(self.facts.window.path or DEFAULT_PATH))

    def interactive_input_run(
        self,
        inferences: pd.DataFrame | None = None,  # noqa: ARG002  the tutorials pass them; the server has them
        labels: list[str] | None = None,
    ) -> AssayAnalysisList:
        """Compare every value of the inputs in turn, as `interactive_run` does the one.

        Parameters
        ----------
        inferences
            Accepted for old notebooks.
        labels
            How many values there are, and what `AssayAnalysisList.chart_iopaths` may call them.
        """
        found = assay_baseline.inputs(self._client, self.facts)
        if labels is not None and len(labels) != len(found):
            raise InvalidRequest(f"labels: expected one for each of the {len(found)} input values; got {len(labels)}.")
        results = AssayAnalysisList()
        for path in found:
            results.extend(self._run(path))
        return results

    def sent(self) -> dict[str, Any]:
        """Return the assay as it is sent: the contract also has ``status`` and ``created_at``, which nobody reads."""
        facts: dict[str, Any] = msgspec.to_builtins(self.facts)
        return {**facts, "status": "created", "created_at": datetime.now(UTC).isoformat()}

    def _run(self, path: str) -> list[AssayAnalysis]:
        facts, request = self.facts, self.sent()
        request["window"]["path"] = path
        found = self._client.api.call(
            "assays/run_interactive", request, list[wire.AssayResult], timeout_s=INTERACTIVE_TIMEOUT_S
        )
        return [AssayAnalysis(item, facts.name, facts.pipeline_name) for item in found]

    def interactive_baseline_run(self) -> AssayAnalysis:
        """Return the baseline compared with itself, which shows its bins."""
        found = self._client.api.call(
            "assays/run_interactive_baseline", self.sent(), wire.AssayResult, timeout_s=INTERACTIVE_TIMEOUT_S
        )
        return AssayAnalysis(found, self.facts.name, self.facts.pipeline_name)

    def upload(self) -> int:
        """Keep the assay, have it run from now on, and return its id."""
        return self._client.upload_assay(self)

    def to_json(self) -> str:
        """Return the assay as it is sent."""
        return msgspec.json.format(msgspec.json.encode(self.sent()), indent=4).decode()

    def __repr__(self) -> str:
        return f"AssayConfig({self.facts.name!r}, {self.facts.window.path!r})"


def baseline_of(start: datetime | None, end: datetime | None, data: Iterable[float] | None) -> wire.AssayBaseline:
    """Return a baseline: the records from ``start`` to ``end``, or given numbers.

    Raises
    ------
    InvalidRequest
        Neither or both are given, or data that are no numbers.
    """
    if (data is None) == (start is None or end is None):
        raise InvalidRequest(
            "An assay needs a baseline: expected baseline_start and baseline_end, or baseline_data, but not both.",
            hint="baseline_data takes numbers, such as a numpy array.",
        )
    if data is None:
        assert start is not None and end is not None
        fixed = wire.FixedBaseline(start_at=instant("baseline_start", start), end_at=instant("baseline_end", end))
        return wire.AssayBaseline(fixed=fixed)
    try:
        values = [float(value) for value in data]
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"baseline_data: expected one-dimensional numbers ({error}).") from None
    return wire.AssayBaseline(calculated=wire.CalculatedBaseline(vector=values))
