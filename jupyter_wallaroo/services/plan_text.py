"""A plan in words: ``+`` is added, ``~`` changes, ``-`` goes, ``=`` stays as it is, ``!`` cannot be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from jupyter_wallaroo.types.apply import AppliedPipeline, PlanText
from jupyter_wallaroo.types.difference import Action, Sign

_FUTURE = "to add, to change, to remove, unchanged, impossible"
_PAST = "added, changed, removed, unchanged, failed"


def of(results: Sequence[AppliedPipeline], workspaces: Mapping[int, str], *, is_plan: bool) -> PlanText:
    """Return the text of a plan, or of what became of it.

    Parameters
    ----------
    workspaces
        Their names by id.
    """
    count = Counter(item.action for item in results)
    counts = [count[action] for action in (*Action, None)]
    words = (_FUTURE if is_plan else _PAST).split(", ")
    said = ", ".join(f"{number} {word}" for number, word in zip(counts, words, strict=True) if number)
    blocks = [_block(item, workspaces) for item in results]
    text = "\n".join([*blocks, f"{'Plan' if is_plan else 'Applied'}: {said}."])
    add, change, remove, same, failed = counts
    return PlanText(text=text, add=add, change=change, remove=remove, same=same, failed=failed)


def _block(result: AppliedPipeline, workspaces: Mapping[int, str]) -> str:
    sign = Sign.ERROR if result.action is None else result.action.sign
    workspace = workspaces.get(result.workspace_id or 0)
    head = f"{sign} {result.name}" + (f" (workspace {workspace!r})" if workspace else "")
    lines = [f"    {difference.line}" for difference in result.diff]
    if result.error is not None:
        lines = [f"    {result.error['message']} {result.error['hint']}".rstrip()]
    return "\n".join([head, *lines])
