"""Steps of a definition as the wire has them: each an object with one key, the step's type (contract/steps.md)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from jupyter_wallaroo.types.model import ModelReference

Weight = Annotated[float, Meta(ge=0)]


class ModelInference(Struct, frozen=True):
    """Run models, all on the same columns."""

    models: Annotated[list[ModelReference], Meta(min_length=1)]


class AuditResults(Struct, frozen=True):
    """Log the results from one to another, even those that are not answered."""

    first: Annotated[int, Meta(ge=0)] = field(name="from", default=0)
    last: Annotated[int, Meta(ge=0)] | None = field(name="to", default=None)


class Nth(Struct, frozen=True):
    """Go on with one of several results."""

    index: Annotated[int, Meta(ge=0)]


class MultiOut(Struct, frozen=True):
    """Answer with all results: the first under ``out``, the others under ``out_<model name>``."""


class Average(Struct, frozen=True):
    """Go on with the mean of all results."""


class WeightedModel(Struct, frozen=True):
    """A model and its share of the rows."""

    model: ModelReference
    weight: Weight


class RandomSplit(Struct, frozen=True):
    """Run one of several models on each row, by weight, or always the same one for a value of ``hash_key``."""

    weights: Annotated[list[WeightedModel], Meta(min_length=1)]
    hash_key: str | None = None


class MetaValueSplit(Struct, frozen=True):
    """Run the model that the value of a column names on each row, else ``control``."""

    split_key: str
    control: ModelReference
    routes: dict[str, ModelReference]


class Check(Struct, frozen=True):
    """Mark rows as anomalies; each entry is JSON of an expression (2026) or of validations (2023)."""

    tree: list[str]


class ColumnsSelect(Struct, frozen=True):
    """Go on with some columns of each output, by their number."""

    columns: Annotated[list[Annotated[int, Meta(ge=0)]], Meta(min_length=1)]


class ColumnsToRows(Struct, frozen=True):
    """Make rows of columns."""


class RowModel(Struct, frozen=True):
    """A row and the model that runs on it."""

    row_index: int
    model: ModelReference


class RowsToModels(Struct, frozen=True):
    """Run another model on each row."""

    rows_to_models: list[RowModel]


class InputDataToType(Struct, frozen=True):
    """Cast the inputs; models do that by themselves."""

    data_type: str


Step = (
    ModelInference
    | AuditResults
    | Nth
    | MultiOut
    | Average
    | RandomSplit
    | MetaValueSplit
    | Check
    | ColumnsSelect
    | ColumnsToRows
    | RowsToModels
    | InputDataToType
)

STEP_TYPES: dict[str, type[Step]] = {
    kind.__name__: kind
    for kind in (
        ModelInference,
        AuditResults,
        Nth,
        MultiOut,
        Average,
        RandomSplit,
        MetaValueSplit,
        Check,
        ColumnsSelect,
        ColumnsToRows,
        RowsToModels,
        InputDataToType,
    )
}
"""By the name on the wire."""

NOT_RUNNABLE = (ColumnsToRows, RowsToModels)
"""Steps that are stored and refused at deployment: an answer has the rows of its request."""
