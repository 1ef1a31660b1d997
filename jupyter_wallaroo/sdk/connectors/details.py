"""Takes values out of a connection's details, under any of the names people give them."""

from __future__ import annotations

from typing import Any

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.connectors.connector import Details


def optional(details: Details, *names: str) -> Any:
    """Return the value of the first of the names that is there and not null, else None."""
    return next((details[name] for name in names if details.get(name) is not None), None)


def required(details: Details, *names: str) -> Any:
    """Return the value of the first of the names that is there.

    Raises
    ------
    InvalidRequest
        None is; the message names the keys there are.
    """
    value = optional(details, *names)
    if value is None:
        others = f" (or {', '.join(map(repr, names[1:]))})" if len(names) > 1 else ""
        there = ", ".join(map(repr, sorted(details))) or "none"
        raise InvalidRequest(
            f"The connection's details lack {names[0]!r}{others}; they have: {there}.",
            hint="Make the connection again with that key among its details.",
        )
    return value


def choice(name: str, value: str, among: tuple[str, ...]) -> str:
    """Return an option's value in lower case, or raise `InvalidRequest` when it is not one of ``among``."""
    chosen = str(value).lower()
    if chosen not in among:
        raise InvalidRequest(f"{name}={value!r}: expected one of {', '.join(map(repr, among))}.")
    return chosen
