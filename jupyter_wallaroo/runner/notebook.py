"""Executes one step on a kernel that runs: a notebook cell by cell, a script as one cell."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

# jsonschema, which nbformat imports, would make a grammar of URIs out of it: a second of every process's life for a
# check that no notebook needs. It does without where the module is missing.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

import nbformat  # noqa: E402
from jupyter_client.asynchronous.client import AsyncKernelClient  # noqa: E402
from nbclient import NotebookClient  # noqa: E402
from nbclient.exceptions import CellExecutionError, DeadKernelError  # noqa: E402

from jupyter_wallaroo.types.step_order import EXECUTED_NAME, KernelAddress, StepOrder, StepVerdict  # noqa: E402

_format: Any = nbformat
_v4: Any = nbformat.v4

READY_LIMIT_S = 60.0
MAX_OUTPUT_BYTES = 16 * 2**20
"""What the cells of a notebook may print and show together; the rest is left out of the executed notebook."""
MAX_REASON = 500
MAX_TRACEBACK = 20_000
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_MESSAGE_BYTES = 200
_INJECTED = "injected-parameters"

_SETUP = """
import os, sys, tempfile
facts = {facts!r}
if not os.path.isdir(facts["directory"]):
    raise RuntimeError("the kernel does not see the step's folder; a gateway has to share the server's file system")
os.environ.update(facts["environment"])
tempfile.tempdir = None
os.chdir(facts["directory"])
if facts["nice"] and hasattr(os, "nice"):
    os.nice(facts["nice"])
try:
    import jupyter_wallaroo.alias
except ImportError:
    pass
