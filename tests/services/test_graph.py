"""Graphs of steps: orders, cycles, and which steps partial runs execute, for any graph."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.services import graph
from jupyter_wallaroo.types.run import RunType

DIAMOND = {"load": [], "left": ["load"], "right": ["load"], "join": ["left", "right"], "apart": []}


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Graphs without cycles, written down in any order."""
    count = draw(st.integers(1, 9))
    names = [f"s{number}" for number in range(count)]
    parents = {
        name: draw(st.lists(st.sampled_from(names[:place]), unique=True)) if place else []
        for place, name in enumerate(names)
    }
    return {name: parents[name] for name in draw(st.permutations(names))}


@given(graphs())
def test_each_step_comes_after_its_parents(parents: dict[str, list[str]]) -> None:
    ordered = graph.order(parents)
    assert sorted(ordered) == sorted(parents)
    assert all(ordered.index(parent) < ordered.index(step) for step in parents for parent in parents[step])


@given(graphs(), st.data())
def test_a_cycle_is_refused_and_named(parents: dict[str, list[str]], data: st.DataObject) -> None:
    """One more arrow, from a step to itself or to one of its ancestors."""
    step = data.draw(st.sampled_from(sorted(parents)))
    ancestor = data.draw(st.sampled_from(sorted({step} | graph.ancestors(parents, [step]))))
    looped = {**parents, ancestor: [*parents[ancestor], step]}
    with pytest.raises(InvalidRequest, match="cycle") as refused:
        graph.order(looped)
    cycle = refused.value.details["cycle"]
    assert cycle[0] == cycle[-1] and len(cycle) > 1
    assert all(before in looped[after] for before, after in pairwise(cycle))


@given(graphs(), st.data())
def test_partial_runs_execute_what_they_say(parents: dict[str, list[str]], data: st.DataObject) -> None:
    """``selection`` is what is named; ``incoming`` is closed under parents, and has none of the selection."""
    chosen = data.draw(st.lists(st.sampled_from(sorted(parents)), min_size=1, unique=True))
    ordered = graph.order(parents)
    assert graph.executed(parents, RunType.SELECTION, chosen) == [step for step in ordered if step in chosen]
    needed = graph.ancestors(parents, chosen) - set(chosen)
    if not needed:
        with pytest.raises(InvalidRequest, match="nothing to run"):
            graph.executed(parents, RunType.INCOMING, chosen)
        return
    incoming = graph.executed(parents, RunType.INCOMING, chosen)
    assert incoming == [step for step in ordered if step in needed]
    assert set(graph.outside(parents, incoming)) <= set(chosen)
    assert graph.executed(parents, RunType.FULL, []) == ordered
    assert graph.outside(parents, ordered) == []


@given(graphs(), st.data())
def test_ancestors_and_descendants_are_each_others_mirror(parents: dict[str, list[str]], data: st.DataObject) -> None:
    step = data.draw(st.sampled_from(sorted(parents)))
    for other in parents:
        assert (other in graph.descendants(parents, step)) == (step in graph.ancestors(parents, [other]))


def test_a_partial_run_reads_what_it_does_not_execute() -> None:
    assert graph.outside(DIAMOND, graph.executed(DIAMOND, RunType.SELECTION, ["join", "right"])) == ["load", "left"]


@pytest.mark.parametrize(
    ("parents", "run_type", "selection", "said"),
    [
        ({}, RunType.FULL, [], "at least one step"),
        ({"a": ["b"]}, RunType.FULL, [], "'b', which is no step"),
        ({"a": ["a"]}, RunType.FULL, [], "a → a"),
        (DIAMOND, RunType.SELECTION, [], "at least one step"),
        (DIAMOND, RunType.SELECTION, ["lode"], "Did you mean 'load'"),
        (DIAMOND, RunType.FULL, ["load"], "executes every step"),
    ],
)
def test_what_cannot_be_run_is_said(parents: graph.Parents, run_type: RunType, selection: list[str], said: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        graph.executed(parents, run_type, selection)
    assert said in str(refused.value)
