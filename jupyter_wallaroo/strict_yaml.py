"""YAML as we accept it: JSON's types only, no duplicate keys, no aliases, bounded in size and depth (SECURITY D4).

Aliases are refused because a few hundred bytes of them can stand for gigabytes. Tags are read by PyYAML's safe loader,
which knows no Python.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.strict_json import MAX_DEPTH

if TYPE_CHECKING:
    from collections.abc import Hashable

MAX_BYTES = 256 * 2**10
MAX_VALUES = 20_000


def decode(text: str) -> Any:
    """Return the value of a YAML document.

    Raises
    ------
    InvalidRequest
        Too long, too deep, not YAML, more than one document, or something that JSON has not (a date, a set, NaN, a key
        that is no text); says where.
    """
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise InvalidRequest(f"The YAML text is longer than {MAX_BYTES} bytes, the most that is read.")
    import yaml  # type: ignore[import-untyped]

    try:
        _check_events(text)
        value = yaml.load(text, Loader=_loader())  # noqa: S506  a safe loader, made stricter
    except yaml.YAMLError as error:
        raise InvalidRequest(f"The text is not valid YAML: {_complaint(error)}.") from None
    except RecursionError:
        raise InvalidRequest(_TOO_DEEP) from None
    except ValueError as error:  # PyYAML lets the constructors of dates and numbers complain by themselves
        raise InvalidRequest(f"The text is not valid YAML: {error}.") from None
    _check_values(value, "")
    return value


_TOO_DEEP = f"The YAML text is nested deeper than {MAX_DEPTH} levels, the most that is read."


def _check_events(text: str) -> None:
    """Refuse what is too large to be built, before it is."""
    import yaml

    depth = values = documents = 0
    for event in yaml.parse(text, Loader=_fastest()):
        if isinstance(event, yaml.AliasEvent):
            raise InvalidRequest(
                f"{_place(event.start_mark)}: aliases (*{event.anchor}) are not read.", hint="Write the value again."
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        values += isinstance(event, yaml.NodeEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if documents > 1:
            raise InvalidRequest(f"{_place(event.start_mark)}: a second document begins; one is read.")
        if depth > MAX_DEPTH:
            raise InvalidRequest(_TOO_DEEP)
        if values > MAX_VALUES:
            raise InvalidRequest(f"The YAML text has more than {MAX_VALUES} values, the most that are read.")


def _fastest() -> Any:
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _loader() -> Any:
    """Return a safe loader that refuses a key which comes twice."""
    base = _fastest()

    def construct_mapping(self: Any, node: Any, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key.value, str):
                if key.value in seen:
                    shown = repr(key.value[:60])
                    raise InvalidRequest(f"{_place(key.start_mark)}: the key {shown} comes twice in one mapping.")
                seen.add(key.value)
        built: dict[Hashable, Any] = base.construct_mapping(self, node, deep=deep)
        return built

    return type("StrictLoader", (base,), {"construct_mapping": construct_mapping})


def _check_values(value: Any, where: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise InvalidRequest(
                    f"'{where or '.'}': the key {key!r:.60} should be text; got {type(key).__name__}.",
                    hint="Put it in quotes.",
                )
            _check_values(item, f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check_values(item, f"{where}[{number}]")
    elif (isinstance(value, float) and not math.isfinite(value)) or (isinstance(value, int) and abs(value) >= 2**63):
        raise InvalidRequest(f"'{where}': expected a number of at most 64 bits; got {value!r:.60}.")
    elif value is not None and not isinstance(value, (str, int, float)):
        raise InvalidRequest(
            f"'{where}': {value!r:.60} is read as {type(value).__name__}, which JSON has not.",
            hint="Put it in quotes when text is meant.",
        )


def _complaint(error: Any) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return f"{problem} ({_place(mark)})" if mark is not None else str(problem)


def _place(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"
