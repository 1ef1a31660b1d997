"""Errors keep their class and their words on the way between our processes."""

from __future__ import annotations

import msgspec
import pytest

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import WallarooError, from_wire, not_found

CLASSES = [
    errors.InvalidRequest,
    errors.InvalidInput,
    errors.InvalidUpload,
    errors.InvalidModel,
    errors.Unauthenticated,
    errors.Forbidden,
    errors.NotFound,
    errors.Conflict,
    errors.TooLarge,
    errors.Unavailable,
    errors.DeadlineExceeded,
    errors.StorageFull,
    errors.EngineFailure,
]


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_survives_the_wire(kind: type[WallarooError]) -> None:
    """The status of an answer hangs on the class that the engine raised."""
    sent = kind("The thing is wrong.", hint="Mend it.", details={"row": 3})
    wire = msgspec.msgpack.decode(msgspec.msgpack.encode(sent.to_wire()))
    got = from_wire(wire)
    assert kind is type(got)
    assert (got.message, got.hint, got.details) == ("The thing is wrong.", "Mend it.", {"row": 3})
    assert str(got) == "The thing is wrong. Mend it."


def test_codes_are_distinct() -> None:
    """Two classes under one code could not be told apart after the wire."""
    assert len({kind.code for kind in CLASSES}) == len(CLASSES)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.InvalidInput, ValueError),
        (errors.InvalidModel, ValueError),
        (errors.Forbidden, PermissionError),
        (errors.Unauthenticated, PermissionError),
        (errors.NotFound, LookupError),
        (errors.DeadlineExceeded, TimeoutError),
        (errors.StorageFull, OSError),
    ],
)
def test_errors_are_the_builtin_they_mean(kind: type[WallarooError], builtin: type[Exception]) -> None:
    """Callers may catch what Python calls it."""
    with pytest.raises(builtin):
        raise kind("no")


def test_an_unknown_code_gives_the_root_class() -> None:
    """An engine of another version must not bring the server down."""
    assert WallarooError is type(from_wire({"code": "from the future", "message": "new"}))
    assert from_wire({}).message == ""


def test_details_are_not_shared_between_errors() -> None:
    """A mutable default would carry facts from one request to the next."""
    first = errors.Conflict("a")
    first.details["row"] = 1
    assert errors.Conflict("b").details == {}


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("hause", ["house", "fraud"], "Did you mean 'house'?"),
        ("zzz", ["house", "fraud"], "There are: 'house', 'fraud'."),
        ("zzz", [], ""),
        ("zzz", [f"pipeline {n}" for n in range(12)], " …."),
    ],
)
def test_not_found_says_what_there_is(name: str, known: list[str], hint: str) -> None:
    """The next step after a typing mistake belongs into the message."""
    error = not_found("Pipeline", name, known)
    assert error.message == f"Pipeline {name!r} does not exist."
    assert hint == error.hint or (len(known) > 10 and error.hint.endswith(hint))
    assert {"kind": "Pipeline", "name": name} == error.details
