"""Haystack 2 pipelines: the YAML that ``pipeline.dumps()`` gives, or a zip of it as ``pipeline.yaml`` with data files.

Columns go to components' inputs by name, row by row, and components' outputs become columns (`sockets`, `values`). What
lies in ``documents.jsonl``, or in the definition's ``metadata.documents``, is written to the in-memory document stores
before the first request. Files that settings name are looked for beside ``pipeline.yaml``.

A definition is configuration, not code (`definition`); where models that run code are switched off, only components
that neither load weights, read files nor call elsewhere are taken. Haystack's telemetry and tracing are off.
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.codec import schema
from jupyter_wallaroo.conversion.libraries import need
from jupyter_wallaroo.engine import unpacking
from jupyter_wallaroo.engine.runtimes.haystack import definition, documents
from jupyter_wallaroo.engine.runtimes.haystack.definition import EXTRA, MAX_TEXT_BYTES, Definition
from jupyter_wallaroo.engine.runtimes.stored import check_pinned
from jupyter_wallaroo.errors import InvalidInput, InvalidModel
from jupyter_wallaroo.types.framework import Runtime
from jupyter_wallaroo.types.plan import Inspect, Inspected, PlannedModel

if TYPE_CHECKING:
    from jupyter_wallaroo.engine.runtimes.haystack.pipeline import HaystackPipeline

_NAMES = ("pipeline.yaml", "pipeline.yml")
_DOCUMENTS = "documents.jsonl"
_MAX_DOCUMENTS_BYTES = 2**30
_SETTINGS = {"HAYSTACK_TELEMETRY_ENABLED": "False", "HAYSTACK_AUTO_TRACE_ENABLED": "false"}


@dataclass(frozen=True)
class _Upload:
    """A definition with the documents of the archive that it came in, and the folder in there that it lies in."""

    definition: Definition
    documents: list[dict[str, Any]]
    root: PurePosixPath | None


def check(request: Inspect) -> Inspected:
    """Look into the definition and the documents; no class of it is imported."""
    found = _read(Path(request.path), request.label)
    more = found.definition.unconfined()
    if more and not request.allows_code:
        raise InvalidModel(
            f"{request.label} has components that may load weights, read files or call elsewhere: {', '.join(more)}; "
            "as models that run code, they are switched off on this server (WallarooApp.allow_code_models).",
            hint="Use in-memory retrievers, builders, joiners, rankers without a model, and routers.",
        )
    parts = ", ".join(f"{name} ({kind.rpartition('.')[2]})" for name, kind in found.definition.types.items())
    note = f"Haystack pipeline of {parts}"[:500]
    return Inspected(runtime=Runtime.FLIGHT, note=f"{note}; {len(found.documents)} documents")


def _read(path: Path, label: str) -> _Upload:
    if not zipfile.is_zipfile(path):
        with open(path, "rb") as file:
            found = definition.read(file.read(MAX_TEXT_BYTES + 1), label)
        return _Upload(found, found.documents, root=None)
    with unpacking.open_archive(path, label) as archive:
        files = {entry.path: entry for entry in unpacking.entries(archive, label)}
        name = min((item for item in files if item.name in _NAMES), key=lambda item: len(item.parts), default=None)
        if name is None:
            raise InvalidModel(
                f"{label} has no {_NAMES[0]}; it has {sorted(str(item) for item in files)[:5]}.",
                hint="Zip pipeline.yaml, with documents.jsonl beside it where the pipeline searches documents.",
            )
        found = definition.read(unpacking.read(archive, files[name], MAX_TEXT_BYTES, label), f"{name.name} in {label}")
        lines = files.get(name.parent / _DOCUMENTS)
        text = unpacking.read(archive, lines, _MAX_DOCUMENTS_BYTES, label) if lines else b""
    brought = documents.read_lines(text, f"{_DOCUMENTS} in {label}")
    return _Upload(found, [*found.documents, *brought], name.parent)


def load(model: PlannedModel, threads: int) -> HaystackPipeline:
    """Build the pipeline, write its documents, and see that the declared columns find their inputs and outputs."""
    label = f"Model {model.name!r}"
    os.environ.update(_SETTINGS)
    need("haystack", EXTRA, label)
    from jupyter_wallaroo.engine.runtimes.haystack import pipeline

    path = check_pinned(model)
    found = _read(path, label)
    if found.root is not None:
        folder = Path.cwd() / "model"
        unpacking.unpack(path, folder, label)
        os.chdir(folder / found.root)
    inputs, outputs = (
        schema.decode(text, f"{name} of {label}") if text else None
        for name, text in (("input_schema", model.input_schema), ("output_schema", model.output_schema))
    )
    built = pipeline.build(found.definition, label)
    pipeline.write(built, found.documents, label)
    try:
        return pipeline.HaystackPipeline(built, found.definition, model.name, inputs=inputs, outputs=outputs)
    except InvalidInput as error:
        raise InvalidModel(error.message, hint=error.hint) from None
