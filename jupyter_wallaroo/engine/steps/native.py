"""A model that the engine runs itself, on tensors."""

from __future__ import annotations

from functools import partial

import pyarrow as pa

from jupyter_wallaroo.codec.batch import Batch
from jupyter_wallaroo.codec.cast import expectation, to_tensor
from jupyter_wallaroo.engine.row_wise import mixed
from jupyter_wallaroo.engine.runtimes.onnx import OnnxRuntime
from jupyter_wallaroo.engine.runtimes.stored import read_pinned
from jupyter_wallaroo.engine.steps import Columns, StepResult, check_rows, find_column
from jupyter_wallaroo.errors import InvalidModel
from jupyter_wallaroo.types.model import TensorSpec
from jupyter_wallaroo.types.plan import PlannedModel


class NativeStep:
    """An ONNX model in onnxruntime.

    Parameters
    ----------
    model
        Its file must have the SHA-256 that the plan says.
    threads
        What one inference may use.

    Raises
    ------
    InvalidModel
        The file is damaged or cannot be loaded, or ``tensor_fields`` does not name each input.
    """

    def __init__(self, model: PlannedModel, threads: int) -> None:
        self.model = model
        most_rows = model.batching.batch_size_limit if model.batching else None
        self._runtime = OnnxRuntime(read_pinned(model), repr(model.name), threads, most_rows)
        self._inputs = self._runtime.signature.inputs
        self._fields = self._field_names()

    def _field_names(self) -> list[str]:
        fields = self.model.tensor_fields
        if fields is None:
            return [spec.name for spec in self._inputs]
        if len(fields) != len(self._inputs):
            raise InvalidModel(
                f"Model {self.model.name!r} has {len(self._inputs)} inputs; its configuration names "
                f"{len(fields)} tensor_fields: {fields}."
            )
        return fields

    @property
    def inputs(self) -> list[tuple[str, TensorSpec]]:
        """The model's inputs, each with the name of the column that it takes."""
        return list(zip(self._fields, self._inputs, strict=True))

    @property
    def outputs(self) -> list[TensorSpec]:
        """What the model gives."""
        return self._runtime.signature.outputs

    def source(self, field: str, spec: TensorSpec, columns: Columns) -> str:
        """Return the name of the column that an input takes (see `find_column`)."""
        return find_column(field, self._fields, columns, partial(expectation, spec, self.model.name))

    def mixed_rows(self) -> str | None:
        """Return why rows of different requests must not be run together, None when they may."""
        return mixed(self._runtime)

    def run(self, columns: Columns, rows: int, *, may_hold_booleans: bool) -> StepResult:
        """Run the model on the columns it needs (see `Step.run`)."""
        feeds = {}
        used: Batch = {}
        for field, spec in zip(self._fields, self._inputs, strict=True):
            name = self.source(field, spec, columns)
            feed = to_tensor(columns[name], spec, name, self.model.name, may_hold_booleans=may_hold_booleans)
            feeds[spec.name] = feed
            used[name] = pa.array(feed.tolist()) if feed.dtype.kind in "OUb" else feed
        outputs: Batch = {}
        for name, output in self._runtime.run(feeds).items():
            check_rows(self.model.name, name, output.shape, rows)
            outputs[name] = pa.array(output.tolist()) if output.dtype.kind in "OU" else output
        return StepResult(outputs, used)
