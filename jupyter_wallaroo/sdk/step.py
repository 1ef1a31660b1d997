"""A step of a graph, as the code in it sees itself: what its parents left, and what it leaves for its children.

A notebook or script that runs as a step says::

    import wallaroo

    houses = wallaroo.step.inputs()["load"]
    wallaroo.step.output("clean", houses.dropna())

The same code can be tried out in an open notebook: `try_out` says what the inputs are to be.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import step_values
from jupyter_wallaroo.types.run import OutputKind, ReportStep
from jupyter_wallaroo.types.run_plan import InputFile, StepInputs
from jupyter_wallaroo.types.step_order import (
    DIRECTORY_VARIABLE,
    INPUTS_NAME,
    OUTPUTS_NAME,
    RUN_VARIABLE,
    STEP_VARIABLE,
)

__all__ = ["inputs", "inputs_of", "is_running", "name", "output", "parameters", "report", "try_out"]

RESULT = "result"
"""The output that is meant where a step left several and nobody says which."""

_tried: dict[str, Any] = {}


class Inputs(Mapping[str, Any]):
    """What each parent left, read when it is asked for.

    A parent's value is its only output, or the one called ``result``; `inputs_of` gives all of a parent that left more.
    """

    def __init__(self, parents: Mapping[str, list[InputFile]]) -> None:
        self._parents = parents

    def __getitem__(self, parent: str) -> Any:
        """Return what a parent left."""
        files = _files(self._parents, parent)
        if len(files) != 1:
            files = [file for file in files if file.name == RESULT]
        if not files:
            names = [file.name for file in self._parents[parent]]
            raise InvalidRequest(
                f"Step {parent!r} left {len(names)} outputs" + (f": {names}." if names else "."),
                hint=f"wallaroo.step.inputs_of({parent!r})[{names[0]!r}] gives one." if names else "",
            )
        return _read(files[0])

    def __iter__(self) -> Iterator[str]:
        return iter(self._parents)

    def __len__(self) -> int:
        return len(self._parents)

    def __repr__(self) -> str:
        said = {parent: [file.name for file in files] for parent, files in self._parents.items()}
        return f"Inputs({said})"


def is_running() -> bool:
    """Tell whether this code is run as a step of a graph."""
    return DIRECTORY_VARIABLE in os.environ


def name() -> str:
    """Return the name of the step that this code is."""
    _directory()
    return os.environ[STEP_VARIABLE]


def inputs() -> Mapping[str, Any]:
    """Return what each parent left, by the parent's name: DataFrames, bytes, or plain values.

    Raises
    ------
    InvalidRequest
        This code does not run as a step, nor is it tried out.

    Examples
    --------
    >>> try_out(inputs={"load": [1, 2, 3]})
    >>> sum(inputs()["load"])
    6
    """
    if not is_running() and "inputs" in _tried:
        tried: Mapping[str, Any] = _tried["inputs"]
        return tried
    return Inputs(_given().parents)


def inputs_of(parent: str) -> dict[str, Any]:
    """Return everything that one parent left, by the names of its outputs."""
    return {file.name: _read(file) for file in _files(_given().parents, parent)}


def parameters() -> dict[str, Any]:
    """Return the step's parameters; a notebook has them as variables, too."""
    if not is_running() and "parameters" in _tried:
        return dict(_tried["parameters"])
    return _given().parameters


def output(name: str, value: object) -> None:
    """Leave something for the steps that come after this one, and for ``run.outputs``.

    Parameters
    ----------
    name
        What it is called; the last one of a name counts.
    value
        A DataFrame (its index is left behind) or an Arrow table, kept as Arrow; bytes; a ``pathlib.Path``, whose file
        is kept; or what JSON can say.

    Notes
    -----
    Tried out in an open notebook, it keeps nothing.
    """
    if not is_running() and _tried:
        return
    step_values.write(_directory() / OUTPUTS_NAME, name, value)


def report(message: str) -> None:
    """Say how far the step is; whoever watches the run sees it."""
    if not is_running() and _tried:
        print(message)  # noqa: T201
        return
    _directory()
    from jupyter_wallaroo.sdk.client import Client

    run, step = os.environ[RUN_VARIABLE], os.environ[STEP_VARIABLE]
    with Client() as client:
        said = ReportStep(run=run, step=step, status="STARTED", message=message)
        client.api.send_json("PUT", step_path(run, step), said)


def try_out(*, inputs: Mapping[str, Any] | None = None, parameters: Mapping[str, Any] | None = None) -> None:
    """Have `inputs` and `parameters` give these where no step is run, and `output` keep nothing there."""
    _tried.update(inputs=dict(inputs or {}), parameters=dict(parameters or {}))


def step_path(run: str, step: str) -> str:
    """Return the route of a step."""
    from urllib.parse import quote

    return f"runs/{run}/{quote(step, safe='')}"


def _directory() -> Path:
    told = os.environ.get(DIRECTORY_VARIABLE)
    if told is None:
        raise InvalidRequest(
            "This code does not run as a step of a graph.",
            hint="wallaroo.step.try_out(inputs={…}) says what its inputs are to be while you write it.",
        )
    return Path(told)


def _given() -> StepInputs:
    return msgspec.json.decode((_directory() / INPUTS_NAME).read_bytes(), type=StepInputs)


def _files(parents: Mapping[str, list[InputFile]], parent: str) -> list[InputFile]:
    if parent not in parents:
        raise errors.not_found("Parent", parent, parents)
    return parents[parent]


def _read(file: InputFile) -> Any:
    return step_values.read(OutputKind(file.kind), Path(file.path).read_bytes())
