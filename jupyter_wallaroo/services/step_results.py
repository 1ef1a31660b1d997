"""What steps left, found again by what they are: their code, their parameters and what their parents left (A19)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from jupyter_wallaroo.errors import Conflict
from jupyter_wallaroo.services import graph
from jupyter_wallaroo.services.step_inference import StepInference
from jupyter_wallaroo.store import runs
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.types.run import StepOutput
from jupyter_wallaroo.types.run_plan import InferenceWork, Plan, PlannedStep

_encode = msgspec.json.Encoder(order="deterministic").encode

Outputs = Sequence[StepOutput]
Given = Mapping[str, Outputs]
"""What each of some steps left."""


def digest(outputs: Outputs) -> str:
    """Return a name for what a step left: other bytes, other name."""
    facts = sorted((output.name, output.kind.value, output.sha, output.file_name or "") for output in outputs)
    return hashlib.sha256(_encode(facts)).hexdigest()


def result_key(workspace_id: int, step: PlannedStep, version: int | None, inputs: Given) -> str:
    """Return the name under which what a step leaves is kept.

    Parameters
    ----------
    version
        Of an inference: the pipeline version that answers, None when nothing is deployed.
    inputs
        What each parent left.
    """
    digests = {parent: digest(inputs[parent]) for parent in step.parents}
    work = msgspec.to_builtins(step.work)
    for name in ("path", "timeout_s"):
        work.pop(name, None)
    return hashlib.sha256(_encode([workspace_id, work, version, digests])).hexdigest()


class StepResults:
    """Finds what steps left.

    Parameters
    ----------
    store
        Where it is kept.
    inference
        Knows which version of a pipeline answers.
    """

    def __init__(self, store: Store, inference: StepInference) -> None:
        self._store = store
        self._inference = inference

    async def key(self, workspace_id: int, step: PlannedStep, inputs: Given) -> str:
        """Return the name under which what a step leaves now is kept."""
        is_inference = isinstance(step.work, InferenceWork)
        version = await self._inference.version(step.work) if is_inference else None  # type: ignore[arg-type]
        return result_key(workspace_id, step, version, inputs)

    async def stored(self, workspace_id: int, plan: Plan, executed: Sequence[str]) -> dict[str, Outputs]:
        """Return what the parents of ``executed`` steps left, of those that are not executed themselves.

        Raises
        ------
        Conflict
            Something is missing: a step has not run, or not as it and what comes before it are now (S4-12); lists them.
        """
        parents = {key: step.parents for key, step in plan.items()}
        needed = graph.outside(parents, executed)
        concerned = {*needed, *graph.ancestors(parents, needed)}
        found: dict[str, Outputs] = {}
        for key in graph.order(parents):
            step = plan[key]
            if key in concerned and all(parent in found for parent in step.parents):
                name = await self.key(workspace_id, step, found)
                outputs = await self._store.read(runs.result, name)
                if outputs is not None:
                    found[key] = outputs
        missing = [key for key in needed if key not in found]
        if missing:
            raise Conflict(
                f"Nothing was started: no outputs are stored of {', '.join(map(repr, missing))} as "
                f"{'it is' if len(missing) == 1 else 'they are'} now.",
                hint="They have not run yet, or they or what comes before them changed since. Run what comes before, "
                f"with run_type 'incoming' and selection {list(executed)!r}, and then this again.",
                details={"missing": missing, "offer": {"run_type": "incoming", "selection": list(executed)}},
            )
        return {key: found[key] for key in needed}
