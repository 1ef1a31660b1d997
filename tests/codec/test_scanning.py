"""What the bytes of a body say, small or large."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_wallaroo.codec import scanning

PADS = ("", " " * scanning._LARGE)
VALUES = st.recursive(
    st.one_of(
        st.booleans(), st.none(), st.floats(allow_nan=False), st.sampled_from(["true", "false", "rue", "lse", "u"])
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["ul", "features", "else"]), inner),
)


def _holds_boolean(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_boolean, value.values()))
    return any(map(_holds_boolean, value)) if isinstance(value, list) else isinstance(value, bool)


@given(value=VALUES)
def test_a_boolean_is_never_overlooked(value: object) -> None:
    """Numpy takes booleans for numbers: who says there are none must be right, wherever they stand."""
    for pad in PADS:
        for text in (json.dumps(value) + pad, pad + json.dumps(value)):
            for body in (text.encode(), bytearray(text.encode()), memoryview(text.encode())):
                assert scanning.may_hold_booleans(body) or not _holds_boolean(value)


@pytest.mark.parametrize("pad", PADS)
@pytest.mark.parametrize("text", ['[{"features": [1.5, 2]}]', '[{"dense_input": [1e5], "blue": ["ruse"]}]', "[]"])
def test_numbers_are_not_taken_for_booleans(text: str, pad: str) -> None:
    """Else each value would be looked at for nothing."""
    assert not scanning.may_hold_booleans((pad + text + pad).encode())
    assert scanning.count((pad + text + pad).encode(), ":") == text.count(":")
