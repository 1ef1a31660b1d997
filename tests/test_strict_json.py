"""JSON that other readers would take differently, or that would hurt us, is refused as the sender's mistake."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_wallaroo import strict_json
from jupyter_wallaroo.errors import InvalidRequest

# Surrogates cannot be written as UTF-8.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def nested(depth: int, leaf: str = "1") -> bytes:
    return ("[" * depth + leaf + "]" * depth).encode()


@settings(max_examples=60, deadline=None)
@given(value=JSON_VALUES)
def test_every_sound_document_is_read_as_pythons_own_reader_does(value: Any) -> None:
    """Being strict may not change what a sound document means."""
    body = json.dumps(value, ensure_ascii=False).encode()
    assert json.loads(body) == strict_json.decode_document(body)


@settings(max_examples=60, deadline=None)
@given(value=st.dictionaries(TEXT, JSON_VALUES, min_size=1))
def test_every_truncation_of_a_document_is_refused(value: Any) -> None:
    """A body cut by a broken connection must not be taken for a shorter one."""
    body = msgspec.json.encode(value)
    for length in range(len(body)):
        with pytest.raises(InvalidRequest):
            strict_json.decode_document(body[:length])


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_every_buffer_type_is_read(kind: type) -> None:
    """Large bodies arrive as bytearrays that are not copied."""
    assert strict_json.decode_document(kind('{"a": [1, 2.5, "é", null, true]}'.encode())) == {
        "a": [1, 2.5, "é", None, True]
    }


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "empty"),
        (b"   ", "not valid JSON"),
        (b"\xff", "UTF-8 (byte 0)"),
        (b"[1]\xff", "UTF-8 (byte 3)"),
        (b'{"a\xff": 1}', "UTF-8"),
        (b'["\xed\xa0\x80"]', "UTF-8"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        (b'{"a": 1}{', "trailing"),
        (b"[1,]", "trailing comma"),
        (b"{'a': 1}", "not valid JSON"),
        (b"01", "not valid JSON"),
        (b"1e999", "out of range"),
        (b'"\\ud800"', "not valid JSON"),
        (b'"\\udc00x"', "not valid JSON"),
        (b"1" * 5000, "out of range"),
    ],
)
def test_what_is_not_json_is_refused_with_the_reason(body: bytes, sentence: str) -> None:
    """The sentence must lead to the fault without a look into our sources."""
    with pytest.raises(InvalidRequest) as caught:
        strict_json.decode_document(body)
    assert sentence in caught.value.message


@pytest.mark.parametrize("body", [b"NaN", b"[NaN]", b'{"a": Infinity}', b"[-Infinity]"])
def test_nan_and_infinity_are_refused_with_a_hint(body: bytes) -> None:
    """Python writes them by default, so the sender needs to be told that they are the reason."""
    with pytest.raises(InvalidRequest) as caught:
        strict_json.decode(body)
    assert caught.value.hint == "NaN and Infinity are not JSON numbers."


def test_depth_is_bounded() -> None:
    """64 levels are read; a deeper document would cost stack in every later step."""
    assert strict_json.decode_document(nested(strict_json.MAX_DEPTH))
    for depth in (strict_json.MAX_DEPTH + 1, 900, 100_000):
        with pytest.raises(InvalidRequest, match="deep"):
            strict_json.decode_document(nested(depth))


def test_depth_counts_objects_and_lists_alike() -> None:
    """An object is a level as a list is."""
    levels = strict_json.MAX_DEPTH // 2
    assert strict_json.decode_document(b'[{"a":' * levels + b"1" + b"}]" * levels)
    with pytest.raises(InvalidRequest, match="deep"):
        strict_json.decode_document(b'[{"a":' * (levels + 1) + b"1" + b"}]" * (levels + 1))


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 1}',
        b'[{"b": {"a": 1, "c": 2, "a": 3}}]',
        b'{"a": 1, "\\u0061": 2}',
    ],
)
def test_a_key_twice_in_one_object_is_refused_by_name(body: bytes) -> None:
    """Readers differ in which of the two they take: what was checked could differ from what is used."""
    with pytest.raises(InvalidRequest, match="'a' twice"):
        strict_json.decode_document(body)


def test_the_same_key_in_different_objects_is_fine() -> None:
    """Records repeat their keys in every row."""
    body = b'[{"a": 1}, {"a": {"a": 2}}]'
    assert strict_json.decode_document(body) == [{"a": 1}, {"a": {"a": 2}}]
