"""The form of an inference: one field per input, made from an example row or from what the model says it takes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from jupyter_wallaroo.errors import InvalidRequest

if TYPE_CHECKING:
    from jupyter_wallaroo.types.model import TensorSpec

MAX_PREFILLED = 4096
"""Numbers that a field is filled in with; a longer list is left to the person."""


class Kind(StrEnum):
    """What a field takes."""

    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TEXT = "text"
    JSON = "json"
    """A list, of any depth, as JSON."""


class Field(Struct, frozen=True, kw_only=True):
    """One input: how it is filled in, what of, and what stands in it at first."""

    name: str
    kind: Kind
    hint: str
    value: str


def of_example(row: Mapping[str, Any]) -> list[Field]:
    """Return the fields of a row as it would be sent."""
    return [_of_value(name, value) for name, value in row.items()]


def _of_value(name: str, value: Any) -> Field:
    match value:
        case bool():
            return Field(name=name, kind=Kind.BOOLEAN, hint="yes or no", value="true" if value else "false")
        case int():
            return Field(name=name, kind=Kind.INTEGER, hint="whole number", value=str(value))
        case float():
            return Field(name=name, kind=Kind.NUMBER, hint="number", value=repr(value))
        case list():
            return Field(name=name, kind=Kind.JSON, hint=f"list of {len(value):,}", value=json.dumps(value))
        case dict():
            return Field(name=name, kind=Kind.JSON, hint="JSON", value=json.dumps(value))
    shown = value.isoformat() if isinstance(value, datetime) else "" if value is None else str(value)
    return Field(name=name, kind=Kind.TEXT, hint="text", value=shown)


def of_inputs(inputs: Sequence[TensorSpec], names: Sequence[str] | None = None) -> list[Field]:
    """Return the fields of a model's inputs; ``names`` are those that requests use, where they differ."""
    called = names if names is not None and len(names) == len(inputs) else [spec.name for spec in inputs]
    return [_of_spec(name, spec) for name, spec in zip(called, inputs, strict=True)]


def _of_spec(name: str, spec: TensorSpec) -> Field:
    shape = spec.shape[1:]
    kind, unit, nothing = _element(spec.dtype)
    if math.prod(length or 0 for length in shape) == 1 and len(shape) <= 1:
        shape = []
    if not shape:
        return Field(name=name, kind=kind, hint=unit, value=json.dumps(nothing) if kind is not Kind.TEXT else "")
    sizes = " by ".join("any" if length is None else f"{length:,}" for length in shape)
    lengths = [length or 1 for length in shape]
    value = json.dumps(_nested(nothing, lengths)) if math.prod(lengths) <= MAX_PREFILLED else ""
    return Field(name=name, kind=Kind.JSON, hint=f"list of {sizes}, each a {unit}", value=value)


def _element(dtype: str) -> tuple[Kind, str, Any]:
    if dtype == "string":
        return Kind.TEXT, "text", ""
    if dtype == "bool":
        return Kind.BOOLEAN, "yes or no", False
    if "int" in dtype:
        return Kind.INTEGER, "whole number", 0
    return Kind.NUMBER, "number", 0.0


def _nested(value: Any, lengths: Sequence[int]) -> Any:
    return value if not lengths else [_nested(value, lengths[1:]) for _ in range(lengths[0])]


def row(fields: Sequence[Field], values: Sequence[str]) -> dict[str, Any]:
    """Return the row that was filled in.

    Raises
    ------
    InvalidRequest
        A field does not hold what it takes; names the field, what was expected and what was got.
    """
    if len(values) != len(fields):
        raise InvalidRequest(f"The form has {len(fields)} fields; got {len(values)} values.", hint="Open it again.")
    return {field.name: _read(field, value.strip()) for field, value in zip(fields, values, strict=True)}


def _read(field: Field, value: str) -> Any:
    try:
        match field.kind:
            case Kind.TEXT:
                return value
            case Kind.BOOLEAN:
                return {"true": True, "false": False}[value]
            case Kind.INTEGER:
                return int(value)
            case Kind.NUMBER:
                return _finite(float(value))
            case Kind.JSON:
                return json.loads(value if value.startswith(("[", "{")) else f"[{value}]", parse_constant=_refuse)
    except (ValueError, KeyError, RecursionError):
        pass
    raise InvalidRequest(f"Field {field.name!r:.60}: expected a {field.hint}; got {value!r:.60}.")


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError
    return number


def _refuse(_: str) -> None:
    raise ValueError
