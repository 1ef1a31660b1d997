"""The short way for many rows gives what the long way gives, or leaves the body to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_wallaroo.codec import bulk, records, tensors
from jupyter_wallaroo.codec.batch import Decoded
from jupyter_wallaroo.codec.cast import to_tensor
from jupyter_wallaroo.errors import WallarooError
from jupyter_wallaroo.types.model import TensorSpec

pytest.importorskip("simdjson")

SPECS = {
    name: TensorSpec(name=name, dtype=dtype, shape=shape)
    for name, dtype, shape in (("a", "float32", [None, 2]), ("b", "float64", [None, None]), ("n", "int64", [None, 2]))
}
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-1e6, 1e6, width=32),
    st.integers(-(2**20), 2**20),
    st.sampled_from([0, -0.0, 2**53 - 1, 2**53 + 1, 2**63, 2**64, 1e39, 5e-324]),
)
CELLS: st.SearchStrategy[Any] = st.one_of(
    *[st.lists(NUMBERS, min_size=2, max_size=2)] * 4,
    st.sampled_from([[1.0], [1, True], [None, 1], "[1]", 3, {}, {"a": [1, 2]}, [[1, 2]], [[1], [2]], [], [1, 2, 3]]),
)


def uses(names: tuple[str, ...]) -> Sequence[tuple[str, TensorSpec | None]]:
    return [(name, SPECS.get(name)) for name in names]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_the_short_way_is_as_the_long_way(data: st.DataObject) -> None:
    """Bit for bit, and what is repeated is what was sent."""
    rows = data.draw(st.integers(1, 4))
    names = data.draw(st.lists(st.sampled_from(["a", "b", "n", "u"]), min_size=1, max_size=2))
    cells = [[data.draw(CELLS) for _ in names] for _ in range(rows)]
    is_records = data.draw(st.booleans())
    if is_records:
        objects = [",".join(f'"{n}": {json.dumps(c)}' for n, c in zip(names, row, strict=True)) for row in cells]
        body = ("[" + ", ".join(f"{{{item}}}" for item in objects) + "]").encode()
    else:
        columns = [",".join(json.dumps(row[place]) for row in cells) for place in range(len(names))]
        body = ("{" + ", ".join(f'"{n}": [{c}]' for n, c in zip(names, columns, strict=True)) + "}").encode()
    found = bulk.decode(body, uses, is_echoed=is_records)
    if found is None:
        return
    assert found[1] is is_records
    check(found[0], body, is_records=is_records)


def check(decoded: Decoded, body: bytes, *, is_records: bool) -> None:
    """Compare what was read with what the long way reads; it raises where that refuses the body."""
    expected = records.decode(body) if is_records else tensors.decode(body)[0]
    assert expected.rows == decoded.rows
    assert list(expected.columns) == list(decoded.columns)
    for name, column in expected.columns.items():
        tensor = to_tensor(column, SPECS[name], name, "m", may_hold_booleans=expected.has_booleans)
        got = decoded.columns[name]
        assert isinstance(got, np.ndarray)
        assert (tensor.dtype, tensor.shape, tensor.tobytes()) == (got.dtype, got.shape, got.tobytes())
        if decoded.sent:
            assert column == [json.loads(bytes(cell)) for cell in decoded.sent[name]]


SOUND = (
    b'[{"a":[1,2]},{"a":[3,4]},{"a":[5,6]}]',
    b'[ { "a" : [ 1 , 2 ] } , { "a" : [ 3 , 4 ] } ]\n',
    b'[{"a":[1,2],"b":[3]},{"a":[3,4],"b":[5]},{"a":[5,6],"b":[7]}]',
    b'[{"a":[1,2]}]',
    b'{"a":[[1,2],[3,4]],"b":[[5],[6]]}',
)


@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_nothing_is_taken_that_the_long_way_refuses(data: st.DataObject) -> None:
    """Whatever is put among, taken from or written over a sound body, which the short way itself writes over."""
    text = bytearray(data.draw(st.sampled_from(SOUND)))
    parts = [
        b"",
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b":",
        b'"',
        b"1",
        b" ",
        b"[]",
        b"],[",
        b'{"a":[1,2]}',
        b'"a":[1,2]',
        b"5,",
    ]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        text[start : start + data.draw(st.integers(0, 3))] = data.draw(st.sampled_from(parts))
    body = bytes(text)
    is_echoed = data.draw(st.booleans())
    found = bulk.decode(body, uses, is_echoed=is_echoed)
    if found is not None:
        check(found[0], body, is_records=found[1])


@pytest.mark.parametrize("body", SOUND)
def test_sound_rows_are_found_however_they_are_spelled(body: bytes) -> None:
    """Else the property above would say nothing."""
    found = bulk.decode(body, uses, is_echoed=False)
    assert found is not None
    check(found[0], body, is_records=body.startswith(b"["))


@pytest.mark.parametrize("body", [b'[{"a": [1, 2.5]}, {"a": [3, 4]}]', b'{"a": [[1, 2.5], [3, 4]]}'])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_sound_rows_take_the_short_way(body: bytes, kind: type) -> None:
    """Else the property above would say nothing."""
    found = bulk.decode(kind(body), uses, is_echoed=False)
    assert found is not None
    column = found[0].columns["a"]
    assert isinstance(column, np.ndarray) and column.dtype == np.float32
    assert column.tolist() == [[1.0, 2.5], [3.0, 4.0]]
    assert found[0].sent == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"3",
        b'["a"]',
        b'[{"a": [1, 2]}, 3]',
        b'[{"a": [1, 2]}, {"b": [1, 2]}]',
        b'[{"a": [1, 2]}, {"a": [1, 2], "b": [1]}]',
        b'[{"a": [1, 2], "a": [1, 2]}]',
        b'[{"a": [1, 2]}, {"a": [1, 2], "a": [1, 2]}]',
        b'{"a": [[1, 2]], "a": [[1, 2]]}',
        b'{"a": [[1, 2]], "b": [[1], [2]]}',
        b'[{"a": [1]}, {"a": [1, 2, 3]}]',
        b'[{"a": [1, NaN]}]',
        b'[{"a": [1, 1e400]}]',
        b'[{"a": [1, 2]}] x',
        b'[{"a": [1, true]}]',
        b'[{"a\xff": [1, 2]}]',
        b'[{"n": [1, 2]}]',
        b'[{"unknown": [1, 2]}]',
        b'[{"a": [1, 2]}, 5, {"a": [3, 4]}, 5, {"a": [5, 6]}]',
        b'[{"a": [1, 2]} {"a": [3, 4]} {"a": [5, 6]}]',
        b'[{"a": [1, 2}]]',
        b'[{"a": [1, 2,]} {"a": [3, 4]}]',
        b'[{"a": [{"a": [1, 2]}, 2]}]',
        b'[{"a": [1, 2], "b": [1, 2]}, {"b": [1, 2], "a": [1, 2]}]',
        b'[{"a": [1, 2], "b": [1]}, {"a": [1], "b": [1, 2]}]',
        b'[{"a": [1, 2]}, {"a": [1, 2]}, {"a" : [1, 2]}]',
    ],
)
def test_anything_else_is_left_to_those_who_can_say_what_it_is(body: bytes) -> None:
    """Nothing is refused here, and nothing let through that is refused there."""
    assert bulk.decode(body, uses, is_echoed=True) is None


def test_without_the_library_all_bodies_go_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a wheel of it is slower, not worse."""
    monkeypatch.setattr(bulk, "_simdjson", None)
    assert bulk.decode(b'[{"a": [1, 2]}]', uses, is_echoed=False) is None


def test_a_body_that_is_refused_there_is_not_taken_here() -> None:
    """The rules of strict JSON stay: the same bodies, cut anywhere."""
    body = b'[{"a": [1.5, 2e3]}, {"a": [-3, 0.25]}]'
    for length in range(len(body)):
        with pytest.raises(WallarooError):
            records.decode(body[:length])
        assert bulk.decode(body[:length], uses, is_echoed=True) is None
