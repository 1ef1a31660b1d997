"""Assays that are kept on the server."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.sdk.assay_analysis import AssayAnalysis, AssayAnalysisList
from jupyter_wallaroo.sdk.pages import key_behind, walk
from jupyter_wallaroo.types import assay as wire

if TYPE_CHECKING:
    from typing import Self

    import pandas as pd

    from jupyter_wallaroo.sdk.api import Api

RESULTS_TIMEOUT_S = 300.0


class Assay:
    """An assay.

    Parameters
    ----------
    api
        Through which the server is asked.
    facts
        What the server said.
    """

    def __init__(self, api: Api, facts: wire.Assay) -> None:
        self._api = api
        self._facts = facts

    @classmethod
    def fetch(cls, api: Api, assay_id: int) -> Assay:
        """Return the assay with an id."""
        return cls(api, api.call("assays/get_assay_by_id", wire.GetAssay(id=assay_id), wire.Assay))

    def refresh(self) -> Self:
        """Ask the server anew and return the assay itself."""
        self._facts = self._api.call("assays/get_assay_by_id", wire.GetAssay(id=self.id()), wire.Assay)
        return self

    def id(self) -> int:
        """Return the assay's id."""
        return self._facts.id

    def name(self) -> str:
        """Return the assay's name."""
        return self._facts.name

    def active(self) -> bool:
        """Tell whether it runs."""
        return self._facts.active

    def status(self) -> str:
        """Return ``created`` or, after a run, JSON with what it found."""
        return self._facts.status

    def alert_threshold(self) -> float | None:
        """Return the score above which there is an alert."""
        return self._facts.alert_threshold

    def warning_threshold(self) -> float | None:
        """Return the score above which there is a warning."""
        return self._facts.warning_threshold

    def pipeline_id(self) -> int:
        """Return the id of the pipeline whose records it looks at."""
        return self._facts.pipeline_id

    def pipeline_name(self) -> str:
        """Return the name of the pipeline whose records it looks at."""
        return self._facts.pipeline_name

    def iopath(self) -> str:
        """Return which value it looks at."""
        return self._facts.iopath

    def turn_on(self) -> Self:
        """Have it run from now on, and return it; windows that ended while it was off stay unknown."""
        return self._set_active(active=True)

    def turn_off(self) -> Self:
        """Have it run no more, and return it; what it found stays."""
        return self._set_active(active=False)

    def _set_active(self, *, active: bool) -> Self:
        request = wire.SetAssayActive(id=self.id(), active=active)
        self._api.call("assays/set_active", request, wire.SetAssayActive)
        return self.refresh()

    def results(self, start: datetime, end: datetime) -> AssayAnalysisList:
        """Return what it found in the windows that begin from ``start`` to before ``end``, oldest first."""
        for name, given in (("start", start), ("end", end)):
            if not isinstance(given, datetime):
                raise TypeError(f"{name}: expected a datetime; got {type(given).__name__}.")
        request = wire.GetAssayResults(
            assay_id=self.id(), start=start.astimezone().isoformat(), end=end.astimezone().isoformat()
        )
        found = self._api.call("assays/get_assay_results", request, list[wire.AssayResult], timeout_s=RESULTS_TIMEOUT_S)
        return AssayAnalysisList(AssayAnalysis(item, self.name(), self.pipeline_name()) for item in found)

    def info(self) -> pd.DataFrame:
        """Return what the tutorials show of an assay, as one row."""
        import pandas as pd

        facts = self._facts
        baseline = facts.baseline
        if baseline.fixed is not None:
            shown = f"Start:{baseline.fixed.start_at}, End:{baseline.fixed.end_at}"
        elif baseline.static is not None:
            shown = f"Start:{baseline.static.start}, End:{baseline.static.end}"
        else:
            shown = ", ".join(msgspec.to_builtins(baseline.calculated))
        row = {
            "id": facts.id,
            "name": facts.name,
            "active": facts.active,
            "status": facts.status,
            "pipeline_name": facts.pipeline_name,
            "last_run": facts.last_run,
            "next_run": facts.next_run,
            "alert_threshold": facts.alert_threshold,
            "baseline": shown,
            "iopath": facts.iopath,
            "metric": facts.summarizer.metric.value,
            "num_bins": facts.summarizer.num_bins,
            "bin_weights": facts.summarizer.bin_weights,
            "bin_mode": facts.summarizer.bin_mode.value,
        }
        return pd.DataFrame([row])

    def rows(self) -> list[tuple[str, object]]:
        """Return what tables show, as last known."""
        return [
            ("Assay ID", self.id()),
            ("Assay Name", self.name()),
            ("Active", self.active()),
            ("Status", self.status()),
            ("Warning Threshold", self.warning_threshold()),
            ("Alert Threshold", self.alert_threshold()),
            ("Pipeline ID", self.pipeline_id()),
            ("Pipeline Name", self.pipeline_name()),
        ]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Assay) and other.id() == self.id()

    def __hash__(self) -> int:
        return hash(self.id())

    def __repr__(self) -> str:
        return f"Assay({self.id()}, {self.name()!r}, active={self.active()})"

    def _repr_html_(self) -> str:
        return display.facts(self.rows())


class Assays(display.Listing[Assay]):
    """Assays, oldest first."""

    headings = (
        "Assay ID",
        "Assay Name",
        "Active",
        "Status",
        "Warning Threshold",
        "Alert Threshold",
        "Pipeline ID",
        "Pipeline Name",
    )
    nothing = "(no assays)"

    def line(self, item: Assay) -> tuple[object, ...]:
        """Return the cells of one assay."""
        return tuple(value for _, value in item.rows())


def fetch_all(api: Api) -> Assays:
    """Return the assays of all pipelines."""

    def page(size: int, after: int | None) -> tuple[list[wire.Assay], int | None]:
        found = api.call("assays/list", wire.ListAssays(after=after, limit=size), list[wire.Assay])
        return found, key_behind(found, size, lambda facts: facts.id)

    return Assays(Assay(api, facts) for facts in walk(page))
