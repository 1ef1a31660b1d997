"""The inference of a form, written as a command and as a program; neither holds a token."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.pipeline import Pipeline

_MEDIA = "application/json; format=pandas-records"


class Snippets(Struct, frozen=True, kw_only=True):
    """The same inference twice, in lines."""

    curl: list[str]
    python: list[str]


def snippets(pipeline: Pipeline, row: dict[str, Any]) -> Snippets:
    """Return how to send a row from a shell, which has the token in ``$JUPYTER_TOKEN``, and from a notebook."""
    body = json.dumps([row])
    curl = [
        f"curl -sS {shlex.quote(pipeline.url())} \\",
        '  -H "Authorization: Bearer $JUPYTER_TOKEN" \\',
        f"  -H {shlex.quote(f'Content-Type: {_MEDIA}')} \\",
        f"  --data-binary {shlex.quote(body)}",
    ]
    python = [
        "import pandas as pd",
        "import wallaroo",
        "",
        "wl = wallaroo.Client()",
        f"wl.set_current_workspace(wl.get_workspace({pipeline.workspace_name()!r}))",
        f"pipeline = wl.get_pipeline({pipeline.name()!r})",
        f"pipeline.infer(pd.DataFrame([{row!r}]))",
    ]
    return Snippets(curl=curl, python=python)
