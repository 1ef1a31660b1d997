"""From what was submitted to a plan: everything that a run needs is read now and kept by its hash (S4-26, A22)."""

from __future__ import annotations

import asyncio
import hashlib
import keyword
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import msgspec

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import InvalidRequest, NotFound, TooLarge
from jupyter_wallaroo.services import graph
from jupyter_wallaroo.services.kernels import KernelNames, Kernels
from jupyter_wallaroo.services.pipelines import PipelineService
from jupyter_wallaroo.services.root_folder import RootFolder
from jupyter_wallaroo.store.blobs import Blobs
from jupyter_wallaroo.types.names import check_name
from jupyter_wallaroo.types.run import Definition, InferenceStep, NotebookStep, ScriptStep, Step
from jupyter_wallaroo.types.run_plan import CodeWork, InferenceWork, Plan, PlannedStep

MAX_STEPS = 500
MAX_SOURCE_BYTES = 16 * 2**20
MAX_FILES_BYTES = 512 * 2**20
"""What the files beside one step may have together."""
PART_BYTES = 2**20

_encode = msgspec.json.Encoder(order="deterministic").encode


class RunPlanner:
    """Makes plans.

    Parameters
    ----------
    root
        Where files are looked for.
    blobs
        Where they are kept.
    kernels
        Says which kernels there are.
    pipelines
        Finds pipelines.
    """

    def __init__(self, root: RootFolder, blobs: Blobs, kernels: Kernels, pipelines: PipelineService) -> None:
        self._root = root
        self._blobs = blobs
        self._kernels = kernels
        self._pipelines = pipelines

    async def plan(self, workspace_id: int, definition: Definition, folder: str | None) -> Plan:
        """Return the plan of a definition.

        Raises
        ------
        InvalidRequest, NotFound, TooLarge
            A step cannot be run as it is written; names the step, and what is wrong with it.
        """
        _check(definition)
        known = await self._kernels.known()
        works: dict[str, CodeWork | InferenceWork] = {}
        for key, step in definition.steps.items():
            if isinstance(step, InferenceStep):
                works[key] = await self._inference(workspace_id, key, step)
        code = await asyncio.to_thread(self._read_all, definition, folder, known)
        return {
            key: PlannedStep(parents=step.parents, work=works.get(key) or code[key])
            for key, step in definition.steps.items()
        }

    def changed(self, plan: Plan) -> list[str]:
        """Return the steps whose files are no longer as they were planned; waits for the disk."""
        return [key for key, step in plan.items() if isinstance(step.work, CodeWork) and self._has_changed(step.work)]

    def _has_changed(self, work: CodeWork) -> bool:
        files = {**work.files, **({work.path: work.source_sha} if work.path is not None else {})}
        return any(_sha(self._root.path(place)) != sha for place, sha in files.items())

    async def _inference(self, workspace_id: int, key: str, step: InferenceStep) -> InferenceWork:
        pipeline = await self._pipelines.named(workspace_id, step.pipeline)
        parent, output = _input(key, step)
        return InferenceWork(
            pipeline=pipeline.name,
            pipeline_id=pipeline.id,
            parent=parent,
            output=output,
            dataset=step.dataset,
            dataset_exclude=step.dataset_exclude,
            timeout_s=step.timeout_s,
        )

    def _read_all(self, definition: Definition, folder: str | None, known: KernelNames) -> dict[str, CodeWork]:
        place = self._root.folder(folder)
        return {
            key: self._read(key, step, place, known, definition.parameters)
            for key, step in definition.steps.items()
            if not isinstance(step, InferenceStep)
        }

    def _read(
        self, key: str, step: NotebookStep | ScriptStep, folder: str, known: KernelNames, defaults: dict[str, Any]
    ) -> CodeWork:
        what = f"Step {key!r}"
        is_notebook = isinstance(step, NotebookStep)
        path = self._root.find(what, step.path, folder) if step.path is not None else None
        source = self._source(what, path) if path is not None else _inline(step)
        wanted = step.kernel or (_kernelspec(what, source) if is_notebook else None)
        if wanted is not None and wanted not in known.names:
            raise NotFound(
                f"{what} needs the kernel {wanted!r:.80}, which is not there.",
                hint=f"{errors.nearest(wanted, known.names)} Say which in 'kernel'.".strip(),
            )
        suffix = ".ipynb" if is_notebook else ".py"
        return CodeWork(
            is_notebook=is_notebook,
            place=path or str(PurePosixPath(folder, f"{key}{suffix}")),
            path=path,
            source_sha=self._keep([source]),
            files=self._files(what, step.files, folder),
            parameters={**defaults, **step.parameters},
            kernel=wanted or known.default,
            timeout_s=step.timeout_s,
        )

    def _source(self, what: str, place: str) -> bytes:
        with open(self._root.path(place), "rb") as file:
            source = file.read(MAX_SOURCE_BYTES + 1)
        if len(source) > MAX_SOURCE_BYTES:
            raise TooLarge(f"{what}: {place!r} has more than {MAX_SOURCE_BYTES} bytes.")
        return source

    def _files(self, what: str, named: Sequence[str], folder: str) -> dict[str, str]:
        places = list(dict.fromkeys(place for path in named for place in self._root.expand(what, path, folder)))
        size = sum(self._root.path(place).stat().st_size for place in places)
        if size > MAX_FILES_BYTES:
            raise TooLarge(
                f"{what}: its files have {size} bytes together; at most {MAX_FILES_BYTES} are copied.",
                hint="Read large data through a connection, or by an absolute path.",
            )
        found = {}
        for place in places:
            with open(self._root.path(place), "rb") as file:
                found[place] = self._keep(iter(lambda: file.read(PART_BYTES), b""))
        return found

    def _keep(self, parts: Any) -> str:
        incoming = self._blobs.begin()
        try:
            for part in parts:
                incoming.write(part)
            sha = incoming.complete()
            incoming.keep(sha)
        except BaseException:
            incoming.discard()
            raise
        return sha


