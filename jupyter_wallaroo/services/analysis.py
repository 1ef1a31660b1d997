"""Analyses: windows of a pipeline's log against a baseline, done by the analyst process."""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_wallaroo.engine.frames import Buffer
from jupyter_wallaroo.store.data_directory import DataDirectory
from jupyter_wallaroo.supervisor.analyst import AnalystProcess
from jupyter_wallaroo.types.assay_definition import Comparison
from jupyter_wallaroo.types.drift import Analyses, Analyze, Baseline, Records, Sample, Span


class AnalysisService:
    """Asks the analyst.

    Parameters
    ----------
    directory
        Where the logs lie.
    analyst
        Does the work.
    """

    def __init__(self, directory: DataDirectory, analyst: AnalystProcess) -> None:
        self._directory = directory
        self._analyst = analyst

    async def analyze(
        self,
        pipeline_id: int,
        comparison: Comparison,
        windows: Sequence[Span],
        *,
        baseline: Baseline | None = None,
        given: list[float] | None = None,
    ) -> Analyses:
        """Return the baselines and those windows that have records.

        Parameters
        ----------
        pipeline_id
            Whose log.
        comparison
            What is compared.
        windows
            Where; none for the baselines alone.
        baseline
            In place of the comparison's own: what was kept of it.
        given
            One window's values, in place of ``windows``.

        Raises
        ------
        InvalidRequest, NotFound
            The baseline has no records, a path leads nowhere, or no record is of the model.
        """
        request = Analyze(
            records=self._records(pipeline_id, comparison.model_name, comparison.locations),
            paths=[target.path for target in comparison.targets],
            baseline=baseline or comparison.baseline,
            summarizer=comparison.summarizer,
            windows=list(windows),
            given=given,
        )
        return await self._analyst.analyze(request)

    async def sample(
        self, pipeline_id: int, span: Span, limit: int, *, model_name: str | None, locations: list[str] | None
    ) -> Buffer:
        """Return the oldest records of a stretch of time as a JSON list of flat objects."""
        records = self._records(pipeline_id, model_name, locations)
        return await self._analyst.sample(Sample(records=records, span=span, limit=limit))

    def _records(self, pipeline_id: int, model_name: str | None, locations: list[str] | None) -> Records:
        directory = str(self._directory.pipeline_log(pipeline_id))
        return Records(directory=directory, model_name=model_name, locations=locations or None)
