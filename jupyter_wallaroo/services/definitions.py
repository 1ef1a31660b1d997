"""Pipeline definitions, read: which steps there are, which models they name, how they run (contract/steps.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from jupyter_wallaroo import strict_json
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.rules import checks_2023, polars
from jupyter_wallaroo.types import plan
from jupyter_wallaroo.types.model import ModelReference
from jupyter_wallaroo.types.pipeline import Definition
from jupyter_wallaroo.types.rule import Rule
from jupyter_wallaroo.types.steps import (
    NOT_RUNNABLE,
    STEP_TYPES,
    AuditResults,
    Average,
    Check,
    ColumnsSelect,
    MetaValueSplit,
    ModelInference,
    Nth,
    RandomSplit,
    RowsToModels,
    Step,
)

RESERVED_RULE = "count"


def read(given: Definition | str | None) -> Definition:
    """Return a definition as an object: an object, JSON text of one, or nothing is accepted (A1).

    Raises
    ------
    InvalidRequest
        Not an object, ``steps`` not a list of objects with one known key each, or a step that cannot be.
    """
    if given is None or given == "":
        return {}
    value = strict_json.decode_document(given.encode()) if isinstance(given, str) else given
    if not isinstance(value, dict):
        raise InvalidRequest(f"'definition': expected an object; got {type(value).__name__}.")
    for number, step in enumerate(steps(value)):
        _check(step, f"definition.steps[{number}]")
    return value


def steps(definition: Definition) -> list[Step]:
    """Return the steps of a definition."""
    found = definition.get("steps")
    if found is None:
        return []
    if not isinstance(found, list):
        raise InvalidRequest(f"'definition.steps': expected a list; got {type(found).__name__}.")
    return [_step(step, f"definition.steps[{number}]") for number, step in enumerate(found)]


def _step(step: Any, where: str) -> Step:
    if not isinstance(step, dict) or len(step) != 1:
        raise InvalidRequest(f"'{where}': expected an object with one key, the step's type.")
    kind, settings = next(iter(step.items()))
    if kind not in STEP_TYPES:
        raise InvalidRequest(f"'{where}': unknown step type {kind!r:.60}; expected one of {', '.join(STEP_TYPES)}.")
    try:
        read_step: Step = msgspec.convert({} if settings is None else settings, STEP_TYPES[kind])
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise InvalidRequest(f"'{where}.{kind}{path.rstrip('`')}': {message}.") from None
    return read_step


def _check(step: Step, where: str) -> None:
    if isinstance(step, RandomSplit) and not sum(item.weight for item in step.weights) > 0:
        raise InvalidRequest(f"'{where}.RandomSplit.weights': expected at least one weight above 0.")
    if isinstance(step, Check):
        _rules(step, where)


def _rules(step: Check, where: str = "steps") -> list[Rule]:
    """Return the rules of a check, in either grammar."""
    found: list[Rule] = []
    for number, text in enumerate(step.tree):
        place = f"'{where}.Check.tree[{number}]'"
        value = strict_json.decode_document(text.encode())
        found.extend(
            checks_2023.parse(value, place)
            if isinstance(value, dict) and "values" in value
            else [polars.parse(text, place)]
        )
    for rule in found:
        if rule.name == RESERVED_RULE or not rule.name.isprintable() or len(rule.name) > 100:
            raise InvalidRequest(
                f"'{where}.Check': {rule.name[:40]!r} cannot be the name of a rule: expected up to 100 printable "
                f"characters, and {RESERVED_RULE!r} is how many rules held."
            )
    return found


def references(definition: Definition) -> Iterator[ModelReference]:
    """Yield the models that steps name, in order."""
    for step in steps(definition):
        yield from _references(step)


def _references(step: Step) -> Iterable[ModelReference]:
    if isinstance(step, ModelInference):
        return step.models
    if isinstance(step, RandomSplit):
        return [item.model for item in step.weights]
    if isinstance(step, MetaValueSplit):
        return [step.control, *step.routes.values()]
    if isinstance(step, RowsToModels):
        return [item.model for item in step.rows_to_models]
    return []


def check_runnable(definition: Definition, pipeline: str) -> None:
    """Refuse to deploy what cannot be run."""
    results = 0
    for step in steps(definition):
        if isinstance(step, NOT_RUNNABLE):
            raise InvalidRequest(
                f"Pipeline {pipeline!r} has a step of type {type(step).__name__!r}, which cannot be deployed: an "
                "answer has the rows of its request."
            )
        if isinstance(step, ModelInference):
            results = len(step.models)
        elif isinstance(step, (RandomSplit, MetaValueSplit)):
            results = 1
        elif not results and isinstance(step, (AuditResults, Nth, Average, ColumnsSelect, Check)):
            raise InvalidRequest(
                f"Pipeline {pipeline!r} has a step of type {type(step).__name__!r} before any model has given a result."
            )
        elif isinstance(step, Nth):
            if step.index >= results:
                raise InvalidRequest(
                    f"Pipeline {pipeline!r} selects result {step.index}; there are {results}, counted from 0."
                )
            results = 1
        elif isinstance(step, Average):
            results = 1


def compiled(definition: Definition, models: Iterable[int]) -> list[plan.PlannedStep]:
    """Return a definition's steps as the engine runs them.

    Parameters
    ----------
    definition
        One that `check_runnable` takes.
    models
        For each of `references`, the number of its model in the plan.
    """
    numbers = iter(models)
    return [made for step in steps(definition) if (made := _compiled(step, numbers)) is not None]


def _compiled(step: Step, numbers: Iterator[int]) -> plan.PlannedStep | None:  # noqa: PLR0911  one a type
    if isinstance(step, ModelInference):
        return plan.InferStep(models=[next(numbers) for _ in step.models])
    if isinstance(step, RandomSplit):
        total = sum(item.weight for item in step.weights)
        shares = [item.weight / total for item in step.weights]
        return plan.RandomSplitStep(models=[next(numbers) for _ in shares], shares=shares, hash_key=step.hash_key)
    if isinstance(step, MetaValueSplit):
        control = next(numbers)
        return plan.KeySplitStep(control=control, key=step.split_key, routes={v: next(numbers) for v in step.routes})
    if isinstance(step, Check):
        return plan.CheckStep(rules=_rules(step))
    if isinstance(step, AuditResults):
        return plan.AuditStep(first=step.first, last=step.last)
    if isinstance(step, Nth):
        return plan.SelectStep(index=step.index)
    if isinstance(step, Average):
        return plan.AverageStep()
    if isinstance(step, ColumnsSelect):
        return plan.ColumnsStep(columns=step.columns)
    return None  # MultiOut and InputDataToType: what remains is answered anyway, and models cast by themselves
