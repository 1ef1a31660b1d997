"""Custom models: a zip of Python files and artifacts, with a class that builds the inference.

The archive holds at its root, or in its only folder, Python files with a subclass of ``mac.inference.creation.
InferenceBuilder``, the artifacts that its ``create`` loads, and perhaps a ``requirements.txt``.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path, PurePath, PurePosixPath
from typing import cast

import pyarrow as pa

from jupyter_wallaroo.codec.batch import Batch
from jupyter_wallaroo.engine.runtimes import arrays
from jupyter_wallaroo.engine.runtimes.mac import CustomInferenceConfig, Inference, InferenceBuilder, install
from jupyter_wallaroo.engine.runtimes.python import parse
from jupyter_wallaroo.engine.runtimes.stored import check_pinned
from jupyter_wallaroo.engine.unpacking import entries, open_archive, read, unpack
from jupyter_wallaroo.errors import InvalidModel
from jupyter_wallaroo.types.framework import Runtime
from jupyter_wallaroo.types.plan import Inspect, Inspected, PlannedModel

_BUILDER = "InferenceBuilder"
_REQUIREMENTS = "requirements.txt"
_MAX_TEXT_BYTES = 2**20


def check(request: Inspect) -> Inspected:
    """Look for the builder without running anything, and read what has to be installed."""
    with open_archive(Path(request.path), request.label) as archive:
        files = {entry.path: entry for entry in entries(archive, request.label)}
        root = _root(files)
        sources = [path for path in files if path.parent == root and _is_source(path)]
        texts = {path: read(archive, files[path], _MAX_TEXT_BYTES, request.label) for path in sources}
        requirements = files.get(root / _REQUIREMENTS)
        listed = read(archive, requirements, _MAX_TEXT_BYTES, request.label) if requirements else b""
        lines = listed.decode("utf-8-sig", errors="replace")
    if not any(_has_builder(parse(text, f"{path.name} in {request.label}")) for path, text in texts.items()):
        raise InvalidModel(
            f"{request.label} has no class derived from {_BUILDER} in its Python files "
            f"{sorted(path.name for path in sources)}.",
            hint="Derive one class from mac.inference.Inference and one from mac.inference.creation.InferenceBuilder.",
        )
    wanted = [line.partition("#")[0].strip() for line in lines.splitlines()]
    return Inspected(runtime=Runtime.FLIGHT, requirements=[line for line in wanted if line])


def _root(files: Mapping[PurePosixPath, object]) -> PurePosixPath:
    """Return the folder of the Python files that lie highest."""
    depths = [path.parent for path in files if _is_source(path) and "__MACOSX" not in path.parts]
    return min(depths, key=lambda parent: len(parent.parts), default=PurePosixPath())


def _is_source(path: PurePath) -> bool:
    """Tell Python files from what macOS puts beside them under the same ending."""
    return path.suffix == ".py" and not path.name.startswith(".")


def _has_builder(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith(_BUILDER) for base in node.bases)
        for node in tree.body
    )


def load(model: PlannedModel, threads: int) -> CustomModel:
    """Unpack the archive into the process's own directory, import the files with a builder, build the inference."""
    folder = Path.cwd() / "model"
    unpack(check_pinned(model), folder, f"Model {model.name!r}")
    install()
    files = {PurePosixPath(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    root = folder / _root(files)
    sys.path.insert(0, str(root))
    sources = sorted(path for path in root.iterdir() if _is_source(path))
    for path in sources:
        if not _has_builder(parse(path.read_bytes(), f"{path.name} in model {model.name!r}")):
            continue
        if "." in path.stem or path.stem in sys.modules:
            raise InvalidModel(
                f"Model {model.name!r}: {path.name!r} has a dot in its name, or the name of a module that is in use.",
                hint="Give the file with the InferenceBuilder a name of its own, such as model.py.",
            )
        module = importlib.import_module(path.stem)
        for _, found in inspect.getmembers(module, inspect.isclass):
            is_ours = found.__module__ == module.__name__ and not inspect.isabstract(found)
            if is_ours and any(base.__name__ == _BUILDER for base in found.__mro__[1:]):
                return CustomModel(
                    cast("InferenceBuilder", found()), CustomInferenceConfig(root, config=model.settings)
                )
    raise InvalidModel(f"Model {model.name!r} has no class derived from {_BUILDER}.")


class CustomModel:
    """A loaded custom model.

    Parameters
    ----------
    builder, config
        What makes the inference, and what it is told.
    """

    def __init__(self, builder: InferenceBuilder, config: CustomInferenceConfig) -> None:
        self._inference: Inference = builder.create(config)

    def run(self, columns: Mapping[str, pa.Array]) -> Batch:
        """Return the inference's outputs for the columns (see `ColumnRuntime.run`)."""
        return arrays.to_columns(self._inference.predict(arrays.from_columns(columns)))
