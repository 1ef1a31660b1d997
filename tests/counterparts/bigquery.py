"""A BigQuery of one's own: bqemulator, in an environment that is built once."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.counterparts import environments
from tests.counterparts.processes import Missing, free_port, listening

DATASET = "houses"

_DUCKDB = "1.5.5"
_REQUIREMENTS = (
    "bqemulator==1.4.*",
    "numpy",
    f"duckdb=={_DUCKDB}",
    f"duckdb-extension-spatial=={_DUCKDB}",
    f"duckdb-extensions=={_DUCKDB}",
)


@dataclass(frozen=True)
class BigQueryService:
    """A running service with an empty dataset.

    Attributes
    ----------
    environment
        What a process needs for Google's client to find the service without any options, and to stay on the loopback:
        google-auth asks Google in the background where a key may be used, whatever the service is.
    details
        Of a connection: a service account's key, the dataset, and the service's address as ``api_endpoint``.
    """

    environment: dict[str, str]
    details: dict[str, Any]

    def key(self, table: str) -> dict[str, Any]:
        """Return the details as seed S5 has them: key, dataset and table, and nothing about where the service is."""
        return {name: value for name, value in self.details.items() if name != "api_endpoint"} | {"table": table}


@contextlib.contextmanager
def bigquery(cache: Path) -> Iterator[BigQueryService]:
    """Start the service; its environment is built in ``cache`` when it is not there yet."""
    python = environments.made(cache, "bqemulator", _REQUIREMENTS, _with_spatial(cache / "home"))
    port, other_port = free_port(), free_port()
    program = [str(python.parent / "bqemulator"), "start", "--rest-port", str(port), "--grpc-port", str(other_port)]
    env = {**os.environ, "HOME": str(cache / "home")}
    with (
        tempfile.TemporaryDirectory(prefix="bigquery-") as folder,
        _token_service() as token_uri,
        listening([*program, "--log-level", "warning"], port, Path(folder) / "log", env=env),
    ):
        url = f"http://127.0.0.1:{port}"
        details = {**_service_account(token_uri), "dataset": DATASET, "api_endpoint": url}
        _make_dataset(details)
        environment = {"BIGQUERY_EMULATOR_HOST": url, "HTTPS_PROXY": "http://127.0.0.1:9"}
        yield BigQueryService(environment, details)


def _with_spatial(home: Path) -> Callable[[Path], None]:
    """Return what unpacks DuckDB's extension into a home folder of the emulator's own."""

    def unpack(python: Path) -> None:
        home.mkdir(exist_ok=True)
        code = "from duckdb_extensions import import_extension; import_extension('spatial')"
        environments.run(python, "-c", code, env={**os.environ, "HOME": str(home)})

    return unpack


def _service_account(token_uri: str) -> dict[str, Any]:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    email = "wallaroo@house-project.iam.gserviceaccount.com"
    return {
        "type": "service_account",
        "project_id": "house-project",
        "private_key_id": "0123456789abcdef",
        "private_key": pem,
        "client_email": email,
        "client_id": "100000000000000000001",
        "auth_uri": token_uri.replace("/token", "/auth"),
        "token_uri": token_uri,
        "auth_provider_x509_cert_url": token_uri.replace("/token", "/certs"),
        "client_x509_cert_url": token_uri.replace("/token", f"/certs/{email}"),
    }


def _make_dataset(details: dict[str, Any]) -> None:
    try:
        from google.cloud import bigquery as client_library
        from google.oauth2 import service_account
    except ImportError:
        raise Missing("google-cloud-bigquery is not installed: pip install 'jupyter-wallaroo[bigquery]'") from None
    credentials = service_account.Credentials.from_service_account_info(details)
    options = {"api_endpoint": details["api_endpoint"]}
    with client_library.Client(details["project_id"], credentials, client_options=options) as client:
        client.create_dataset(DATASET, timeout=30)


@contextlib.contextmanager
def _token_service() -> Iterator[str]:
    """Yield the URL of a door that gives a token for every signed request."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _TokenHandler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="token service")
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/token"
        finally:
            server.shutdown()
            thread.join()


class _TokenHandler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"access_token": "token-of-the-test", "expires_in": 3600, "token_type": "Bearer"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing on the standard error stream."""
