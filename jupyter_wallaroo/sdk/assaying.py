"""What a client does with assays; their modules are imported when they are first used."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import pandas as pd

    from jupyter_wallaroo.sdk.api import Api
    from jupyter_wallaroo.sdk.assay import Assay, Assays
    from jupyter_wallaroo.sdk.assay_analysis import AssayAnalysisList
    from jupyter_wallaroo.sdk.assay_config import AssayBuilder, AssayConfig
    from jupyter_wallaroo.sdk.client import Client
    from jupyter_wallaroo.sdk.pipeline import Pipeline


class Assaying:
    """The part of `client.Client` that makes and finds assays."""

    api: Api

    def build_assay(
        self,
        assay_name: str,
        pipeline: Pipeline,
        model_name: str | None = None,
        baseline_start: datetime | None = None,
        baseline_end: datetime | None = None,
        *,
        iopath: str | None = None,
        baseline_data: Iterable[float] | None = None,
    ) -> AssayBuilder:
        """Begin an assay of a pipeline's records.

        Parameters
        ----------
        assay_name
            Unique on the server.
        pipeline
            Whose records are looked at.
        model_name
            Only the records of this model count; None: all.
        baseline_start, baseline_end
            The records of this time are what later ones are compared with; local time where they do not say.
        iopath
            Which value is looked at, as ``"output variable 0"``; default: the first value of the first output.
        baseline_data
            Numbers in place of a time.

        Examples
        --------
        >>> builder = wl.build_assay("prices", pipeline, "rf", start, end, iopath="output variable 0")  # doctest: +SKIP
        >>> builder.window_builder().add_width(minutes=1).add_interval(minutes=1)  # doctest: +SKIP
        >>> builder.build().interactive_run().chart_scores()  # doctest: +SKIP
        """
        from jupyter_wallaroo.sdk.assay_config import AssayBuilder, baseline_of

        baseline = baseline_of(baseline_start, baseline_end, baseline_data)
        builder = AssayBuilder(cast("Client", self), pipeline, assay_name, baseline, model_name)
        return builder if iopath is None else builder.add_iopath(iopath)

    def upload_assay(self, config: AssayConfig) -> int:
        """Keep an assay, have it run from now on, and return its id; a name that is taken raises `Conflict`."""
        from jupyter_wallaroo.types.assay import AssayCreated

        return self.api.call("assays/create", config.sent(), AssayCreated).assay_id

    def list_assays(self) -> Assays:
        """Return the assays of all pipelines, oldest first."""
        from jupyter_wallaroo.sdk.assay import fetch_all

        return fetch_all(self.api)

    def get_assay(self, assay_id: int) -> Assay:
        """Return the assay with an id."""
        from jupyter_wallaroo.sdk.assay import Assay

        return Assay.fetch(self.api, assay_id)

    def get_assay_info(self, assay_id: int) -> pd.DataFrame:
        """Return what there is to know of an assay, as one row."""
        return self.get_assay(assay_id).info()

    def get_assay_results(self, assay_id: int | Assay, start: datetime, end: datetime) -> AssayAnalysisList:
        """Return what an assay found in the windows that begin from ``start`` to before ``end``, oldest first."""
        found = self.get_assay(assay_id) if isinstance(assay_id, int) else assay_id
        return found.results(start, end)

    def set_assay_active(self, assay_id: int, active: bool) -> None:  # noqa: FBT001  the vendor's signature
        """Have an assay run from now on, or no more."""
        from jupyter_wallaroo.types.assay import SetAssayActive

        self.api.call("assays/set_active", SetAssayActive(id=assay_id, active=active), SetAssayActive)
