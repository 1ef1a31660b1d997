"""Bodies read as one are what each is by itself, or are not read so."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_wallaroo.codec import records
from jupyter_wallaroo.errors import InvalidRequest

PIECES = [
    b'[{"x": 1}]', b'[{"x": [1, 2]}]', b'[{"x": "a:b"}]', b'[{"x": 1, "y": 2}]', b'[{"y": 2, "x": 1}]', b'[{"x": 1}, {"x": 2}]',
    b'[{"x": 1, "x": 2}]', b"[]", b"[{}]", b"{}", b"", b" ", b"[1]", b"null", b'[{"x": tru', b'"', b"]", b"[", b",", b'[{"x": 1}],[',
    b'[{"x": 1}', b'{"x": 2}]', b'[{"x": 1}],[{"x": 2}]', b"\n", b"\xff", b"0", b'[{"x": true}]', b'"0"',
]  # fmt: skip


def alone(body: bytes) -> records.Decoded | None:
    try:
        return records.decode(body)
    except InvalidRequest:
        return None


@settings(max_examples=500, deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), min_size=1, max_size=3).map(b"".join), min_size=2, max_size=5))
def test_what_is_read_together_is_what_each_is_alone(bodies: list[bytes]) -> None:
    """No body can take a part of its neighbour, however they are cut; one that is wrong spoils the whole."""
    found = records.decode_together(bodies)
    singly = [alone(body) for body in bodies]
    if found is None:
        assert None in singly or len({frozenset(item.columns) for item in singly if item is not None}) > 1
        return
    decoded, counts = found
    parts = [item for item in singly if item is not None]
    assert counts == [item.rows for item in parts]
    assert len(parts) == len(bodies)
    assert decoded.rows == sum(counts)
    assert decoded.has_booleans == any(item.has_booleans for item in parts)
    for name, cells in decoded.columns.items():
        assert cells == [cell for item in parts for cell in item.columns[name]]


@pytest.mark.parametrize(
    "bodies",
    [
        [b'[{"x": 1}],[{"x": 2}', b"]"],
        [b'[{"x": 1}],[{"x": 2},{"x": 0}', b'[{"x": 3}]', b'{"x": 4}],[{"x": 5}]'],
        [b'[{"x": "', b'"}]'],
        [b'[{"x": 1}],"0",[{"x": 1}]', b'[{"x": 2}]'],
    ],
)
def test_bodies_that_would_be_right_only_together_are_not_read_so(bodies: list[bytes]) -> None:
    """Who sends the first and the last must not get at what is between them."""
    assert records.decode_together(bodies) is None
