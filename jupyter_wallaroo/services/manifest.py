"""Reading what is to be applied: from JSON, from YAML, from the server's configuration; nothing is passed over."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from jupyter_wallaroo import strict_yaml
from jupyter_wallaroo.errors import MAX_SHOWN, InvalidRequest, nearest
from jupyter_wallaroo.types.apply import ApplyPipelines


def from_yaml(text: str) -> dict[str, Any]:
    """Return a YAML document as `read` takes it: an object with ``pipelines``, or a list of them."""
    value = strict_yaml.decode(text)
    if isinstance(value, list):
        return {"pipelines": value}
    if not isinstance(value, dict):
        raise InvalidRequest(
            f"The YAML text: expected a list of pipelines, or a mapping with 'pipelines'; got {type(value).__name__}."
        )
    return value


def read(value: dict[str, Any]) -> ApplyPipelines:
    """Return what is to be applied.

    Raises
    ------
    InvalidRequest
        A key that nobody knows, a value of another type, nothing to apply; names the place, as
        ``pipelines[0].steps[1].shado``, and the nearest key there is.
    """
    value = _with_yaml(value)
    _refuse_unknown(value, _shape(), "")
    try:
        request = msgspec.convert(value, ApplyPipelines)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"pipelines/apply: {str(error).replace('`$.', '`').replace(' - at', ' at')}.") from None
    if not request.pipelines:
        raise InvalidRequest(
            "pipelines/apply: expected 'pipelines', a list of at least one pipeline, or the same as text in 'yaml'."
        )
    return request


def _with_yaml(value: dict[str, Any]) -> dict[str, Any]:
    """Put what is written in ``yaml`` in its place."""
    text = value.get("yaml")
    if not isinstance(text, str):
        return value
    if "pipelines" in value:
        raise InvalidRequest("pipelines/apply: expected either 'pipelines' or 'yaml'; got both.")
    written = from_yaml(text)
    if "yaml" in written:
        raise InvalidRequest("pipelines/apply: the text in 'yaml' has a key 'yaml' itself.")
    return {name: item for name, item in value.items() if name != "yaml"} | written


@cache
def _shape() -> inspect.Type:
    return inspect.type_info(ApplyPipelines)


def _refuse_unknown(value: Any, shape: inspect.Type, path: str) -> None:
    """Refuse a key that the struct at its place has not."""
    if isinstance(shape, inspect.UnionType):
        kinds = inspect.StructType if isinstance(value, dict) else inspect.ListType
        shape = next((kind for kind in shape.types if isinstance(kind, kinds)), shape)
    if isinstance(shape, inspect.StructType) and isinstance(value, dict):
        fields = {item.encode_name: item.type for item in shape.fields}
        for key, item in value.items():
            place = f"{path}.{key}" if path else str(key)
            if key not in fields:
                hint = nearest(str(key), fields)
                raise InvalidRequest(f"pipelines/apply: unknown key '{place[: 2 * MAX_SHOWN]}'.", hint=hint)
            _refuse_unknown(item, fields[key], place)
    elif isinstance(shape, inspect.ListType) and isinstance(value, list):
        for number, item in enumerate(value):
            _refuse_unknown(item, shape.item_type, f"{path}[{number}]")
    elif isinstance(shape, inspect.DictType) and isinstance(value, dict):
        for key, item in value.items():
            _refuse_unknown(item, shape.value_type, f"{path}[{key!r}]")
