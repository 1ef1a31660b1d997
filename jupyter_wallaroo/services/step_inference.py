"""Inference steps: a table that a parent left, sent to a deployed pipeline; neither is looked into here."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from jupyter_wallaroo import errors
from jupyter_wallaroo.engine.arena import Region
from jupyter_wallaroo.engine.frames import Buffer
from jupyter_wallaroo.errors import InvalidRequest, Unavailable
from jupyter_wallaroo.services.inference import Form, InferenceService
from jupyter_wallaroo.store import deployments
from jupyter_wallaroo.store.blobs import Blobs
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.store.deployments import Deployment
from jupyter_wallaroo.supervisor.supervisor import Supervisor
from jupyter_wallaroo.types.plan import MediaType
from jupyter_wallaroo.types.run import OutputKind, StepOutput
from jupyter_wallaroo.types.run_plan import InferenceWork

SHARED_FROM_BYTES = 64 * 1024
RESULT = "result"
SEPARATOR = "."
"""Columns of the answer are flat, ``out.price``, as the client's frames have them."""


class StepInference:
    """Runs inference steps.

    Parameters
    ----------
    store
        Says what is deployed.
    supervisor
        Has what runs.
    inference
        Passes tables on.
    blobs
        Where tables lie.
    """

    def __init__(self, store: Store, supervisor: Supervisor, inference: InferenceService, blobs: Blobs) -> None:
        self._store = store
        self._supervisor = supervisor
        self._inference = inference
        self._blobs = blobs

    async def version(self, work: InferenceWork) -> int | None:
        """Return the id of the pipeline version that answers, None when the pipeline is not deployed."""
        found = await self._deployed(work)
        return found.pipeline_version_id if found else None

    async def _deployed(self, work: InferenceWork) -> Deployment | None:
        rows = await self._store.read(deployments.of_pipeline, work.pipeline_id)
        return next((row for row in rows if row.wanted), None)

    async def execute(self, work: InferenceWork, inputs: Mapping[str, Sequence[StepOutput]]) -> list[StepOutput]:
        """Return what the pipeline answered, kept as one Arrow table called ``result``.

        Raises
        ------
        WallarooError
            There is no such table, the pipeline is not deployed, or it refused the table.
        """
        table = _table(work, inputs[work.parent])
        row = await self._deployed(work)
        deployment = self._supervisor.get(row.id) if row else None
        if deployment is None:
            raise Unavailable(f"Pipeline {work.pipeline!r} is not deployed.", hint="Deploy it, and run this again.")
        region = self._inference.arena.take(table.size_bytes) if table.size_bytes >= SHARED_FROM_BYTES else None
        reading = asyncio.ensure_future(asyncio.to_thread(_read, self._blobs.path(table.sha), region))
        try:
            body = await asyncio.shield(reading)
            form = Form(MediaType.ARROW, MediaType.ARROW, tuple(work.dataset), tuple(work.dataset_exclude), SEPARATOR)
            _, answer = await self._inference.infer(deployment, region or body, form)
        finally:
            if region is not None:  # a thread that is still reading into it, since this was cancelled, keeps it
                reading.add_done_callback(lambda _: region.release())
        sha = await asyncio.to_thread(self._keep, answer)
        return [StepOutput(name=RESULT, kind=OutputKind.ARROW, sha=sha, size_bytes=len(answer))]

    def _keep(self, body: Buffer) -> str:
        incoming = self._blobs.begin()
        try:
            incoming.write(bytes(body))
            sha = incoming.complete()
            incoming.keep(sha)
        except BaseException:
            incoming.discard()
            raise
        return sha


def _table(work: InferenceWork, outputs: Sequence[StepOutput]) -> StepOutput:
    """Return the table that is meant, or raise `InvalidRequest` naming those there are."""
    tables = {output.name: output for output in outputs if output.kind is OutputKind.ARROW}
    if work.output is not None and work.output in tables:
        return tables[work.output]
    if work.output is None and len(tables) == 1:
        return next(iter(tables.values()))
    wanted = f"no table called {work.output!r}" if work.output is not None else f"{len(tables)} tables"
    raise InvalidRequest(
        f"Step {work.parent!r} left {wanted}; the inference takes one.",
        hint=errors.nearest(work.output or "", tables)
        or "Have it store a DataFrame or Arrow table: wallaroo.step.output('name', frame).",
    )


def _read(path: Path, region: Region | None) -> bytes:
    if region is None:
        return path.read_bytes()
    with open(path, "rb") as file:
        while part := file.read(2**20):
            region.write(part)
    return b""
