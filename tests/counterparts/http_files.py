"""A folder behind HTTP."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class HttpFiles:
    """The folder, its URL, and what was asked for.

    Attributes
    ----------
    requests
        Method, path and headers of each request, the latest last.
    redirects
        Paths that are answered 302, with where they lead.
    token
        When set, every request has to bring it as a bearer.
    """

    folder: Path
    url: str
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    token: str | None = None


@contextlib.contextmanager
def http_files(folder: Path) -> Iterator[HttpFiles]:
    """Serve a folder: GET reads, PUT and POST write what is then there to read."""
    files = HttpFiles(folder, "")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, files)) as server:
        files.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="http_files")
        thread.start()
        try:
            yield files
        finally:
            server.shutdown()
            thread.join()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, files: HttpFiles, *args: Any) -> None:
        self._files = files
        super().__init__(*args, directory=str(files.folder))

    def do_GET(self) -> None:
        if self._may_go_on():
            super().do_GET()

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._may_go_on():
            Path(self.translate_path(self.path)).write_bytes(body)
            self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()

    do_POST = do_PUT  # noqa: N815 the library calls it so

    def _may_go_on(self) -> bool:
        self._files.requests.append((self.command, self.path, dict(self.headers)))
        if self.path in self._files.redirects:
            self.send_response(302)
            self.send_header("Location", self._files.redirects[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return False
        if self._files.token is not None and self.headers.get("Authorization") != f"Bearer {self._files.token}":
            body = f"not the token: {self.headers.get('Authorization')}".encode()
            self.send_response(401)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return False
        return True

    def log_message(self, *_: Any) -> None:
        """Say nothing on the standard error stream."""
