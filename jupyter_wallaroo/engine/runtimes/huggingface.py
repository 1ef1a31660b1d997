"""Hugging Face pipelines: a zip of what ``pipeline.save_pretrained`` wrote, run by transformers.

The task is in the framework's name. Columns other than the task's own inputs are parameters of the call, as the
tutorials send them (``return_text``, ``top_k``, …); rows with the same parameters go to the model together. Code in the
archive is never run, weights are loaded without pickle's reach, and nothing is fetched.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa

from jupyter_wallaroo.codec.batch import Batch
from jupyter_wallaroo.conversion.libraries import need
from jupyter_wallaroo.engine.runtimes import arrays
from jupyter_wallaroo.engine.runtimes.stored import check_pinned
from jupyter_wallaroo.engine.unpacking import entries, open_archive, read, unpack
from jupyter_wallaroo.errors import InvalidInput, InvalidModel
from jupyter_wallaroo.types.framework import Framework, Runtime
from jupyter_wallaroo.types.plan import Inspect, Inspected, PlannedModel

_PREFIX = "hugging-face-"
_EXTRA = "huggingface"
_CONFIG = "config.json"
_MAX_CONFIG_BYTES = 16 * 2**20
_INPUT = "inputs"
_NAMED_INPUTS = {"question-answering": ("question", "context")}
_IMAGE = "image"
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "USE_TF": "0",
}


def task_of(framework: Framework) -> str:
    """Return the task that transformers knows, e.g. ``summarization``."""
    return framework.removeprefix(_PREFIX)


def check(request: Inspect) -> Inspected:
    """Look for the model's configuration in the archive, without loading anything."""
    with open_archive(Path(request.path), request.label) as archive:
        files = {entry.path: entry for entry in entries(archive, request.label)}
        config = files.get(_root(files) / _CONFIG)
        if config is None:
            raise InvalidModel(
                f"{request.label} has no {_CONFIG}: expected what save_pretrained wrote, at the root of the archive or "
                f"in its only folder; got {sorted(str(path) for path in files)[:5]}.",
                hint="pipeline.save_pretrained('model'), then zip the folder's contents.",
            )
        text = read(archive, config, _MAX_CONFIG_BYTES, request.label)
        try:
            kind = json.loads(text).get("model_type")
        except (ValueError, AttributeError, RecursionError):
            raise InvalidModel(f"{request.label}: {_CONFIG} is not a JSON object.") from None
    return Inspected(runtime=Runtime.FLIGHT, note=f"Hugging Face {task_of(request.framework)}, model type {kind!s:.60}")


def _root(files: Mapping[PurePosixPath, object]) -> PurePosixPath:
    found = [path.parent for path in files if path.name == _CONFIG]
    return min(found, key=lambda parent: len(parent.parts), default=PurePosixPath())


def load(model: PlannedModel, threads: int) -> HuggingFacePipeline:
    """Unpack the archive into the process's own directory and load the pipeline."""
    label = f"Model {model.name!r}"
    os.environ.update(_OFFLINE)
    torch = need("torch", _EXTRA, label)
    transformers = need("transformers", _EXTRA, label)
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(threads)
    folder = Path.cwd() / "model"
    unpack(check_pinned(model), folder, label)
    root = _root({PurePosixPath(path.relative_to(folder)): path for path in folder.rglob(_CONFIG)})
    task = task_of(model.framework)
    pipe = transformers.pipeline(task, model=str(folder / root), device="cpu", trust_remote_code=False)
    return HuggingFacePipeline(pipe, task, model.name)


class HuggingFacePipeline:
    """A loaded pipeline.

    Parameters
    ----------
    pipe
        What `transformers.pipeline` gave.
    task
        Its task.
    name
        How messages call the model.
    """

    def __init__(self, pipe: Any, task: str, name: str) -> None:
        self._pipe = pipe
        self._task = task
        self._name = name

    def run(self, columns: Mapping[str, pa.Array]) -> Batch:
        """Return the pipeline's answers, one per row (see `ColumnRuntime.run`)."""
        rows = pa.table(dict(columns)).to_pylist()
        inputs = self._inputs(list(columns), columns)
        answers: list[Any] = []
        for parameters, group in _alike(rows, inputs):
            answers.extend(self._answers(group, inputs, parameters))
        records = [self._record(answer) for answer in answers]
        return arrays.to_columns({name: [record.get(name) for record in records] for name in records[0]})

    def _inputs(self, names: list[str], columns: Mapping[str, pa.Array]) -> tuple[str, ...]:
        wanted = _NAMED_INPUTS.get(self._task, (_INPUT,))
        if set(wanted) <= set(names):
            return wanted
        texts = [name for name in names if pa.types.is_string(columns[name].type)]
        if wanted == (_INPUT,) and (len(texts) == 1 or len(names) == 1):
            return (texts[0] if texts else names[0],)
        raise InvalidInput(
            f"Model {self._name!r} ({self._task}) needs the columns {list(wanted)}; got {sorted(names)}.",
            hint="Rename a column.",
        )

    def _answers(self, rows: list[dict[str, Any]], inputs: tuple[str, ...], parameters: dict[str, Any]) -> list[Any]:
        if len(inputs) > 1:
            return [self._pipe(**{name: row[name] for name in inputs}, **parameters) for row in rows]
        values = [self._value(row[inputs[0]]) for row in rows]
        if "candidate_labels" in parameters:
            return [self._pipe(value, **parameters) for value in values]
        answers = self._pipe(values, **parameters)
        return answers if isinstance(answers, list) else [answers]

    def _value(self, value: Any) -> Any:
        """Return one input as transformers wants it: pixels as an image, samples of sound as an array."""
        is_picture = _IMAGE in self._task or "object" in self._task
        if isinstance(value, str) and (is_picture or "speech" in self._task):
            raise InvalidInput(
                f"Model {self._name!r} ({self._task}) takes numbers; got the text {value[:40]!r}.",
                hint="Send pixels or samples of sound as lists of numbers; files and addresses are not read here.",
            )
        if not isinstance(value, list):
            return value
        if is_picture:
            image = need("PIL.Image", _EXTRA, f"Model {self._name!r}")
            return image.fromarray(np.array(value, np.uint8))
        return np.array(value, np.float32) if value and isinstance(value[0], float) else value

    def _record(self, answer: Any) -> dict[str, Any]:
        """Return one answer as columns: of several (``top_k``), each column holds the list."""
        if isinstance(answer, dict):
            return {name: _plain(value) for name, value in answer.items()}
        if isinstance(answer, list) and answer and isinstance(answer[0], dict):
            return {name: [_plain(item[name]) for item in answer] for name in answer[0]}
        return {"output": answer[0] if isinstance(answer, list) and len(answer) == 1 else answer}


def _alike(
    rows: list[dict[str, Any]], inputs: tuple[str, ...]
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Yield runs of rows that have the same parameters, with these."""

    def parameters(row: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in row.items() if name not in inputs and value is not None}

    for _, group in groupby(rows, key=lambda row: json.dumps(parameters(row), default=str)):
        together = list(group)
        yield parameters(together[0]), together


def _plain(value: Any) -> Any:
    """Return a value of an answer without tensors and images in it."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "getdata"):
        return np.asarray(value).tolist()
    return value
