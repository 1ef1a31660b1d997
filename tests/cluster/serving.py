"""What tests of a cluster ask of a deployment."""

from __future__ import annotations

from typing import Any

import httpx
import psutil

from tests.deploying import Deployed, post


def engines(client: httpx.Client, name: str) -> list[dict[str, Any]]:
    """Return what the status says of each engine."""
    status = post(client, "status/get_deployment", name=name)
    return [engine["info"] for engine in status["engines"]]


def undeploy(client: httpx.Client, deployed: Deployed) -> None:
    """End a deployment and wait until its engines are gone, so that others have the room."""
    pids = [int(info["labels"]["pid"]) for info in engines(client, deployed.name)]
    processes = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)
    _, alive = psutil.wait_procs(processes, 30)
    assert alive == []