"""


class Refused(Exception):
    """The step cannot be executed as it is; says why."""


class BoundedClient(NotebookClient):
    """A client that keeps so much of what cells print and no more."""

    kept_bytes = 0

    def output(self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int) -> Any:
        """Take one output (nbclient calls this)."""
        content = msg["content"]
        size = len(content.get("text", "")) + sum(len(str(item)) for item in content.get("data", {}).values())
        was_within = self.kept_bytes <= MAX_OUTPUT_BYTES
        self.kept_bytes += size + _MESSAGE_BYTES
        if self.kept_bytes > MAX_OUTPUT_BYTES and msg["msg_type"] != "error":
            if not was_within:
                return None
            msg["msg_type"] = msg["header"]["msg_type"] = "stream"
            msg["content"] = {"name": "stderr", "text": f"\n… more than {MAX_OUTPUT_BYTES} bytes: left out\n"}
        return super().output(outs, msg, display_id, cell_index)


class TrustingClient(AsyncKernelClient):
    """A client that leaves it to the server to see whether the kernel's process lives.

    Without a process to look at, Jupyter's own goes by the heartbeat, and takes a kernel for dead that only computes.
    """

    async def _async_is_alive(self) -> bool:
        return True

    is_alive = _async_is_alive


async def execute(order: StepOrder) -> StepVerdict:
    """Execute a step, write down the executed notebook whatever happens, and say how it went."""
    client = _kernel_client(order.kernel)
    notebook = None
    has_begun = False
    try:
        started: Any = client.start_channels()
        if started is not None:
            await started
        await client.wait_for_ready(timeout=READY_LIMIT_S)
        notebook = _notebook(order)
        run = await _set_up(client, notebook, order)
        has_begun = True
        await _execute_cells(run, notebook)
    except CellExecutionError as error:
        return _failed(order, notebook, error)
    except DeadKernelError:
        return StepVerdict(number=order.number, reason="Its kernel died.", is_kernel_lost=True, has_begun=has_begun)
    except Refused as error:
        return StepVerdict(number=order.number, reason=str(error)[:MAX_REASON])
    except RuntimeError as error:
        said = str(error)[:MAX_REASON]
        return StepVerdict(number=order.number, reason=said, is_kernel_lost=not has_begun, has_begun=has_begun)
    except asyncio.CancelledError:
        return StepVerdict(number=order.number, reason="It was cancelled.", has_begun=has_begun)
    finally:
        client.stop_channels()
        if notebook is not None:
            _format.write(notebook, Path(order.directory) / EXECUTED_NAME)
    return StepVerdict(number=order.number)


def _kernel_client(kernel: KernelAddress) -> Any:
    if kernel.gateway is None:
        client = TrustingClient()
        client.load_connection_file(kernel.connection_file)
        return client
    from jupyter_wallaroo.runner import gateway

    return gateway.connect(kernel.gateway, kernel.kernel_id)


async def _set_up(client: Any, notebook: Any, order: StepOrder) -> BoundedClient:
    """Return a client for a kernel that is as the step wants it."""
    run = BoundedClient(notebook, timeout=None, coalesce_streams=True)
    run.kc = client
    client.allow_stdin = False
    run.reset_execution_trackers()
    info = await run.async_wait_for_reply(await _sent(client.kernel_info()))
    language = (info or {}).get("content", {}).get("language_info", {})
    notebook.metadata["language_info"] = language
    if language.get("name") == "python":
        await _settle_in(run, client, order)
        if not order.is_notebook:
            call = f"import runpy\n\n_ = runpy.run_path({order.name!r}, run_name='__main__')"
            notebook.cells = [_v4.new_code_cell(call, metadata={"tags": ["script"]})]
    elif order.parameters:
        raise Refused(f"Parameters are for kernels that speak Python; this one speaks {language.get('name')!r}.")
    return run


async def _execute_cells(run: BoundedClient, notebook: Any) -> None:
    for index, cell in enumerate(notebook.cells):
        await run.async_execute_cell(cell, index, execution_count=run.code_cells_executed + 1)
    run.set_widgets_metadata()


async def _sent(message: Any) -> str:
    """Return the id of a message that was sent; some clients send in a coroutine."""
    return str(await message if hasattr(message, "__await__") else message)


async def _settle_in(run: BoundedClient, client: Any, order: StepOrder) -> None:
    """Give the kernel its environment and folder; silently, so that it works alike on kernels of a gateway."""
    facts = {"environment": order.environment, "directory": order.work_directory, "nice": order.nice}
    code = f"exec({_SETUP.format(facts=facts)!r}, {{}})"
    reply = await run.async_wait_for_reply(
        await _sent(client.execute(code, silent=True, store_history=False, stop_on_error=False))
    )
    content = (reply or {}).get("content", {})
    if content.get("status") != "ok":
        raise Refused(f"Its kernel could not be set up: {content.get('evalue') or content.get('status')}.")


def _notebook(order: StepOrder) -> Any:
    text = (Path(order.directory) / order.source).read_text(encoding="utf-8")
    if not order.is_notebook:
        return _v4.new_notebook(cells=[_v4.new_code_cell(text)])
    notebook = _format.reads(text, as_version=4)
    if order.parameters:
        _inject(notebook, order.parameters)
    return notebook


def _inject(notebook: Any, parameters: dict[str, Any]) -> None:
    """Put parameters where papermill's users look for them: after the cell that holds their defaults, else first."""

    def place(tag: str) -> int | None:
        tagged = [index for index, cell in enumerate(notebook.cells) if tag in cell.metadata.get("tags", [])]
        return tagged[0] if tagged else None

    lines = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    cell = _v4.new_code_cell(f"# Parameters\n{lines}", metadata={"tags": [_INJECTED]})
    earlier = place(_INJECTED)
    if earlier is not None:
        notebook.cells[earlier] = cell
        return
    defaults = place("parameters")
    notebook.cells.insert(0 if defaults is None else defaults + 1, cell)


def _failed(order: StepOrder, notebook: Any, error: CellExecutionError) -> StepVerdict:
    where = ""
    if order.is_notebook:
        failed = next(
            (
                index
                for index, cell in enumerate(notebook.cells, 1)
                if any(output.output_type == "error" for output in cell.get("outputs", []))
            ),
            None,
        )
        where = f" (cell {failed} of {len(notebook.cells)})" if failed else ""
    said = f"{error.ename}: {error.evalue}" if error.evalue else error.ename
    return StepVerdict(
        number=order.number,
        reason=f"{_ANSI.sub('', said)[:MAX_REASON]}{where}",
        traceback=_ANSI.sub("", error.traceback)[-MAX_TRACEBACK:],
    )
