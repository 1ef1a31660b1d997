"""Applying definitions over REST, and waiting until what is applied answers."""

from __future__ import annotations

import time
from typing import Any

import httpx

from tests.deploying import READY_LIMIT_S, infer, post


def apply(client: httpx.Client, *items: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Apply pipelines, which must succeed, and return the answer."""
    answer: dict[str, Any] = post(client, "pipelines/apply", pipelines=list(items), **options)
    return answer


def refused(client: httpx.Client, status: int, *items: dict[str, Any], **options: Any) -> dict[str, Any]:
    """Apply pipelines, which must be refused with a status, and return the error."""
    response = client.post("pipelines/apply", json={"pipelines": list(items), **options})
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()
    return error


def wait_switched(client: httpx.Client, deployment: dict[str, Any]) -> dict[str, Any]:
    """Wait until what was applied runs, and nothing that it replaces, as clients do; return the status."""
    until = time.monotonic() + READY_LIMIT_S
    while True:
        status: dict[str, Any] = post(client, "status/get_deployment", name=deployment["name"])
        names = {engine["name"] for engine in status["engines"]}
        if status["status"] == "Running" and names.isdisjoint(deployment["replacing"]):
            return status
        assert time.monotonic() < until, f"{deployment['name']} has not switched: {status}"
        time.sleep(0.02)


def url_of(client: httpx.Client, pipeline: str, workspace_id: int) -> str:
    """Return the address that takes a pipeline's inferences."""
    answer = post(client, "admin/get_pipeline_external_url", workspace_id=workspace_id, pipeline_name=pipeline)
    url: str = answer["url"]
    return url


def answer_of(client: httpx.Client, url: str) -> float:
    """Return what a pipeline of `tests.models.row_sum` models answers to 1, 2, 3."""
    (out,) = infer(client, url, [{"tensor": [1.0, 2.0, 3.0]}])
    value: float = next(iter(out.values()))[0]
    return value
