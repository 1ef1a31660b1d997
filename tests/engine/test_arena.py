"""Shared memory for bodies: regions never overlap, are given back once, and are read in place by engines."""

from __future__ import annotations

import os
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_wallaroo.engine.arena import ALIGNMENT, Arena, Region, attach

SIZE = 16 * ALIGNMENT


def _place(region: Region) -> tuple[int, int]:
    return region.offset, region.offset + region.size


@given(
    st.lists(st.tuples(st.integers(1, 3 * ALIGNMENT), st.booleans()), max_size=60), st.randoms(use_true_random=False)
)
def test_regions_do_not_overlap_and_all_room_comes_back(steps: list[tuple[int, bool]], rng: random.Random) -> None:
    arena = Arena(SIZE)
    out: list[Region] = []
    for size, is_return in steps:
        if is_return and out:
            out.pop(rng.randrange(len(out))).release()
        region = arena.take(size)
        if region is None:
            assert sum(-(-item.size // ALIGNMENT) for item in out) * ALIGNMENT + size > SIZE / 2
            continue
        places = sorted(_place(item) for item in [*out, region])
        assert all(first[1] <= second[0] for first, second in pairwise(places))
        out.append(region)
    for region in out:
        region.release()
    whole = arena.take(SIZE)
    assert whole is not None
    whole.release()
    arena.close()


def test_a_region_stays_until_everybody_has_let_go() -> None:
    """An engine may still read what its caller does not wait for any more."""
    arena = Arena(ALIGNMENT)
    region = arena.take(10)
    assert region is not None
    region.hold()
    region.release()
    assert arena.take(1) is None
    region.release()
    again = arena.take(1)
    assert again is not None
    arena.close()


def test_what_is_written_is_read_elsewhere_and_cannot_be_changed_there() -> None:
    arena = Arena(SIZE)
    first, second = arena.take(5), arena.take(6)
    assert first is not None
    assert second is not None
    second.write(b"sec")
    second.write(b"ond")
    view = attach(os.dup(arena.fd), arena.size_bytes)
    assert bytes(view[second.offset : second.offset + second.size]) == b"second"
    assert bytes(second.view) == b"second"
    with pytest.raises(TypeError):
        view[0] = 1
    with pytest.raises(ValueError, match="6 bytes was filled with 7"):
        second.write(b"x")
    view.release()
    arena.close()
    arena.close()
