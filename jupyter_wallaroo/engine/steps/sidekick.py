"""A model that a process beside the engine runs, on Arrow columns."""

from __future__ import annotations

from functools import partial

import pyarrow as pa

from jupyter_wallaroo.codec import arrow, schema
from jupyter_wallaroo.codec.batch import Batch, Cells, Column, arrow_array, column_of
from jupyter_wallaroo.engine.frames import Kind
from jupyter_wallaroo.engine.peer import Peer
from jupyter_wallaroo.engine.steps import Columns, StepResult, check_rows, find_column
from jupyter_wallaroo.errors import InvalidInput, InvalidModel
from jupyter_wallaroo.types.plan import PlannedModel


class SidekickStep:
    """A model in a sidekick, which loads it from the same plan.

    Parameters
    ----------
    model
        With an input schema the model is given the columns that it names, in its types; without one, all as they are.
    sidekick
        Where it runs.

    Raises
    ------
    InvalidModel
        ``tensor_fields`` does not name each field of the input schema.
    """

    def __init__(self, model: PlannedModel, sidekick: Peer) -> None:
        self.model = model
        self._sidekick = sidekick
        label = f"input_schema of model {model.name!r}"
        self._schema = schema.decode(model.input_schema, label) if model.input_schema else None
        fields = model.tensor_fields
        if self._schema is not None and fields is not None and len(fields) != len(self._schema):
            raise InvalidModel(
                f"The input_schema of model {model.name!r} has {len(self._schema)} fields; its configuration names "
                f"{len(fields)} tensor_fields: {fields}."
            )
        pa.array([0])  # its first call imports pandas, which would cost the first request 0.3 s

    def run(self, columns: Columns, rows: int, *, may_hold_booleans: bool) -> StepResult:
        """Send the columns over, and return what comes back (see `Step.run`)."""
        used, table = self._chosen(columns, may_hold_booleans=may_hold_booleans)
        _, body = self._sidekick.call(Kind.INFER, b"", arrow.write_stream(table))
        outputs: Batch = {}
        for name, array in arrow.read_stream(body).items():
            check_rows(self.model.name, name, [len(array)], rows)
            outputs[name] = self._passed_on(name, array)
        return StepResult(outputs, used)

    def _passed_on(self, name: str, array: pa.Array) -> Column:
        try:
            return column_of(arrow.plain(name, array))
        except InvalidInput as error:
            raise InvalidInput(f"The output of model {self.model.name!r} is refused. {error.message}") from None

    def _chosen(self, columns: Columns, *, may_hold_booleans: bool) -> tuple[Batch, pa.Table]:
        """Return the columns for the model, by the names they came by, and as the table it is given."""
        if self._schema is None:
            everything: Batch = {name: _as_it_is(name, column) for name, column in columns.items()}
            return everything, pa.table(everything)
        fields = self.model.tensor_fields or self._schema.names
        used: Batch = {}
        arrays = []
        for name, field in zip(fields, self._schema, strict=True):
            source = find_column(name, fields, columns, partial(self._expected, field))
            used[source] = schema.fit_input(
                source, columns[source], field, self.model.name, may_hold_booleans=may_hold_booleans
            )
            arrays.append(used[source])
        return used, pa.Table.from_arrays(arrays, self._schema.names)

    def _expected(self, field: pa.Field) -> str:
        return f"{field.type} for model {self.model.name!r}"


def _as_it_is(name: str, column: Cells | Column) -> pa.Array:
    try:
        return arrow.plain(name, arrow_array(column))
    except (pa.ArrowException, OverflowError, ValueError, TypeError) as error:
        raise InvalidInput(f"Column {name!r} mixes types that cannot be one column: {str(error)[:200]}") from None
