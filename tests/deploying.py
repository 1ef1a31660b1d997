"""What nearly every test does first over REST: upload a model, deploy a pipeline, wait until it runs."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import Any

import httpx

READY_LIMIT_S = 60.0


@dataclass(frozen=True)
class Deployed:
    """A running pipeline."""

    workspace_id: int
    pipeline_id: int
    pipeline_name: str
    deployment_id: int
    name: str
    """``{deploy_id}-{id}``."""
    url: str


def post(client: httpx.Client, path: str, **body: Any) -> Any:
    """Return the answer of a call that must succeed."""
    response = client.post(path, json=body)
    assert response.status_code == 200, f"{path}: {response.status_code} {response.text}"
    return response.json()


def default_workspace(client: httpx.Client) -> int:
    """Return the id of the caller's default workspace."""
    number: int = post(client, "workspaces/get")["id"]
    return number


def upload_form(client: httpx.Client, model: bytes, name: str, **metadata: Any) -> httpx.Response:
    """Send an upload form as the vendor's client does and return whatever is answered."""
    said = {"name": name, "visibility": "private", "conversion": {"framework": "onnx", "requirements": []}}
    said["workspace_id"] = metadata.pop("workspace_id", None) or default_workspace(client)
    said.update(metadata)
    files = {
        "metadata": (None, json.dumps(said), "application/json"),
        "file": (f"{name}.onnx", model, "application/octet-stream"),
    }
    return client.post("models/upload", files=files)


def upload(client: httpx.Client, model: bytes, name: str, **metadata: Any) -> dict[str, Any]:
    """Upload a model and return its version as the server knows it."""
    response = upload_form(client, model, name, **metadata)
    assert response.status_code == 200, response.text
    number = response.json()["insert_models"]["returning"][0]["models"][0]["id"]
    version: dict[str, Any] = post(client, "models/get_version_by_id", model_version_id=number)["model_version"]
    return version["model_version"]


def begin_conversion(
    client: httpx.Client, model: bytes, name: str, framework: str, file_name: str, **metadata: Any
) -> httpx.Response:
    """Send an upload that is converted in the background, and return whatever is answered."""
    conversion = {"framework": framework, "requirements": metadata.pop("requirements", [])}
    if "settings" in metadata:
        conversion["framework_config"] = {"framework": framework, "config": metadata.pop("settings")}
    said = {"name": name, "workspace_id": default_workspace(client), "conversion": conversion, **metadata}
    files = {
        "metadata": (None, json.dumps(said), "application/json"),
        "file": (file_name, model, "application/octet-stream"),
    }
    return client.post("models/upload_and_convert", files=files)


def finish_conversion(client: httpx.Client, response: httpx.Response, limit_s: float = 120.0) -> dict[str, Any]:
    """Wait until an upload is converted or could not be, and return the version."""
    assert response.status_code == 202, response.text
    number = response.json()["insert_models"]["returning"][0]["models"][0]["id"]
    until = time.monotonic() + limit_s
    while True:
        found: dict[str, Any] = post(client, "models/get_version_by_id", model_version_id=number)["model_version"]
        version: dict[str, Any] = found["model_version"]
        if version["status"] in ("ready", "error"):
            return version
        assert time.monotonic() < until, f"{version['name']} is still {version['status']}"
        time.sleep(0.05)


def convert(
    client: httpx.Client, model: bytes, name: str, framework: str, file_name: str, **metadata: Any
) -> dict[str, Any]:
    """Upload a model of any framework and return its version, which must become ready."""
    version = finish_conversion(client, begin_conversion(client, model, name, framework, file_name, **metadata))
    assert version["status"] == "ready", version["error_summary"]
    return version


def schema_text(schema: Any) -> str:
    """Return an Arrow schema as it travels."""
    return base64.b64encode(schema.serialize().to_pybytes()).decode()


def infer(client: httpx.Client, url: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the outputs of an inference on records, one object per row."""
    headers = {"Content-Type": "application/json; format=pandas-records"}
    response = client.post(url, json=rows, headers=headers, params={"dataset[]": "out"}, timeout=120)
    assert response.status_code == 200, response.text
    return [row["out"] for row in response.json()]


def reference(version: dict[str, Any]) -> dict[str, str]:
    """Return the triple by which a step names a model version."""
    info = version["file_info"]
    return {"name": version["name"], "version": info["version"], "sha": info["sha"]}


def definition(*versions: dict[str, Any]) -> dict[str, Any]:
    """Return a definition with one inference step per model."""
    return {"id": "d", "steps": [{"ModelInference": {"models": [reference(version)]}} for version in versions]}


def deploy(
    client: httpx.Client,
    pipeline: str,
    versions: list[dict[str, Any]],
    *,
    replicas: int = 1,
    engine: dict[str, Any] | None = None,
) -> Deployed:
    """Make a pipeline of models, deploy it in ``replicas`` or with a whole ``engine``, and wait until it runs."""
    workspace_id = versions[0]["workspace_id"] if versions else default_workspace(client)
    made = post(
        client,
        "pipelines/create",
        pipeline_id=pipeline,
        workspace_id=workspace_id,
        definition=definition(*versions),
    )
    deployment_id = post(
        client,
        "pipelines/deploy",
        deploy_id=pipeline,
        pipeline_id=made["pipeline_pk_id"],
        pipeline_version_pk_id=made["pipeline_variant_pk_id"],
        models=[reference(version) for version in versions],
        engine_config={"engine": {"replicas": replicas} if engine is None else engine},
    )["id"]
    name = f"{pipeline}-{deployment_id}"
    wait_running(client, name)
    url = post(client, "admin/get_pipeline_external_url", workspace_id=workspace_id, pipeline_name=pipeline)["url"]
    return Deployed(workspace_id, made["pipeline_pk_id"], pipeline, deployment_id, name, url)


def wait_running(client: httpx.Client, name: str, limit_s: float = READY_LIMIT_S) -> dict[str, Any]:
    """Poll the status, as clients do, until it is Running."""
    until = time.monotonic() + limit_s
    while True:
        response = client.post("status/get_deployment", json={"name": name})
        status: dict[str, Any] = response.json()
        if response.status_code == 200 and status["status"] == "Running":
            return status
        assert time.monotonic() < until, f"{name} is not running: {status}"
        time.sleep(0.02)
