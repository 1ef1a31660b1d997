"""Applying definitions: every pipeline is planned and checked first, then all change together, or none (S3, A15)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from jupyter_wallaroo.errors import MAX_SHOWN, Conflict, InvalidRequest, WallarooError
from jupyter_wallaroo.services import plan_text
from jupyter_wallaroo.services.deployments import Committed, DeploymentService
from jupyter_wallaroo.services.planning import Planned, Planner
from jupyter_wallaroo.store import rows
from jupyter_wallaroo.store.audit import Author
from jupyter_wallaroo.store.changes import Stale
from jupyter_wallaroo.types.apply import (
    AppliedDeployment,
    AppliedPipeline,
    AppliedPipelines,
    ApplyPipeline,
    ApplyPipelines,
)
from jupyter_wallaroo.types.caller import Caller

ATTEMPTS = 3
"""How often a plan is made anew because somebody else changed a pipeline meanwhile."""

Outcome = Planned | WallarooError


class ApplyService:
    """Makes pipelines as somebody wrote them down; no other pipeline is touched.

    Parameters
    ----------
    planner
        Knows what is to happen.
    deployments
        Makes it happen.
    """

    def __init__(self, planner: Planner, deployments: DeploymentService) -> None:
        self._planner = planner
        self._deployments = deployments

    async def apply(self, caller: Caller, request: ApplyPipelines, *, via: str = "pipelines/apply") -> AppliedPipelines:
        """Make pipelines as the request says, or say what that would change (``dry_run``).

        Returns as soon as everything is written and the engines are told; they switch when they are ready.

        Parameters
        ----------
        via
            What the audit records say how it came to this.

        Raises
        ------
        WallarooError
            Of an atomic request: one pipeline cannot be as it is written, so nothing was changed. The class is that of
            the first such error; ``details`` has the results of all.
        """
        author = Author(user_id=caller.user.id, via=via)
        if request.dry_run:
            outcomes = await self._plan(caller, request)
            if request.atomic:
                _all_possible(request, outcomes)
            return _answer(request, outcomes, [None] * len(outcomes))
        if request.atomic:
            return await self._apply_all(caller, author, request)
        return await self._apply_each(caller, author, request)

    async def _plan(self, caller: Caller, request: ApplyPipelines) -> list[Outcome]:
        outcomes: list[Outcome] = []
        seen: dict[tuple[int, str], int] = {}
        for number in range(len(request.pipelines)):
            outcome = await self._plan_one(caller, request, number)
            if isinstance(outcome, Planned):
                first = seen.setdefault((outcome.workspace.id, rows.name_key(outcome.name)), number)
                if first != number:
                    outcome = InvalidRequest(f"pipelines[{first}] is the same pipeline: expected each once.")
            outcomes.append(outcome)
        return outcomes

    async def _plan_one(self, caller: Caller, request: ApplyPipelines, number: int) -> Outcome:
        item = request.pipelines[number]
        if item.workspace is None:
            item = msgspec.structs.replace(item, workspace=request.workspace)
        try:
            return await self._planner.plan(caller, item, f"pipelines[{number}]")
        except WallarooError as error:
            return error

    async def _commit(self, author: Author, planned: list[Planned]) -> list[Committed | None]:
        """Make the changes of all, in one transaction."""
        wanted = [item.change for item in planned if item.change is not None]
        done = iter(await self._deployments.commit(author, wanted) if wanted else [])
        return [None if item.change is None else next(done) for item in planned]

    async def _apply_all(self, caller: Caller, author: Author, request: ApplyPipelines) -> AppliedPipelines:
        """Apply all pipelines or none; planned anew when one of them was changed in between."""
        for _ in range(ATTEMPTS):
            planned = _all_possible(request, await self._plan(caller, request))
            try:
                return _answer(request, planned, await self._commit(author, planned))
            except Stale as stale:
                name = str(stale)
        raise _busy(name)

    async def _apply_each(self, caller: Caller, author: Author, request: ApplyPipelines) -> AppliedPipelines:
        """Apply each pipeline on its own; what cannot be leaves the others alone."""
        outcomes: list[Outcome] = []
        done: list[Committed | None] = []
        for number, first in enumerate(await self._plan(caller, request)):
            outcome, committed = first, None
            for _ in range(ATTEMPTS):
                if isinstance(outcome, WallarooError):
                    break
                try:
                    (committed,) = await self._commit(author, [outcome])
                    break
                except Stale:
                    outcome = await self._plan_one(caller, request, number)
                except WallarooError as error:
                    outcome = error
            else:
                outcome = _busy(request.pipelines[number].name)
            outcomes.append(outcome)
            done.append(committed)
        return _answer(request, outcomes, done)


def _busy(name: str) -> Conflict:
    return Conflict(f"Pipeline {name!r} is being changed by somebody else.", hint="Try again in a moment.")


def _all_possible(request: ApplyPipelines, outcomes: list[Outcome]) -> list[Planned]:
    """Return the plans of an atomic request, or refuse it when one pipeline cannot be."""
    failed = [(number, item) for number, item in enumerate(outcomes) if isinstance(item, WallarooError)]
    if not failed:
        return [item for item in outcomes if isinstance(item, Planned)]
    first = failed[0][1]
    sentences = " ".join(
        f"pipelines[{number}] ({request.pipelines[number].name[:MAX_SHOWN]!r}): {error.message}"
        for number, error in failed
    )
    as_plan = msgspec.structs.replace(request, dry_run=True)
    answer = msgspec.to_builtins(_answer(as_plan, outcomes, [None] * len(outcomes)))
    details = first.details | {"results": answer["results"], "plan": answer["plan"]}
    raise type(first)(f"Nothing was changed. {sentences}", hint=first.hint, details=details)


def _answer(request: ApplyPipelines, outcomes: Sequence[Outcome], done: Sequence[Committed | None]) -> AppliedPipelines:
    results = [
        _failure(item, outcome) if isinstance(outcome, WallarooError) else _result(outcome, committed)
        for item, outcome, committed in zip(request.pipelines, outcomes, done, strict=True)
    ]
    workspaces = {item.workspace.id: item.workspace.name for item in outcomes if isinstance(item, Planned)}
    return AppliedPipelines(
        dry_run=request.dry_run, results=results, plan=plan_text.of(results, workspaces, is_plan=request.dry_run)
    )


def _failure(item: ApplyPipeline, error: WallarooError) -> AppliedPipeline:
    wire: dict[str, Any] = error.to_wire()
    return AppliedPipeline(
        name=item.name[:MAX_SHOWN],
        workspace_id=item.workspace if isinstance(item.workspace, int) else None,
        action=None,
        error=wire,
    )


def _result(planned: Planned, committed: Committed | None) -> AppliedPipeline:
    version, deployment = planned.seen.version, planned.seen.running
    replacing: list[str] = []
    if committed is not None:
        version, replacing = committed.version, committed.replacing
        ended = planned.change is not None and bool(planned.change.unwanted)
        deployment = committed.deployment or (None if ended else deployment)
    return AppliedPipeline(
        name=planned.name,
        workspace_id=planned.workspace.id,
        action=planned.action,
        version=version.version if version else None,
        deployment=AppliedDeployment(id=deployment.id, name=deployment.name, replacing=replacing)
        if deployment
        else None,
        diff=planned.diff,
    )