def definition_hash(plan: Plan) -> str:
    """Return one name for everything that a plan is made of."""
    return hashlib.sha256(_encode(plan)).hexdigest()


def _check(definition: Definition) -> None:
    steps = definition.steps
    if len(steps) > MAX_STEPS:
        raise InvalidRequest(f"'steps': expected at most {MAX_STEPS}; got {len(steps)}.")
    for key, step in steps.items():
        if check_name("step", key) != key:
            raise InvalidRequest(f"{key!r} cannot be the name of a step: write it in Unicode's composed form (NFC).")
        if len(set(step.parents)) != len(step.parents):
            raise InvalidRequest(f"Step {key!r} has a parent twice: {step.parents!r:.200}.")
        if step.timeout_s is not None and not step.timeout_s > 0:
            raise InvalidRequest(f"Step {key!r}: 'timeout_s' is {step.timeout_s:g}; expected seconds above 0.")
        if not isinstance(step, InferenceStep):
            _check_code(key, step, definition.parameters)
    graph.order({key: step.parents for key, step in steps.items()})


def _check_code(key: str, step: NotebookStep | ScriptStep, defaults: dict[str, Any]) -> None:
    if (step.path is None) == (step.source is None):
        got = "neither" if step.path is None else "both"
        raise InvalidRequest(f"Step {key!r}: expected either 'path' or 'source'; got {got}.")
    for name in (*defaults, *step.parameters):
        if not name.isidentifier() or keyword.iskeyword(name):
            raise InvalidRequest(f"Step {key!r}: {name!r:.80} cannot be the name of a parameter.")


def _input(key: str, step: InferenceStep) -> tuple[str, str | None]:
    """Return the parent and the output that an inference reads."""
    if step.input is None and len(step.parents) == 1:
        return step.parents[0], None
    if step.input in step.parents:
        return step.input, None
    parent, _, output = (step.input or "").rpartition(".")
    if parent in step.parents and output:
        return parent, output
    raise InvalidRequest(
        f"Step {key!r}: 'input' is {step.input!r:.80}; expected one of its parents, or 'parent.output'.",
        hint=f"Its parents are: {', '.join(map(repr, step.parents)) or 'none; it needs one'}.",
    )


def _inline(step: Step) -> bytes:
    assert isinstance(step, NotebookStep | ScriptStep) and step.source is not None, "it was checked"
    return step.source.encode() if isinstance(step.source, str) else msgspec.json.encode(step.source)


def _kernelspec(what: str, source: bytes) -> str | None:
    """Return the kernelspec that a notebook names, and refuse what is no notebook."""
    try:
        notebook = msgspec.json.decode(source)
    except msgspec.MsgspecError as error:
        raise InvalidRequest(f"{what} is no notebook: {error}.") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list) or notebook.get("nbformat") != 4:
        raise InvalidRequest(
            f"{what} is no notebook of format 4: expected an object with 'cells' and 'nbformat': 4.",
            hint="jupyter nbconvert --to notebook --nbformat 4 makes one of an older notebook.",
        )
    metadata = notebook.get("metadata")
    spec = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    name = spec.get("name") if isinstance(spec, dict) else None
    return name if isinstance(name, str) else None


def _sha(path: Any) -> str | None:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
