"""Steps of a graph, as they are written down for `Client.run_graph`.

::

    from wallaroo.graph import Inference, Notebook, Script

    steps = {
        "load": Script("load.py"),
        "clean": Notebook("clean.ipynb", parents=["load"], parameters={"limit": 100}),
        "prices": Inference("house-prices", parents=["clean"]),
    }
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.types.run import Definition, InferenceStep, NotebookStep, ScriptStep

__all__ = ["Inference", "Notebook", "Script"]


def Notebook(  # noqa: N802  reads as the step that it gives
    path: str | Path | None = None,
    *,
    source: Mapping[str, Any] | None = None,
    parents: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    files: Sequence[str | Path] = (),
    kernel: str | None = None,
    timeout: float | None = None,
) -> NotebookStep:
    """Return a step that executes a notebook.

    Parameters
    ----------
    path
        A notebook on the server, from the folder that this code works in or from Jupyter's root folder.
    source
        In place of ``path``: a notebook's own JSON. Outputs in it are not sent.
    parents
        The steps whose outputs it reads.
    parameters
        Set in a cell after the one tagged ``parameters``, as papermill does.
    files
        Files and folders that it finds beside itself, where it has them now. Other files are not there: it runs in a
        working copy.
    kernel
        A kernelspec's name; default: the notebook's own.
    timeout
        Seconds.
    """
    return NotebookStep(
        path=_text(path),
        source=None if source is None else _without_outputs(source),
        parents=_names(parents),
        parameters=dict(parameters or {}),
        files=[str(file) for file in files],
        kernel=kernel,
        timeout_s=timeout,
    )


def Script(  # noqa: N802  reads as the step that it gives
    path: str | Path | None = None,
    *,
    source: str | None = None,
    parents: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    files: Sequence[str | Path] = (),
    kernel: str | None = None,
    timeout: float | None = None,
) -> ScriptStep:
    """Return a step that runs a script on a kernel; see `Notebook`. ``wallaroo.step.parameters()`` gives parameters."""
    return ScriptStep(
        path=_text(path),
        source=source,
        parents=_names(parents),
        parameters=dict(parameters or {}),
        files=[str(file) for file in files],
        kernel=kernel,
        timeout_s=timeout,
    )


def Inference(  # noqa: N802  reads as the step that it gives
    pipeline: object,
    *,
    parents: Sequence[str],
    input: str | None = None,  # noqa: A002  as the wire has it
    dataset: Sequence[str] = (),
    dataset_exclude: Sequence[str] = (),
    timeout: float | None = None,
) -> InferenceStep:
    """Return a step that sends a table which a parent left to a deployed pipeline, and leaves the answer as ``result``.

    Parameters
    ----------
    pipeline
        A pipeline of the run's workspace, or its name.
    input
        ``parent`` or ``parent.output``; not needed where there is one parent with one table.
    dataset, dataset_exclude
        Columns of the answer, as for ``pipeline.infer``.
    timeout
        Seconds.
    """
    named = pipeline if isinstance(pipeline, str) else getattr(pipeline, "name", lambda: None)()
    if not isinstance(named, str):
        raise InvalidRequest(f"Inference takes a pipeline or its name; got {type(pipeline).__name__}.")
    return InferenceStep(
        pipeline=named,
        parents=_names(parents),
        input=input,
        dataset=list(dataset),
        dataset_exclude=list(dataset_exclude),
        timeout_s=timeout,
    )


GraphStep: TypeAlias = NotebookStep | ScriptStep | InferenceStep


def definition(steps: Mapping[str, GraphStep], parameters: Mapping[str, Any] | None) -> Definition:
    """Return steps as they are submitted, or raise `InvalidRequest` naming what is none."""
    for key, step in steps.items():
        if not isinstance(step, NotebookStep | ScriptStep | InferenceStep):
            raise InvalidRequest(
                f"Step {key!r}: expected a Notebook, Script or Inference; got {type(step).__name__}.",
                hint="from wallaroo.graph import Inference, Notebook, Script",
            )
    return Definition(steps=dict(steps), parameters=dict(parameters or {}))


def _names(parents: Sequence[str]) -> list[str]:
    return [parents] if isinstance(parents, str) else list(parents)


def _text(path: str | Path | None) -> str | None:
    return None if path is None else str(path)


def _without_outputs(source: Mapping[str, Any]) -> dict[str, Any]:
    cells = [
        {**cell, "outputs": [], "execution_count": None} if cell.get("cell_type") == "code" else dict(cell)
        for cell in source.get("cells", [])
    ]
    return {**source, "cells": cells}
