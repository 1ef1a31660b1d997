"""A graph of twelve steps that write down where they ran, and what tests of runs do over and over."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

LIMIT_S = 60.0

_NOTE = """
import os, wallaroo
with open(wallaroo.step.parameters()["evidence"], "a") as file:
    file.write(f"{wallaroo.step.name()} {os.getpid()}\\n")
"""


def notebook(*cells: str, defaults: str = "") -> NotebookNode:
    """A notebook of code cells, the first with defaults of parameters when there are any."""
    first = [new_code_cell(defaults, metadata={"tags": ["parameters"]})] if defaults else []
    return new_notebook(cells=[*first, *(new_code_cell(cell) for cell in cells)])


def script(code: str, *parents: str, **more: Any) -> dict[str, Any]:
    """A script that notes that it ran."""
    return {"kind": "script", "source": _NOTE + code, "parents": list(parents), **more}


def cells(code: str, *parents: str, defaults: str = "", **more: Any) -> dict[str, Any]:
    """A notebook that notes that it ran."""
    source = notebook(_NOTE, code, defaults=defaults)
    return {"kind": "notebook", "source": source, "parents": list(parents), **more}


def inference(pipeline: str, *parents: str, **more: Any) -> dict[str, Any]:
    return {"kind": "inference", "pipeline": pipeline, "parents": list(parents), **more}


def twelve(pipeline: str) -> dict[str, Any]:
    """Three notebooks, two inferences and seven scripts; ``pipeline`` adds up three numbers."""
    return {
        "load": script("wallaroo.step.output('numbers', list(range(12)))"),
        "settings": script("wallaroo.step.output('factor', 2)"),
        "clean": cells(
            "given = wallaroo.step.inputs()['load']\nwallaroo.step.output('kept', given[:limit])",
            "load",
            defaults="limit = 1",
            parameters={"limit": 9},
        ),
        "split": script(
            "import pandas as pd\n"
            "kept, factor = (wallaroo.step.inputs()[name] for name in ('clean', 'settings'))\n"
            "rows = [[float(factor * number) for number in kept[at : at + 3]] for at in range(0, len(kept), 3)]\n"
            "wallaroo.step.output('rows', pd.DataFrame({'tensor': rows}))\n"
            "wallaroo.step.output('first', pd.DataFrame({'tensor': rows[:1]}))",
            "clean",
            "settings",
        ),
        "score": inference(pipeline, "split", input="split.rows", dataset=["out"]),
        "check": inference(pipeline, "split", input="split.first", dataset=["out"]),
        "left": cells(
            "sums = wallaroo.step.inputs()['score']\nwallaroo.step.output('sums', [row[0] for row in sums['out.y']])\nsums",
            "score",
        ),
        "right": cells("wallaroo.step.output('count', len(wallaroo.step.inputs()['check']))", "check"),
        "merge": script(
            "given = wallaroo.step.inputs()\nwallaroo.step.output('both', [given['left'], given['right']])",
            "left",
            "right",
        ),
        "aside": script("wallaroo.step.output('raw', b'123')"),
        "beside": script("wallaroo.step.output('size', len(wallaroo.step.inputs()['aside']))", "aside"),
        "final": script("wallaroo.step.output('all', {**wallaroo.step.inputs()})", "merge", "beside"),
    }


CODE_STEPS = {"load", "settings", "clean", "split", "left", "right", "merge", "aside", "beside", "final"}


class Evidence:
    """What steps themselves wrote down."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self) -> list[str]:
        """The steps that ran since the last look, in their order."""
        if not self.path.exists():
            return []
        lines = self.path.read_text().splitlines()
        self.path.unlink()
        assert len({line.split()[1] for line in lines}) == len(lines), "each on a kernel of its own"
        return [line.split()[0] for line in lines]


def submit(client: httpx.Client, steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Submit a run that must be taken."""
    definition = {"steps": steps, "parameters": more.pop("parameters", {})}
    response = client.post("runs/", json={"definition": definition, **more})
    assert response.status_code == 200, response.text
    run: dict[str, Any] = response.json()
    return run


def ended(client: httpx.Client, run: dict[str, Any], limit_s: float = LIMIT_S) -> dict[str, Any]:
    """Wait until a run has ended."""
    return until(client, run, lambda state: state["ended_at"] is not None, limit_s)


def until(client: httpx.Client, run: dict[str, Any], is_so: Any, limit_s: float = LIMIT_S) -> dict[str, Any]:
    """Look at a run until something is so."""
    last = time.monotonic() + limit_s
    while True:
        state: dict[str, Any] = client.get(f"runs/{run['id']}").json()
        if is_so(state):
            return state
        assert time.monotonic() < last, state
        time.sleep(0.05)


def statuses(run: dict[str, Any]) -> dict[str, str]:
    return {step["key"]: step["status"] for step in run["steps"]}
