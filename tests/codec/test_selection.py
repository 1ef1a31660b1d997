"""Which fields of an answer are written (contract/inference.md, "Selection semantics")."""

from __future__ import annotations

import pytest

from jupyter_wallaroo.codec.selection import Selection


@pytest.mark.parametrize(
    ("dataset", "exclude", "wanted", "unwanted"),
    [
        ((), (), ["time", "in.a", "out.y", "anomaly.count", "metadata.elapsed"], []),
        (("*",), (), ["time", "in.a", "out.y", "metadata.elapsed"], []),
        (("*",), ("metadata",), ["time", "in.a", "anomaly.count"], ["metadata.elapsed", "metadata"]),
        (("in",), (), ["in.a", "in.b"], ["time", "out.y", "metadata.elapsed"]),
        (("out.y",), (), ["out.y"], ["out.z", "out", "in.a", "time"]),
        (("time", "in", "out", "anomaly.count"), ("anomaly",), ["anomaly.count", "time", "in.a"], ["anomaly.rule"]),
        (("*",), ("in.a",), ["in.b", "out.y"], ["in.a"]),
        (("metadata.elapsed",), ("metadata",), ["metadata.elapsed"], ["metadata.partition"]),
        (("*", "metadata.elapsed"), ("metadata",), ["metadata.elapsed", "in.a"], ["metadata.partition"]),
        ((), ("in", "out", "time"), ["anomaly.count"], ["in.a", "out.y", "time"]),
    ],
)
def test_groups_and_leaves(
    dataset: tuple[str, ...], exclude: tuple[str, ...], wanted: list[str], unwanted: list[str]
) -> None:
    """A group stands for its fields, and a leaf that is named survives the exclusion of its group."""
    selection = Selection(dataset, exclude)

    def is_wanted(path: str) -> bool:
        group, _, leaf = path.partition(".")
        return selection.wants(group, leaf or None)

    assert wanted == [path for path in wanted if is_wanted(path)]
    assert [path for path in unwanted if is_wanted(path)] == []


def test_a_group_may_be_wanted_for_the_sake_of_one_leaf() -> None:
    """What is expensive to collect is collected only when a field of it may be written."""
    selection = Selection(("metadata.elapsed",), ("metadata",))
    assert selection.may_want("metadata")
    assert not selection.may_want("in")


def test_a_field_may_carry_the_separator_in_its_name() -> None:
    """Column names are the caller's; only the first point parts group from field."""
    selection = Selection(("in.a.b",))
    assert selection.wants("in", "a.b")
    assert not selection.wants("in", "a")
