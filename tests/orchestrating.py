"""What tests of orchestrations do first over REST: upload one, and wait until it is packaged."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx

from tests.deploying import default_workspace, post

PACKAGING_LIMIT_S = 120.0


def send(
    client: httpx.Client, body: bytes, name: str | None = "nightly", file_name: str = "nightly.zip", **metadata: Any
) -> httpx.Response:
    """Send an archive as the vendor's client does and return whatever is answered."""
    said = {"workspace_id": metadata.pop("workspace_id", None) or default_workspace(client), "name": name, **metadata}
    files = {
        "file": (file_name, body, "application/octet-stream"),
        "metadata": (None, json.dumps(said), "application/json"),
    }
    return client.post("orchestration/upload", files=files)


def uploaded(client: httpx.Client, body: bytes, name: str | None = "nightly", **more: Any) -> str:
    """Upload an archive, which must be taken, and return the orchestration's id."""
    response = send(client, body, name, **more)
    assert response.status_code == 202, response.text
    assert response.json().keys() == {"id"}
    identifier: str = response.json()["id"]
    return identifier


def settled(client: httpx.Client, identifier: str, limit_s: float = PACKAGING_LIMIT_S) -> dict[str, Any]:
    """Wait until an orchestration is packaged or could not be, and return it."""
    until = time.monotonic() + limit_s
    while True:
        found: dict[str, Any] = post(client, "orchestration/get_by_id", id=identifier)
        if found["status"] in ("ready", "error"):
            return found
        assert time.monotonic() < until, f"{identifier} is still {found['status']}"
        time.sleep(0.02)
