"""One step of a pipeline: a model, and how its inputs are found among the columns of a request.

`native` runs a model in the engine itself, `sidekick` has one run by the process beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from jupyter_wallaroo.codec.batch import Batch, Cells, Column
from jupyter_wallaroo.errors import InvalidInput
from jupyter_wallaroo.types.plan import PlannedModel

DEFAULT_FIELD = "tensor"
"""What a request may call the only input of a model, whatever its file calls it (S1-39)."""

Columns = Mapping[str, Cells | Column]
"""What a step is given: JSON cells, Arrow arrays, or tensors that fit (see `Decoded`), by column name."""


@dataclass(slots=True)
class StepResult:
    """What a step gave, and the columns it used as its model saw them, under the names they came by."""

    outputs: Batch
    used: Batch


class Step(Protocol):
    """A model made ready to run."""

    model: PlannedModel

    def run(self, columns: Columns, rows: int, *, may_hold_booleans: bool) -> StepResult:
        """Run the model on the columns it needs.

        Raises
        ------
        InvalidInput
            A column is missing or does not fit, or the model refused the values.
        """
        ...


def find_column(field: str, fields: Sequence[str], columns: Columns, expected: Callable[[], str]) -> str:
    """Return the name of the column that an input called ``field`` takes.

    Parameters
    ----------
    field, fields
        The input, and all inputs of the model.
    columns
        What there is.
    expected
        Says what the input takes, in words.

    Raises
    ------
    InvalidInput
        There is none.
    """
    if field in columns:
        return field
    if len(fields) == 1 and DEFAULT_FIELD in columns:
        return DEFAULT_FIELD
    raise InvalidInput(
        f"Column {field!r} is missing: expected {expected()}; got the columns {sorted(columns)}.",
        hint=f"Rename a column to {field!r}, or configure the model with tensor_fields.",
        details={"expected": list(fields), "got": sorted(columns)},
    )


def check_rows(model: str, name: str, shape: Sequence[int], rows: int) -> None:
    """Refuse an output that has not one entry per row of the request.

    Raises
    ------
    InvalidInput
        Names the model, the output and its shape.
    """
    if not shape or shape[0] != rows:
        raise InvalidInput(f"Model {model!r} gave an output {name!r} of shape {list(shape)} for {rows} rows.")
