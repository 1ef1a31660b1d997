"""Pipeline definitions, read: which steps there are, which models they name (contract/steps.md)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from jupyter_wallaroo import strict_json
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.types.model import ModelReference
from jupyter_wallaroo.types.pipeline import Definition

STEP_TYPES = (
    "ModelInference",
    "AuditResults",
    "Nth",
    "MultiOut",
    "RandomSplit",
    "MetaValueSplit",
    "Check",
    "Average",
    "ColumnsSelect",
    "ColumnsToRows",
    "RowsToModels",
    "InputDataToType",
)
RUNNABLE_STEPS = ("ModelInference",)
"""Step types that can be deployed; others are stored and refused at deployment."""


def read(given: Definition | str | None) -> Definition:
    """Return a definition as an object: an object, JSON text of one, or nothing is accepted (A1).

    Raises
    ------
    InvalidRequest
        Not an object, ``steps`` not a list of objects with one known key each, or a step without models.
    """
    if given is None or given == "":
        return {}
    value = strict_json.decode_document(given.encode()) if isinstance(given, str) else given
    if not isinstance(value, dict):
        raise InvalidRequest(f"'definition': expected an object; got {type(value).__name__}.")
    for _ in steps(value):
        pass
    for _ in references(value):
        pass
    return value


def steps(definition: Definition) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the steps as (type, settings)."""
    found = definition.get("steps")
    if found is None:
        return
    if not isinstance(found, list):
        raise InvalidRequest(f"'definition.steps': expected a list; got {type(found).__name__}.")
    for number, step in enumerate(found):
        if not isinstance(step, dict) or len(step) != 1:
            raise InvalidRequest(f"'definition.steps[{number}]': expected an object with one key, the step's type.")
        kind, settings = next(iter(step.items()))
        if kind not in STEP_TYPES:
            raise InvalidRequest(
                f"'definition.steps[{number}]': unknown step type {kind!r:.60}; "
                f"expected one of {', '.join(STEP_TYPES)}."
            )
        yield kind, settings if isinstance(settings, dict) else {}


def references(definition: Definition) -> Iterator[ModelReference]:
    """Yield the models that inference steps name, in order."""
    for number, (kind, settings) in enumerate(steps(definition)):
        if kind != "ModelInference":
            continue
        models = settings.get("models")
        if not isinstance(models, list) or not models:
            raise InvalidRequest(f"'definition.steps[{number}].ModelInference.models': expected a non-empty list.")
        for place, model in enumerate(models):
            try:
                yield msgspec.convert(model, ModelReference)
            except msgspec.ValidationError as error:
                where = f"definition.steps[{number}].ModelInference.models[{place}]"
                raise InvalidRequest(f"'{where}': {error}.") from None


def check_runnable(definition: Definition, pipeline: str) -> None:
    """Refuse to deploy what this version cannot run."""
    for kind, settings in steps(definition):
        if kind not in RUNNABLE_STEPS:
            raise InvalidRequest(
                f"Pipeline {pipeline!r} has a step of type {kind!r}, which cannot be deployed yet; "
                f"expected {' or '.join(RUNNABLE_STEPS)}."
            )
        if len(settings.get("models", [])) > 1:
            raise InvalidRequest(
                f"Pipeline {pipeline!r} has a step with several models, which cannot be deployed yet; expected one."
            )
