"""A cell as an orchestration: its archive, and the one on the server that holds just the same."""

from __future__ import annotations

import hashlib
import io
import warnings
import zipfile
from typing import TYPE_CHECKING

from jupyter_wallaroo.magics.usage import usage
from jupyter_wallaroo.sdk.object import OrchestrationPackagingError

if TYPE_CHECKING:
    from jupyter_wallaroo.magics.verb import Call
    from jupyter_wallaroo.sdk.orchestration import Orchestration

ENTRY = "main.py"
REQUIREMENTS = "requirements.txt"
_LOG_LINES = 20


def check(source: str) -> None:
    """Refuse a cell that is no Python, before anything is sent.

    Raises
    ------
    UsageError
        Says the line of the cell.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python thinks of the script is said in its log
            compile(source, ENTRY, "exec", dont_inherit=True)
    except SyntaxError as error:
        shown = f" ({error.text.strip()[:80]})" if error.text else ""
        raise usage(
            f"The cell is no Python: {error.msg} in line {error.lineno} below %%wl task{shown}.",
            "It runs as a script, without magics and without the notebook's variables.",
        ) from None
    except ValueError as error:
        raise usage(f"The cell is no Python: {error}.") from None


def archive(source: str, requirements: list[str]) -> bytes:
    """Return a cell and what it needs as a zip archive; the same of both is the same archive, byte by byte."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as made:
        made.writestr(zipfile.ZipInfo(ENTRY), source)
        if requirements:
            made.writestr(zipfile.ZipInfo(REQUIREMENTS), "".join(f"{line}\n" for line in requirements))
    return sink.getvalue()


def orchestrated(call: Call, name: str, body: bytes) -> Orchestration:
    """Return the orchestration of an archive, ready to be run: what is there already is not sent again.

    Raises
    ------
    OrchestrationPackagingError
        It could not be packaged; the end of what the installer said is printed.
    """
    workspace_id = call.client.get_current_workspace().id()
    sha = hashlib.sha256(body).hexdigest()
    for known in call.client.list_orchestrations(workspace_id):
        if known.sha() == sha and known.name() == name and known.status() == "ready":
            return known
    made = call.client.upload_orchestration(name, bytes_buffer=body)
    try:
        return made.wait()
    except OrchestrationPackagingError:
        call.say("\n".join(made.log().splitlines()[-_LOG_LINES:]))
        raise
