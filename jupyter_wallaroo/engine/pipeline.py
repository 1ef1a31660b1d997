"""A plan made ready to run: the models of one pipeline, one after the other, over columns."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from jupyter_wallaroo.codec import arrow
from jupyter_wallaroo.codec.batch import Answer, Batch, Cells, Column, Decoded, Tensor, arrow_array
from jupyter_wallaroo.codec.cast import expectation, to_tensor
from jupyter_wallaroo.engine.runtimes import Runtime
from jupyter_wallaroo.engine.runtimes.onnx import OnnxRuntime
from jupyter_wallaroo.errors import InvalidInput, InvalidModel, InvalidRequest
from jupyter_wallaroo.types.model import TensorSpec
from jupyter_wallaroo.types.plan import Plan, PlannedModel

DEFAULT_FIELD = "tensor"
"""What a request may call the only input of a model, whatever its file calls it (S1-39)."""


@dataclass(slots=True)
class Result:
    """What a run gave: the request's columns as the models saw them, and the outputs."""

    logged: Batch
    outputs: Batch
    elapsed_ns: list[int]


class ModelStep:
    """One loaded model and how its inputs are found among the columns."""

    def __init__(self, model: PlannedModel, runtime: Runtime) -> None:
        self.model = model
        self._runtime = runtime
        self._inputs = runtime.signature.inputs
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

    def feeds(
        self, columns: dict[str, Cells | pa.Array], *, may_hold_booleans: bool
    ) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Return the model's inputs by name, and the column that each came from.

        Raises
        ------
        InvalidInput
            A column is missing or does not fit.
        """
        found: dict[str, Tensor] = {}
        sources: dict[str, str] = {}
        for field, spec in zip(self._fields, self._inputs, strict=True):
            name = self._column_for(field, spec, columns)
            found[spec.name] = to_tensor(
                columns[name], spec, name, self.model.name, may_hold_booleans=may_hold_booleans
            )
            sources[spec.name] = name
        return found, sources

    def _column_for(self, field: str, spec: TensorSpec, columns: dict[str, Cells | pa.Array]) -> str:
        if field in columns:
            return field
        if len(self._inputs) == 1 and DEFAULT_FIELD in columns:
            return DEFAULT_FIELD
        raise InvalidInput(
            f"Column {field!r} is missing: expected {expectation(spec, self.model.name)}; got the columns "
            f"{sorted(columns)}.",
            hint=f"Rename a column to {field!r}, or configure the model with tensor_fields.",
            details={"expected": self._fields, "got": sorted(columns)},
        )

    def run(self, feeds: dict[str, Tensor], rows: int) -> dict[str, Column]:
        """Return the model's outputs, text as Arrow."""
        outputs: dict[str, Column] = {}
        for name, output in self._runtime.run(feeds).items():
            if output.ndim == 0 or output.shape[0] != rows:
                raise InvalidInput(
                    f"Model {self.model.name!r} gave an output {name!r} of shape {list(output.shape)} for {rows} rows."
                )
            outputs[name] = pa.array(output.tolist()) if output.dtype.kind in "OU" else output
        return outputs


class Pipeline:
    """The loaded models of a plan.

    Parameters
    ----------
    plan
        What to load; each file must have the SHA-256 that the plan says.

    Raises
    ------
    InvalidModel
        A file is damaged or cannot be loaded.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._steps = [ModelStep(model, _load(model, plan.threads)) for model in plan.models]
        last = plan.models[-1] if plan.models else None
        self.last_model = msgspec.json.encode({"model_name": last.name, "model_sha": last.sha}).decode() if last else ""

    def run(self, request: Decoded) -> Result:
        """Run every model on the columns of the one before it.

        Raises
        ------
        InvalidInput
            The request does not fit the first model, or a model's outputs do not fit the next.
        InvalidRequest
            The pipeline has no steps (A28).
        """
        if not self._steps:
            raise InvalidRequest(
                f"Pipeline {self.plan.pipeline_name!r} has no steps: there is nothing to run.",
                hint="Add a model step and deploy again.",
            )
        elapsed: list[int] = []
        columns = request.columns
        logged: Batch = {}
        outputs: dict[str, Column] = {}
        for number, step in enumerate(self._steps):
            started = time.perf_counter_ns()
            feeds, sources = step.feeds(columns, may_hold_booleans=request.has_booleans)
            if number == 0:
                logged = _logged(request, feeds, sources)
            outputs = step.run(feeds, request.rows)
            if number + 1 < len(self._steps):
                columns = {name: arrow_array(column) for name, column in outputs.items()}
                if len(columns) == 1:
                    columns[DEFAULT_FIELD] = next(iter(columns.values()))
            elapsed.append(time.perf_counter_ns() - started)
        return Result(logged, outputs, elapsed)

    def answer(self, request: Decoded, result: Result, *, time_ms: int, parse_ns: int) -> Answer:
        """Return the result as something a codec can write."""
        last = self.plan.models[-1]
        return Answer(
            rows=request.rows,
            request=dict(request.columns),
            outputs=result.outputs,
            time_ms=time_ms,
            elapsed_ns=[parse_ns, *result.elapsed_ns],
            last_model=self.last_model,
            pipeline_version=self.plan.pipeline_version,
            partition=self.plan.replica,
            model_name=last.name,
            model_version=last.version,
            pipeline_name=self.plan.pipeline_name,
        )


def _load(model: PlannedModel, threads: int) -> Runtime:
    try:
        body = Path(model.path).read_bytes()
    except OSError as error:
        raise InvalidModel(
            f"The stored file of model {model.name!r} (version {model.version}) cannot be read: {error.strerror}.",
            hint="Upload the model again.",
        ) from None
    if hashlib.sha256(body).hexdigest() != model.sha:
        raise InvalidModel(
            f"The stored file of model {model.name!r} (version {model.version}) is damaged: its SHA-256 is not "
            f"{model.sha}.",
            hint="Upload the model again.",
        )
    return OnnxRuntime(body, repr(model.name), threads)


def _logged(request: Decoded, feeds: dict[str, Tensor], sources: dict[str, str]) -> Batch:
    """Return the request's columns as they are logged: in the model's types, so that schemas do not flap."""
    logged: Batch = {}
    for input_name, column in sources.items():
        feed = feeds[input_name]
        logged[f"in.{column}"] = pa.array(feed.tolist()) if feed.dtype.kind in "OUb" else feed
    for name, cells in request.columns.items():
        path = f"in.{name}"
        if path not in logged:
            logged[path] = _unused(name, cells)
    return logged


def _unused(name: str, cells: Cells | pa.Array) -> pa.Array:
    """Return a column that no model uses; it is logged all the same (contract/inference.md)."""
    if not isinstance(cells, list):
        return cells
    try:
        array = pa.array(cells)
    except (pa.ArrowException, OverflowError) as error:
        raise InvalidInput(f"Column {name!r} mixes types that cannot be one column: {str(error)[:200]}") from None
    return arrow.plain(name, array)


def journal_columns(result: Result) -> Batch:
    """Return the columns of a result under the paths they have in the log."""
    columns = dict(result.logged)
    for name, column in result.outputs.items():
        is_bool = isinstance(column, np.ndarray) and column.dtype.kind == "b"
        columns[f"out.{name}"] = arrow_array(column) if is_bool else column
    return columns
