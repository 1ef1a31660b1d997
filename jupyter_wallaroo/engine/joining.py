"""Which requests of a pipeline can be run together, and how their columns become one request's.

Small requests that ask for the same are read as one body and fitted at once (`Joiner.read`). Where that does not work
out, each is read and fitted by itself, to the inputs of the model that takes it, so that what is wrong with one is said
to that one, and what was fitted is laid end to end. Either way it goes through the steps as the columns of one request.
This is done only where every step treats each row by itself, so that nobody can tell that others were there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

import numpy as np

from jupyter_wallaroo.codec import records
from jupyter_wallaroo.codec.batch import Cells, Column, Decoded, Tensor, arrow_array
from jupyter_wallaroo.codec.cast import pack, to_tensor, unpack
from jupyter_wallaroo.engine.frames import Buffer
from jupyter_wallaroo.engine.pipeline import Pipeline, unused
from jupyter_wallaroo.engine.steps.native import NativeStep
from jupyter_wallaroo.engine.validation import is_row_wise
from jupyter_wallaroo.errors import WallarooError
from jupyter_wallaroo.types.model import TensorSpec
from jupyter_wallaroo.types.plan import CheckStep, InferStep, KeySplitStep, PlannedStep, RandomSplitStep

Part: TypeAlias = bytes | Tensor | Cells
"""A column of a request: packed numbers, a tensor, or, where no model takes it, as it came."""

_REMEMBERED = 100


@dataclass(slots=True)
class Fitted:
    """A request that fits the pipeline: those with the same ``key`` can be run together; ``size`` is in bytes."""

    key: tuple[object, ...]
    rows: int
    size: int
    parts: list[Part]
    uses: Sequence[tuple[str, TensorSpec | None]]
    """Each column's name, and the input that takes it."""


class Joiner:
    """Fits requests to a pipeline, and makes one of several.

    Parameters
    ----------
    pipeline
        A loaded one.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        steps = pipeline.plan.steps
        models = pipeline.models
        self._first = next((models[number] for step in steps for number in _models(step)), None)
        self._split_keys = {key for step in steps if (key := _split_key(step)) is not None}
        self._uses: dict[tuple[str, ...], Sequence[tuple[str, TensorSpec | None]] | None] = {}
        tried = pipeline.plan.trial
        self.why_not = _why_not(pipeline) if tried is None else tried.why_not
        """Why requests of this pipeline are run one by one, in words; None when they need not be."""

    def read(self, bodies: Sequence[Buffer]) -> tuple[Decoded, list[int]] | None:
        """Return the columns of several bodies of records as one request's, and the rows of each body.

        None where that is not certain to be what `fit` and `joined` would make of them, one after the other.
        """
        found = None if self.why_not is not None else records.decode_together(bodies)
        if found is None or found[0].has_booleans:
            return None
        request, counts = found
        columns: dict[str, Cells | Column] = {}
        for name, spec in self.uses(tuple(request.columns)) or ():
            cells = request.columns[name]
            packed = pack(cells, spec) if spec is not None and isinstance(cells, list) else None
            tensor = unpack([packed], request.rows, spec) if packed is not None and spec is not None else None
            if tensor is None:
                return None
            columns[name] = tensor
        return (Decoded(request.rows, columns, sent=request.columns), counts) if columns else None

    def fit(self, request: Decoded) -> Fitted | None:
        """Return the request as a part of others, None when it has to be run, or refused, by itself."""
        names = tuple(request.columns)
        uses = self.uses(names)
        if uses is None:
            return None
        key: list[object] = [names]
        parts: list[Part] = []
        size = 0
        for name, spec in uses:
            try:
                part, kind = self._part(name, spec, request)
            except WallarooError:
                return None
            if part is None:
                return None
            parts.append(part)
            key.append(kind)
            size += len(part) if isinstance(part, (bytes, list)) else part.nbytes
        return Fitted(tuple(key), request.rows, size, parts, uses)

    def uses(self, names: tuple[str, ...]) -> Sequence[tuple[str, TensorSpec | None]] | None:
        """Return which input takes each column of a request with these names, None where that is not clear."""
        if self.why_not is not None:
            return None
        if names not in self._uses:
            if len(self._uses) > _REMEMBERED:
                self._uses.clear()
            self._uses[names] = self._learned(names)
        return self._uses[names]

    def _learned(self, names: tuple[str, ...]) -> Sequence[tuple[str, TensorSpec | None]] | None:
        assert isinstance(self._first, NativeStep), "else why_not says so"
        columns: dict[str, Cells | Column] = {name: [] for name in names}
        try:
            takers = {self._first.source(field, spec, columns): spec for field, spec in self._first.inputs}
        except WallarooError:
            return None  # a column is missing: the run says which
        is_clear = len(takers) == len(self._first.inputs) and not self._split_keys & takers.keys()
        return [(name, takers.get(name)) for name in names] if is_clear else None

    def _part(self, name: str, spec: TensorSpec | None, request: Decoded) -> tuple[Part | None, object]:
        """Return a column as it goes into a joint run, and what must be the same to lay it beside another's."""
        cells = request.columns[name]
        if spec is None:
            # One type, so that the log's schema does not hang on who came together.
            return (cells, str(arrow_array(unused(name, cells)).type)) if isinstance(cells, list) else (None, None)
        if isinstance(cells, list) and not request.has_booleans:
            packed = pack(cells, spec)
            if packed is not None:
                return packed, len(packed) // request.rows
        assert self._first is not None, "else there are no uses"
        label = self._first.model.name
        tensor = to_tensor(cells, spec, name, label, may_hold_booleans=request.has_booleans)
        return tensor, tensor.shape[1:]


