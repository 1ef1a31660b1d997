"""Cells of columns as Haystack's components take them, and what they give as plain columns.

A document is a struct of ``id``, ``content``, ``score`` and ``meta``, a chat message one of ``role``, ``text`` and
``meta``; other data classes are structs of their fields, mappings are JSON text. An output schema may ask for other
forms: text in place of a struct is the document's content, the message's text, or JSON of the rest.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from haystack.dataclasses import ChatMessage, Document

from jupyter_wallaroo.engine.runtimes.haystack.sockets import Socket
from jupyter_wallaroo.errors import InvalidInput

DOCUMENT = pa.struct([("id", pa.string()), ("content", pa.string()), ("score", pa.float64()), ("meta", pa.string())])
MESSAGE = pa.struct([("role", pa.string()), ("text", pa.string()), ("meta", pa.string())])

_SCALARS: dict[Any, pa.DataType] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
_KNOWN: dict[Any, pa.DataType] = {**_SCALARS, Document: DOCUMENT, ChatMessage: MESSAGE, dict: pa.string()}
_UNIONS = (typing.Union, types.UnionType)
_SPEAKERS = {
    "user": ChatMessage.from_user,
    "system": ChatMessage.from_system,
    "assistant": ChatMessage.from_assistant,
}


def given(value: Any, socket: Socket) -> Any:
    """Return a cell as an input takes it: documents and messages made of structs or texts, mappings of JSON text.

    Raises
    ------
    ValueError
        It is not what the input takes; says what is.
    """
    named = _classes(socket.kind)
    if Document in named:
        return _each(value, _document)
    if ChatMessage in named:
        return _each(value, _message)
    choices = _choices(socket.kind)
    if dict in choices and str not in choices and isinstance(value, str):
        return _mapping(value)
    return _scalar(value, choices) if choices <= {*_SCALARS, types.NoneType} else value


def _each(value: Any, make: typing.Callable[[Any], Any]) -> Any:
    return [make(item) for item in value] if isinstance(value, list) else make(value)


def _document(value: Any) -> Document:
    if isinstance(value, str):
        return Document(content=value)
    if not isinstance(value, dict):
        raise ValueError(f"documents (texts, or structs with 'content'); got {_shown(value)}")
    fields = {name: item for name, item in value.items() if item is not None}
    if isinstance(fields.get("meta"), str):
        fields["meta"] = _mapping(fields["meta"])
    return Document.from_dict(fields)


def _message(value: Any) -> ChatMessage:
    if isinstance(value, str):
        return ChatMessage.from_user(value)
    role = value.get("role", "user") if isinstance(value, dict) else None
    if role not in _SPEAKERS or not isinstance(value.get("text"), str):
        raise ValueError(
            f"chat messages (texts, or structs of a 'role' {list(_SPEAKERS)} and 'text'); got {_shown(value)}"
        )
    return _SPEAKERS[role](value["text"])


def _mapping(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"a mapping, as JSON text; got {_shown(text)}")
    return found


def _scalar(value: Any, choices: set[Any]) -> Any:
    if isinstance(value, float) and value.is_integer() and int in choices and float not in choices:
        return int(value)
    if type(value) not in choices and not (type(value) is int and float in choices):
        expected = " or ".join(sorted(kind.__name__ for kind in choices - {types.NoneType}))
        raise ValueError(f"{expected}; got {_shown(value)}")
    return value


def _classes(kind: Any) -> set[Any]:
    """Return every class that an annotation names, however deep."""
    arguments = typing.get_args(kind)
    return set().union(*(_classes(argument) for argument in arguments)) if arguments else {kind}


def _choices(kind: Any) -> set[Any]:
    """Return the classes of which a value may be, without what is within them."""
    parts = typing.get_args(kind) if typing.get_origin(kind) in _UNIONS else [kind]
    return {typing.get_origin(part) or part for part in parts}


def _without_none(kind: Any) -> Any:
    """Return what an optional annotation is when it is given."""
    arguments = [item for item in typing.get_args(kind) if item is not types.NoneType]
    return arguments[0] if typing.get_origin(kind) in _UNIONS and len(arguments) == 1 else kind


def arrow_type(kind: Any) -> pa.DataType | None:
    """Return the Arrow type of what an annotation says, None where it leaves it open."""
    kind = _without_none(kind)
    arguments = typing.get_args(kind)
    origin = typing.get_origin(kind)
    if origin is dict or kind in _KNOWN:
        return _KNOWN[origin or kind]
    if origin in (list, Sequence) and arguments:
        inner = arrow_type(arguments[0])
        return inner and pa.list_(inner)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        fields = {field.name: arrow_type(hints[field.name]) for field in dataclasses.fields(kind)}
        return pa.struct([(name, found or pa.string()) for name, found in fields.items()])
    return None


def column(values: Sequence[Any], kind: pa.DataType | None) -> pa.Array:
    """Return what a component gave, one value per row, as a column of a type; without one, of the simplest.

    Raises
    ------
    TypeError, ValueError, pyarrow.ArrowException
        They are not of that type.
    """
    if kind is None:
        return pa.array([value if isinstance(value, (*_SCALARS, types.NoneType)) else _text(value) for value in values])
    return pa.array([_shaped(value, kind) for value in values], kind)


def _shaped(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return [_shaped(item, kind.value_type) for item in value]
    if pa.types.is_struct(kind):
        members = _members(value)
        return {field.name: _shaped(members.get(field.name), field.type) for field in kind}
    return _text(value) if pa.types.is_string(kind) or pa.types.is_large_string(kind) else value


def _members(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, ChatMessage):
        return {"role": value.role.value, "text": value.text, "meta": value.meta}
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"{_shown(value)} has no fields")


def _text(value: Any) -> str | None:
    if isinstance(value, Document):
        return value.content
    if isinstance(value, ChatMessage):
        return value.text
    return value if isinstance(value, str) else json.dumps(value, default=_jsonable, ensure_ascii=False, sort_keys=True)


def _jsonable(value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Document):
        return {"id": value.id, "content": value.content, "score": value.score, "meta": value.meta}
    if hasattr(value, "tolist"):
        return value.tolist()
    try:
        return dict(_members(value))
    except TypeError:
        return str(value)


def refused(model: str, socket: Socket, kind: pa.DataType | None, values: Sequence[Any], said: str) -> InvalidInput:
    """Return the error of an output that is not what was declared."""
    got = next((value for value in values if value is not None), None)
    return InvalidInput(
        f"Model {model!r}: component {socket.component!r} gave its output {socket.name!r} as {_shown(got)}; expected "
        f"{kind or 'values of one type'} ({said}).",
        hint="Correct the output_schema.",
    )


def _shown(value: Any) -> str:
    return f"{type(value).__name__} {str(value)[:60]!r}"
