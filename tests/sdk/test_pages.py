"""Lists that are read page by page are the lists that there are, whatever their length."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jupyter_wallaroo.sdk.pages import PAGE_SIZE, key_behind, walk

LENGTHS = st.one_of(st.integers(0, 3), st.integers(-1, 1).map(lambda more: 2 * PAGE_SIZE + more))


@given(length=LENGTHS, limit=st.none() | st.integers(0, 3 * PAGE_SIZE))
def test_a_list_without_next_is_read_to_its_end(length: int, limit: int | None) -> None:
    """By a number of its last entry; where the last page is full, one that is empty tells the end."""
    asked: list[int] = []

    def page(size: int, after: int | None) -> tuple[list[int], int | None]:
        asked.append(size)
        found = [number for number in range(1, length + 1) if after is None or number > after][:size]
        return found, key_behind(found, size, int)

    wanted = length if limit is None else min(length, limit)
    assert list(walk(page, limit)) == list(range(1, wanted + 1))
    assert len(asked) <= wanted // PAGE_SIZE + 1
    assert all(0 < size <= PAGE_SIZE for size in asked)
