"""Graphs of steps: which are fit to run, which steps a run executes, in which order. Nothing here does anything."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.types.run import RunType

Parents = Mapping[str, Sequence[str]]
"""Each step's parents."""


def order(parents: Parents) -> list[str]:
    """Return the steps so that each comes after its parents; those that could come together, as they were written.

    Raises
    ------
    NotFound
        A parent is no step; names the nearest.
    InvalidRequest
        A step has itself for an ancestor (S4-14); names the cycle.
    """
    for step, own in parents.items():
        for parent in own:
            if parent not in parents:
                raise InvalidRequest(
                    f"Step {step!r} has the parent {parent!r:.80}, which is no step.",
                    hint=errors.nearest(parent, (name for name in parents if name != step)),
                )
    left = {step: set(own) for step, own in parents.items()}
    found: list[str] = []
    while left:
        ready = [step for step, own in left.items() if not own & left.keys()]
        if not ready:
            cycle = _cycle(parents, left)
            raise InvalidRequest(
                f"The steps form a cycle: {' → '.join(cycle)}.",
                hint="An arrow means that the step after it needs the step before it: take one of these parents away.",
                details={"cycle": cycle},
            )
        found.extend(ready)
        for step in ready:
            del left[step]
    return found


def _cycle(parents: Parents, left: Collection[str]) -> list[str]:
    """Return one cycle among ``left``, where every step has a parent that is left, from parent to child."""
    path: list[str] = []
    step = next(iter(left))
    while step not in path:
        path.append(step)
        step = next(parent for parent in parents[step] if parent in left)
    return [step, *reversed(path[path.index(step) :])]


def ancestors(parents: Parents, steps: Iterable[str]) -> set[str]:
    """Return everything that ``steps`` need, directly or not; a step is not its own ancestor."""
    found: set[str] = set()
    waiting = [parent for step in steps for parent in parents[step]]
    while waiting:
        step = waiting.pop()
        if step not in found:
            found.add(step)
            waiting.extend(parents[step])
    return found


def descendants(parents: Parents, step: str) -> set[str]:
    """Return everything that needs ``step``, directly or not."""
    found = {step}
    for later in order(parents):
        if found.intersection(parents[later]):
            found.add(later)
    return found - {step}


def executed(parents: Parents, run_type: RunType, selection: Sequence[str]) -> list[str]:
    """Return the steps that a run executes, in their order (S4-11).

    Raises
    ------
    InvalidRequest
        The graph is not fit to run, a selected step is none, or nothing would be executed.
    """
    ordered = order(parents)
    if not ordered:
        raise InvalidRequest("'steps': expected at least one step.")
    for step in selection:
        if step not in parents:
            raise InvalidRequest(
                f"'selection': {step!r:.80} is no step of the graph.", hint=errors.nearest(step, parents)
            )
    if run_type is RunType.FULL:
        if selection:
            raise InvalidRequest(
                "A full run executes every step, but 'selection' names some.",
                hint="Leave the selection out, or say run_type 'selection' or 'incoming'.",
            )
        return ordered
    if not selection:
        raise InvalidRequest(f"'selection': expected at least one step for run_type {run_type.value!r}.")
    chosen = set(selection)
    if run_type is RunType.INCOMING:
        chosen = ancestors(parents, selection) - chosen
        if not chosen:
            raise InvalidRequest(
                f"Nothing comes before {', '.join(map(repr, selection))}: there is nothing to run.",
                hint="run_type 'incoming' runs what the selection needs, without the selection itself.",
            )
    return [step for step in ordered if step in chosen]


def outside(parents: Parents, steps: Sequence[str]) -> list[str]:
    """Return the parents of ``steps`` that are not among them: a run reads what they left before (S4-12)."""
    return list(dict.fromkeys(parent for step in steps for parent in parents[step] if parent not in steps))
