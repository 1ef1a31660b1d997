"""The inference panel: a form, what comes back, and the same as a command."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import frames, inference_log, steps
from jupyter_wallaroo.sdk.inference import Fields
from jupyter_wallaroo.sdk.inference_log import Query
from jupyter_wallaroo.widgets import assets, cells, export, form, plain
from jupyter_wallaroo.widgets.cells import Grid
from jupyter_wallaroo.widgets.export import Format
from jupyter_wallaroo.widgets.panel import Answer, Panel
from jupyter_wallaroo.widgets.snippets import snippets

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_wallaroo.sdk.inference import Input
    from jupyter_wallaroo.sdk.model_version import ModelVersion
    from jupyter_wallaroo.sdk.pipeline import Pipeline
    from jupyter_wallaroo.widgets.form import Field
    from jupyter_wallaroo.widgets.work import Work

PART_ROWS = 500
"""Rows that one request of many takes: often enough to tell how far it is, and to stop."""

PART_LIMIT_S = 60.0
"""How long such a request may take: a person is there to stop it."""

SHOWN_ROWS = 100


class _Ask(Struct, frozen=True, kw_only=True, tag_field="verb"):
    """What the browser may ask."""


class Look(_Ask, frozen=True, kw_only=True, tag="look"):
    """The form, and whether there is anything to send it to."""


class Run(_Ask, frozen=True, kw_only=True, tag="run"):
    """The result for what was filled in, field by field."""

    values: list[str]


class RunAll(_Ask, frozen=True, kw_only=True, tag="run_all"):
    """The results for all rows that the panel was opened with."""


class Page(_Ask, frozen=True, kw_only=True, tag="page"):
    """Further rows of the results."""

    first: int


class Write(_Ask, frozen=True, kw_only=True, tag="write"):
    """The commands that send what was filled in."""

    values: list[str]


class Download(_Ask, frozen=True, kw_only=True, tag="download"):
    """The results as a file."""

    format: Format


class Form(Struct, frozen=True, kw_only=True):
    """What the panel shows at first; ``rows`` is how many rows it was opened with."""

    pipeline: str
    is_deployed: bool
    fields: list[Field]
    source: str
    rows: int


class Results(Struct, frozen=True, kw_only=True):
    """What came back."""

    grid: Grid
    anomalies: int


class InferencePanel(Panel):
    """Sends rows to a pipeline and shows what comes back.

    Parameters
    ----------
    pipeline
        Which.
    data
        Rows to begin with: the first fills in the form, and all can be sent.
    """

    _esm = assets.module("inference")
    _css = assets.style()
    asks: ClassVar[Any] = Look | Run | RunAll | Page | Write | Download

    def __init__(self, pipeline: Pipeline, data: Input | None = None) -> None:
        self._pipeline = copy.copy(pipeline)  # refreshed by our threads, while the caller's stays as it is
        self._data = _table(data)
        self._fields: list[Field] | None = None
        self._source = ""
        self._results: pa.Table | None = None
        super().__init__()

    def answer(self, ask: Any, work: Work) -> Answer:
        """Return the answer to one of `asks`."""
        match ask:
            case Look():
                return Answer(value=self.form())
            case Run(values=values):
                return Answer(value=self._run(_rows([form.row(self._form_fields(), values)]), work))
            case RunAll():
                return Answer(value=self._run(self._rows(), work))
            case Page(first=first):
                return Answer(value=cells.grid(self._got(), max(0, first), SHOWN_ROWS))
            case Write(values=values):
                return Answer(value=snippets(self._pipeline, form.row(self._form_fields(), values)))
            case Download(format=chosen):
                return Answer(buffers=[export.written(self._got(), chosen)])
        raise AssertionError(f"{ask} is one of the above")

    def form(self) -> Form:
        """Return the form as it is at first."""
        fields = self._form_fields()
        return Form(
            pipeline=self._pipeline.name(),
            is_deployed=self._pipeline.deployment() is not None,
            fields=fields,
            source=self._source,
            rows=0 if self._data is None else self._data.num_rows,
        )

    def facts_text(self) -> str:
        """Return the form as text, and the results if there are any."""
        shown = self.form()
        state = "deployed" if shown.is_deployed else "not deployed"
        head = plain.line(f"Inference: pipeline {shown.pipeline} ({state}); inputs {shown.source}")
        found = [head, plain.table(["input", "takes"], [[field.name, field.hint] for field in shown.fields])]
        if self._results is not None:
            found.append(cells.text(cells.grid(self._results, 0, 10)))
        return "\n\n".join(found)

    # ---------------------------------------------------------------- the form

    def _form_fields(self) -> list[Field]:
        if self._fields is None:
            self._fields, self._source = self._made_fields()
        return self._fields

    def _made_fields(self) -> tuple[list[Field], str]:
        if self._data is not None and self._data.num_rows:
            return form.of_example(self._data.slice(0, 1).to_pylist()[0]), "as in the first row of the data"
        model = self._first_model()
        if model is not None and model.inputs():
            return form.of_inputs(model.inputs(), model.config().tensor_fields()), f"as model {model.name()} takes them"
        logged = self._last_logged()
        if logged:
            return form.of_example(logged), "as in the newest record of the log"
        raise InvalidRequest(
            "Nobody says what this pipeline takes: its first model declares no inputs, and its log is empty.",
            hint="Open the panel with an example: pipeline.panel('inference', dataframe).",
        )

    def _first_model(self) -> ModelVersion | None:
        reference = next(steps.references(self._pipeline.steps()), None)
        if reference is None:
            return None
        found = self._pipeline.client.search_models(reference["version"])
        return next((model for model in found if model.version() == reference["version"]), None)

    def _last_logged(self) -> dict[str, Any]:
        query = Query(self._pipeline.name(), self._pipeline.workspace_id(), 1, None, None, Fields(["in"]))
        for table, _ in inference_log.pages(self._pipeline.client.api, query):
            for row in table.to_pylist():
                return {name.removeprefix("in."): value for name, value in row.items()}
        return {}

    # ---------------------------------------------------------------- running

    def _rows(self) -> pa.Table:
        if self._data is None:
            raise InvalidRequest(
                "The panel was opened without data.", hint="Use pipeline.panel('inference', dataframe)."
            )
        return self._data

    def _run(self, rows: pa.Table, work: Work) -> Results:
        import pyarrow as pa

        self._pipeline.refresh()
        found = []
        try:
            for first in range(0, rows.num_rows, PART_ROWS):
                work.progress(first, rows.num_rows, "rows")
                found.append(self._pipeline.infer(rows.slice(first, PART_ROWS), timeout=PART_LIMIT_S))
            work.progress(rows.num_rows, rows.num_rows, "rows")
        finally:  # what came back before it was stopped, or failed, can be looked at
            self._results = pa.concat_tables(found, promote_options="permissive") if found else None
        return Results(grid=cells.grid(self._got(), 0, SHOWN_ROWS), anomalies=cells.anomalies(self._got()))

    def _got(self) -> pa.Table:
        if self._results is None:
            raise InvalidRequest("There are no results yet.", hint="Run the form first.")
        return self._results


def _table(data: Input | None) -> pa.Table | None:
    if data is None or frames.is_table(data):
        return data
    if frames.is_frame(data):
        return frames.to_table(data)
    raise TypeError(f"data: expected a pandas DataFrame or a pyarrow Table; got {type(data).__name__}.")


def _rows(rows: list[dict[str, Any]]) -> pa.Table:
    import pyarrow as pa

    try:
        return pa.Table.from_pylist(rows)
    except (pa.ArrowException, OverflowError) as error:
        raise InvalidRequest(f"The row cannot be sent: {str(error)[: plain.MAX_CELL]}.") from None