class NotTogether(Exception):
    """Requests that were to be run together have to be run one by one."""


def joined(requests: Sequence[Fitted]) -> Decoded:
    """Return the columns of requests with the same key as one request's.

    Raises
    ------
    NotTogether
        Some number is so large that it hangs on the others how it is rounded.
    """
    first = requests[0]
    rows = sum(request.rows for request in requests)
    columns: dict[str, Cells | Column] = {}
    for number, (name, spec) in enumerate(first.uses):
        column = _column([request.parts[number] for request in requests], rows, spec)
        if column is None:
            raise NotTogether(f"Column {name!r} has very large numbers.")
        columns[name] = column
    return Decoded(rows, columns)


def _column(parts: list[Part], rows: int, spec: TensorSpec | None) -> Cells | Tensor | None:
    if spec is None:
        return list(chain.from_iterable(parts))
    packed = [part for part in parts if isinstance(part, bytes)]
    return unpack(packed, rows, spec) if packed else np.concatenate(parts)


def _models(step: PlannedStep) -> list[int]:
    if isinstance(step, (InferStep, RandomSplitStep)):
        return step.models
    return [step.control, *step.routes.values()] if isinstance(step, KeySplitStep) else []


def _split_key(step: PlannedStep) -> str | None:
    if isinstance(step, RandomSplitStep):
        return step.hash_key
    return step.key if isinstance(step, KeySplitStep) else None


def _why_not(pipeline: Pipeline) -> str | None:
    """Look for a step that may treat a row otherwise when others are beside it."""
    steps = pipeline.plan.steps
    first = next((numbers for step in steps if (numbers := _models(step))), None)
    if first is None:
        return "no step runs a model"
    reasons = (_mixing(step, pipeline, is_first=_models(step) == first) for step in steps)
    reason = next((reason for reason in reasons if reason is not None), None)
    if reason is not None:
        return reason
    for number in sorted({number for step in steps for number in _models(step)}):
        model = pipeline.models[number]
        reason = model.mixed_rows() if isinstance(model, NativeStep) else None
        if reason is not None:
            return f"model {model.model.name!r}: {reason}"
    return None


def _mixing(step: PlannedStep, pipeline: Pipeline, *, is_first: bool) -> str | None:
    """Return what speaks against a step, its models' own doings left aside."""
    models = [pipeline.models[number] for number in _models(step)]
    native = [model for model in models if isinstance(model, NativeStep)]
    if len(native) < len(models):
        return "a model runs in a process beside the engine"
    if not isinstance(step, InferStep) and any(model.outputs != native[0].outputs for model in native):
        return "the models of a split give different outputs"
    if is_first and any(model.inputs != native[0].inputs for model in native):
        return "the first models take different columns"
    if isinstance(step, CheckStep) and not all(is_row_wise(rule.root) for rule in step.rules):
        return "a validation looks at several rows at once"
    return None
