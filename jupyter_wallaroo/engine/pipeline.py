"""A plan made ready to run: its models loaded, its steps one after the other, over columns."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa

from jupyter_wallaroo.codec import arrow
from jupyter_wallaroo.codec.batch import Answer, Batch, Cells, Column, Decoded, Tensor, arrow_array
from jupyter_wallaroo.engine.combining import averaged, selected
from jupyter_wallaroo.engine.peer import Peer
from jupyter_wallaroo.engine.splits import by_chance, by_key, marks, rows_of, together
from jupyter_wallaroo.engine.steps import DEFAULT_FIELD, Columns, Step
from jupyter_wallaroo.engine.steps.native import NativeStep
from jupyter_wallaroo.engine.steps.sidekick import SidekickStep
from jupyter_wallaroo.engine.validation import evaluate
from jupyter_wallaroo.errors import InvalidInput, InvalidRequest, WallarooError
from jupyter_wallaroo.types.framework import Runtime
from jupyter_wallaroo.types.plan import (
    AuditStep,
    AverageStep,
    CheckStep,
    InferStep,
    KeySplitStep,
    Plan,
    PlannedModel,
    PlannedStep,
    RandomSplitStep,
    SelectStep,
)

MODEL_SPLIT = "_model_split"
"""The output column that says which model ran on a row (contract/inference.md)."""


@dataclass(slots=True)
class Outcome:
    """What one model gave, or why it gave nothing."""

    label: str
    """The group of its outputs when it is not the first: ``out_<model name>``."""
    outputs: Batch
    error: WallarooError | None = None


@dataclass(slots=True)
class Result:
    """What a run gave.

    ``logged`` are the request's columns as the models saw them, ``outputs`` the answer's, ``others`` those of further
    models by their group, ``audited`` groups that are only logged, ``anomalies`` which rows each rule marks,
    ``dropped`` the groups of models that failed beside the first.
    """

    logged: Batch
    outputs: Batch
    elapsed_ns: list[int]
    others: dict[str, Batch]
    audited: dict[str, Batch]
    anomalies: dict[str, Tensor]
    dropped: list[str]


class Run:
    """One request on its way through the steps.

    Parameters
    ----------
    pipeline
        Whose steps.
    request
        Its columns.
    """

    def __init__(self, pipeline: Pipeline, request: Decoded) -> None:
        self.results: list[Outcome] = []
        self.audited: dict[str, Batch] = {}
        self.anomalies: dict[str, Tensor] = {}
        self.dropped: list[str] = []
        self._pipeline = pipeline
        self._request = request
        self._used: Batch | None = None
        self._marks: pa.Array | None = None

    def take(self, step: PlannedStep) -> None:
        """Do one step."""
        if isinstance(step, InferStep):
            self._infer(step)
        elif isinstance(step, CheckStep):
            self.anomalies.update(evaluate(step.rules, self._flat(), self._request.rows))
        elif isinstance(step, RandomSplitStep):
            columns = self._columns()
            self._split(columns, by_chance(step, columns, self._request.rows))
        elif isinstance(step, KeySplitStep):
            columns = self._columns()
            self._split(columns, by_key(step, columns))
        elif isinstance(step, AuditStep):
            self.audited.update((item.label, item.outputs) for item in self.results[step.first : step.last])
        elif isinstance(step, SelectStep):
            self._go_on(self.results[step.index])
        elif isinstance(step, AverageStep):
            self._go_on(Outcome("out", averaged([item.outputs for item in self.results if item.error is None])))
        else:
            chosen = selected(self.results[0].outputs, step.columns)
            self._go_on(Outcome(self.results[0].label, chosen))

    def _infer(self, step: InferStep) -> None:
        columns, rows = self._columns(), self._request.rows
        results = []
        used: Batch = {}
        for place, number in enumerate(step.models):
            label = self._pipeline.labels[number]
            try:
                done = self._pipeline.models[number].run(columns, rows, may_hold_booleans=self._request.has_booleans)
            except WallarooError as error:
                if not place:
                    raise
                results.append(Outcome(label, {}, error))
                self.dropped.append(label)
            else:
                results.append(Outcome(label, done.outputs))
                used = {**done.used, **used} if used else done.used
        self.results = results
        if self._used is None:
            self._used = used

    def _columns(self) -> Columns:
        """Return what the next model is given: the request's columns, or the first result's."""
        return _handed_on(self.results[0].outputs) if self.results else self._request.columns

    def _split(self, columns: Columns, chosen: Tensor) -> None:
        rows = self._request.rows
        outputs: list[tuple[Tensor, Batch]] = []
        used: list[tuple[Tensor, Batch]] = []
        for number in np.unique(chosen).tolist():
            places = np.flatnonzero(chosen == number)
            part = columns if len(places) == rows else rows_of(columns, places)
            done = self._pipeline.models[number].run(part, len(places), may_hold_booleans=self._request.has_booleans)
            outputs.append((places, done.outputs))
            used.append((places, done.used))
        self._marks = marks(chosen, self._pipeline.references)
        self.results = [Outcome("out", together(outputs, rows))]
        if self._used is None:
            self._used = together(used, rows)

    def _go_on(self, outcome: Outcome) -> None:
        """Make one outcome the only one."""
        if outcome.error is not None:
            raise outcome.error
        self.results = [outcome]

    def _flat(self) -> Batch:
        """Return everything that a rule can name."""
        flat = dict(_logged(self._request, self._used or {}))
        for place, item in enumerate(self.results):
            group = item.label if place else "out"
            flat.update((f"{group}.{name}", column) for name, column in item.outputs.items())
        return flat

    def result(self, elapsed_ns: list[int]) -> Result:
        """Return what the steps gave."""
        first, *others = self.results
        outputs = first.outputs
        if self._marks is not None:
            outputs = {**outputs, MODEL_SPLIT: self._marks}
        answered = {item.label: item.outputs for item in others if item.error is None}
        audited = {label: batch for label, batch in self.audited.items() if label not in answered and batch}
        logged = _logged(self._request, self._used or {})
        return Result(logged, outputs, elapsed_ns, answered, audited, self.anomalies, self.dropped)


class Pipeline:
    """The loaded models of a plan, and the steps that run them.

    Parameters
    ----------
    plan
        What to load; each file must have the SHA-256 that the plan says.
    sidekicks
        What runs the models that the engine does not run itself, in the order of the plan.

    Raises
    ------
    InvalidModel
        A file is damaged or cannot be loaded.
    """

    def __init__(self, plan: Plan, sidekicks: Iterable[Peer] = ()) -> None:
        self.plan = plan
        beside = iter(sidekicks)
        self.models: list[Step] = [
            NativeStep(model, plan.threads) if model.runtime is Runtime.ONNX else SidekickStep(model, next(beside))
            for model in plan.models
        ]
        self.labels = _labels(plan.models)
        self.references = {
            number: {"name": model.name, "version": model.version, "sha": model.sha}
            for number, model in enumerate(plan.models)
        }
        self._last = _last(plan)
        self.last_model = (
            msgspec.json.encode({"model_name": self._last.name, "model_sha": self._last.sha}).decode()
            if self._last
            else ""
        )

    def run(self, request: Decoded) -> Result:
        """Run the steps on the columns of a request.

        Raises
        ------
        InvalidInput
            The request does not fit the first model, a model's outputs do not fit the next, or a rule fits neither.
        InvalidRequest
            The pipeline has no steps (A28).
        """
        if not self.plan.steps:
            raise InvalidRequest(
                f"Pipeline {self.plan.pipeline_name!r} has no steps: there is nothing to run.",
                hint="Add a model step and deploy again.",
            )
        run = Run(self, request)
        elapsed: list[int] = []
        for step in self.plan.steps:
            started = time.perf_counter_ns()
            run.take(step)
            elapsed.append(time.perf_counter_ns() - started)
        return run.result(elapsed)

    def answer(self, rows: int, result: Result, *, time_ms: int, parse_ns: int) -> Answer:
        """Return the result as something a codec can write, once it has been told what was sent."""
        assert self._last is not None, "what has run has a model"
        return Answer(
            rows=rows,
            request={},
            outputs=result.outputs,
            others=result.others,
            anomalies=result.anomalies,
            time_ms=time_ms,
            elapsed_ns=[parse_ns, *result.elapsed_ns],
            last_model=self.last_model,
            pipeline_version=self.plan.pipeline_version,
            partition=self.plan.replica,
            model_name=self._last.name,
            model_version=self._last.version,
            pipeline_name=self.plan.pipeline_name,
            dropped=result.dropped,
        )


def _labels(models: list[PlannedModel]) -> list[str]:
    """Return the group of each model's outputs when it is not the first; two versions of a model are told apart."""
    names = [model.name.replace(".", "_") for model in models]
    return [
        f"out_{name}" if names.count(name) == 1 else f"out_{name}-{model.version[:8]}"
        for name, model in zip(names, models, strict=True)
    ]


