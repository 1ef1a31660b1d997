"""Names as nobody should have, and a server on which everything is called so."""

from __future__ import annotations

import http.server
import json
import re
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pyarrow as pa

from jupyter_wallaroo.sdk import Client

NAMES = [
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    "\"><svg onload='window.pwned=1'>",
    "'><b style=color:red>bold</b>",
    '<a href="javascript:window.pwned=1">link</a>',
    "</textarea><script>window.pwned=1</script>",
    "</option></select><img src=x onerror=window.pwned=1>",
    '<iframe srcdoc="<script>parent.pwned=1</script>"></iframe>',
    "<style>*{display:none}</style>",
    '<button data-commandlinker-command="terminal:create-new">press</button>',
    "&lt;b&gt;&#60;i&#62;",
    "{{constructor.constructor('window.pwned=1')()}}",
    "${window.pwned=1}`",
    "javascript:window.pwned=1",
    "__proto__",
    "\x00null",
    "a\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07\x9b2J",
    "line\nbreak",
    "carriage\rreturn",
    "tab\tand\x0bvertical\x0cfeed",
    "back\x08\x08space\x7f",
    "\u202egnp.exe",
    "\u2066isolated\u2069 \u202dforced\u202c",
    "\u200eleft\u200fright\u061carabic",
    "zero\u200bwidth\ufeffspace",
    "\u2028line\u2029paragraph",
    "tag\U000e0041\U000e007f",
    "=cmd|' /C calc'!A0",
    "long" * 2000,
]

TOGETHER = 3
TURNS = len(NAMES) // TOGETHER

_KEPT = re.compile(
    r"[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT.*|Running|Starting|Error|ready|onnx|public|private|user|none|x86|aarch64|"
    r"OWNER|COLLABORATOR|add|change|remove|same|Oneshot|CronJob|NetworkService|pending|started|success|fail(ed|ure)"
)
"""Values that are words of the wire: the client would refuse others."""

_MARKED = re.compile(r".*⟦(.*)⟧", re.DOTALL)


class HostileServer:
    """Passes everything on to a real server; in its answers every text has a hostile name before it.

    Parameters
    ----------
    target
        The address that a client takes for the real server.
    turn
        By how many the names are moved on: a field has three at a time, and over `TURNS` turns all of them.
    """

    def __init__(self, target: str) -> None:
        self.turn = 0
        self._http = httpx.Client(timeout=60, trust_env=False)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._pass_on(self, target)

            do_GET = do_POST  # noqa: N815  as http.server calls it

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}/wallaroo"

    def __enter__(self) -> HostileServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._http.close()

    def _pass_on(self, handler: http.server.BaseHTTPRequestHandler, target: str) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        path, _, query = handler.path.removeprefix("/wallaroo").partition("?")
        path = _plain_path(path)
        kept = ("authorization", "content-type", "accept")
        headers = {name: value for name, value in handler.headers.items() if name.lower() in kept}
        if "json" in headers.get("Content-Type", "") and body:
            body = json.dumps(_walk(json.loads(body), _plain)).encode()
        elif "arrow" in headers.get("Content-Type", ""):
            table = pa.ipc.open_file(body).read_all()
            body = _file(table.rename_columns([_plain(name) for name in table.column_names]))
        answer = self._http.request(handler.command, f"{target}{path}?{query}", content=body, headers=headers)
        content = answer.content
        names = self._names()
        if "json" in answer.headers.get("Content-Type", "") and content:
            content = json.dumps(_walk(answer.json(), lambda text: _hostile(text, names))).encode()
        elif "arrow" in answer.headers.get("Content-Type", ""):
            content = _renamed(content, names)
        handler.send_response(answer.status_code)
        for name in ("Content-Type", "x-iteration-cursor", "x-iteration-status"):
            if name in answer.headers:
                handler.send_header(name, answer.headers[name])
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def _names(self) -> Iterator[str]:
        number = self.turn
        while True:
            first = number % TURNS * TOGETHER
            yield "".join(NAMES[first : first + TOGETHER])
            number += 1


def go_to(client: Client, workspace_id: int) -> None:
    """Have a client mean a workspace, whatever that is called."""
    client.set_current_workspace(next(item for item in client.list_workspaces() if item.id() == workspace_id))


def _walk(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _walk(item, change) for name, item in value.items()}
    if isinstance(value, list):
        return [_walk(item, change) for item in value]
    return value


def _hostile(text: str, names: Iterator[str]) -> str:
    return text if not text or _KEPT.fullmatch(text) else f"{next(names)}⟦{text}⟧"


def _plain(text: str) -> str:
    found = _MARKED.fullmatch(text)
    return found[1] if found else text


def _plain_path(path: str) -> str:
    """Return the path of an inference with the real names; names may hold slashes, other paths hold no names."""
    marked = re.findall("⟦(.*?)⟧", unquote(path))
    head = path.partition("/infer/")[0]
    return f"{head}/infer/{'/'.join(map(quote, marked))}" if marked else path


def _renamed(body: bytes, names: Iterator[str]) -> bytes:
    """Return an Arrow file in which inputs, outputs and rules are called otherwise, whether flat or in structs."""
    table = pa.ipc.open_file(body).read_all()
    columns, titles = [], []
    for title, column in zip(table.column_names, table.columns, strict=True):
        group, dot, name = title.partition(".")
        columns.append(_fields_renamed(column, names) if group != "metadata" else column)
        titles.append(f"{group}.{_called(name, names)}" if dot and group != "metadata" else title)
    return _file(pa.table(columns, names=titles))


def _fields_renamed(column: pa.ChunkedArray, names: Iterator[str]) -> pa.ChunkedArray:
    if not pa.types.is_struct(column.type):
        return column
    fields = [_called(column.type.field(at).name, names) for at in range(column.type.num_fields)]
    parts = [pa.StructArray.from_arrays(part.flatten(), names=fields, mask=part.is_null()) for part in column.chunks]
    return pa.chunked_array(parts) if parts else column


def _file(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    found: bytes = sink.getvalue().to_pybytes()
    return found


def _called(name: str, names: Iterator[str]) -> str:
    return name if name == "count" else f"{next(names)}{name}"
