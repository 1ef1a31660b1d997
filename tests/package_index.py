"""A package index on the loopback, as pip asks one, that can keep whoever asks waiting."""

from __future__ import annotations

import contextlib
import http.server
import io
import threading
import zipfile
from types import TracebackType

STOP_LIMIT_S = 60.0


def wheel(name: str, version: str, source: str) -> bytes:
    """A package with one module."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return sink.getvalue()


class PackageIndex:
    """Serves wheels while it is entered; `gate` is open at first, and nobody is answered while it is closed."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()
        self.wheels: dict[str, bytes] = {}
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                index.asked.set()
                index.gate.wait(STOP_LIMIT_S)
                name = self.path.strip("/").rpartition("/")[2]
                links = [f'<a href="/files/{file}">{file}</a>' for file in index.wheels if file.startswith(f"{name}-")]
                body = index.wheels.get(name)
                kind = "application/octet-stream" if body is not None else "text/html"
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # whoever asked was killed
                    self.send_response(200 if body is not None or links else 404)
                    self.send_header("Content-Type", kind)
                    self.end_headers()
                    self.wfile.write(body if body is not None else "".join(links).encode())

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._serving = threading.Thread(target=self._server.serve_forever)

    @property
    def settings(self) -> dict[str, str]:
        """What an operator's environment tells pip, to ask nobody else."""
        url = f"http://ada:correct-horse@127.0.0.1:{self._server.server_address[1]}/simple"
        nothing = {"PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": "/dev/null"}
        return {"PIP_INDEX_URL": url, "PIP_RETRIES": "0", **nothing}

    def add(self, name: str, version: str, source: str = "") -> None:
        """Offer a package with one module."""
        self.wheels[f"{name}-{version}-py3-none-any.whl"] = wheel(name, version, source)

    def __enter__(self) -> PackageIndex:
        self._serving.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._serving.join()