def _last(plan: Plan) -> PlannedModel | None:
    """Return the first model of the last step that runs any."""
    for step in reversed(plan.steps):
        if isinstance(step, (InferStep, RandomSplitStep)):
            return plan.models[step.models[0]]
        if isinstance(step, KeySplitStep):
            return plan.models[step.control]
    return None


def _handed_on(outputs: Batch) -> Columns:
    """Return the outputs of a step as the next one's columns; a lone one may also be called ``tensor``."""
    columns = {name: arrow_array(column) for name, column in outputs.items()}
    if len(columns) == 1:
        columns[DEFAULT_FIELD] = next(iter(columns.values()))
    return columns


def _logged(request: Decoded, used: Batch) -> Batch:
    """Return the request's columns as they are logged: in the model's types, so that schemas do not flap."""
    logged: Batch = {f"in.{name}": column for name, column in used.items()}
    for name, cells in request.columns.items():
        path = f"in.{name}"
        if path not in logged:
            logged[path] = unused(name, cells)
    return logged


def unused(name: str, cells: Cells | Column) -> Column:
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
    for group, batch in (("out", result.outputs), *result.others.items(), *result.audited.items()):
        for name, column in batch.items():
            is_bool = isinstance(column, np.ndarray) and column.dtype.kind == "b"
            columns[f"{group}.{name}"] = arrow_array(column) if is_bool else column
    for name, marked in result.anomalies.items():
        columns[f"anomaly.{name}"] = marked
    return columns
