"""A secret is shown by no way that there is of showing things."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from IPython.core.formatters import DisplayFormatter
from IPython.lib.pretty import pretty

from jupyter_wallaroo.secret import MASK, Secret
from jupyter_wallaroo.types.connection import Connection, CreateConnection

CANARY = "canary-3f9c"
DETAILS = {"token": CANARY}

SHOWN: dict[str, Callable[[Any], str]] = {
    "repr": repr,
    "str": str,
    "format": lambda secret: f"{secret} {secret!r} {secret!s} {secret!a} {secret:>30} {secret:x}",
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
    "a list": lambda secret: repr([secret, {"key": secret}]),
    "html": lambda secret: secret._repr_html_(),
    "pretty": pretty,
    "a notebook": lambda secret: repr(DisplayFormatter().format([secret])),
    "a notebook alone": lambda secret: repr(DisplayFormatter().format(secret)),
    "dir": lambda secret: repr([(name, getattr(secret, name, None)) for name in dir(secret)]),
    "json with a default": lambda secret: json.dumps(secret, default=str),
    "a request": lambda secret: repr(CreateConnection(name="a", type="b", details=secret)),
    "a copy": lambda secret: repr([copy.copy(secret), copy.deepcopy(secret), copy.deepcopy({"a": secret})]),
}


@pytest.mark.parametrize("way", SHOWN)
def test_no_way_of_showing_shows_it(way: str) -> None:
    shown = SHOWN[way](Secret(DETAILS))
    assert CANARY not in shown
    if way != "dir":
        assert MASK in shown


@pytest.mark.parametrize(
    "write",
    [pickle.dumps, json.dumps, msgspec.json.encode, msgspec.msgpack.encode, lambda s: pickle.dumps([s], protocol=0)],
)
def test_writing_it_down_is_refused(write: Callable[[Any], Any]) -> None:
    """What would be read back is either the secret or a lie."""
    with pytest.raises(TypeError) as caught:
        write(Secret(DETAILS))
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_only_reveal_gives_it() -> None:
    assert Secret(DETAILS).reveal() is DETAILS
    assert copy.deepcopy(Secret(DETAILS)).reveal() is DETAILS


def test_an_answer_shows_its_details_on_the_wire_only() -> None:
    """`Connection.details` is JSON text on its way out; the repr of the answer is not."""
    raw = msgspec.Raw(json.dumps(DETAILS).encode())
    answer = Connection(id="i", name="n", type="t", created_at="c", workspace_names=[], details=raw)
    assert CANARY not in f"{answer!r} {answer} {pretty(answer)}"
    assert json.loads(msgspec.json.encode(answer))["details"] == DETAILS
