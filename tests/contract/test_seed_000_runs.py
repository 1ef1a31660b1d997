"""The code cells of the seed on pipeline management, run top to bottom as they are written."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests

from jupyter_wallaroo.demo.server import PrivateServer
from tests.deploying import post, upload, wait_running

SEED = "000_6184f5be05e431ce.txt"

# The two values of the inference cell that belong to the seed author's own instance.
OWN_VALUES = {r'TOKEN2 = "[^"]*"': "TOKEN2 = TOKEN", r'externalURL2 = "[^"]*"': "externalURL2 = externalUrl"}


def _cells(shared_data: Path) -> list[str]:
    text = (shared_data.parent / "seeds" / SEED).read_text()
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def _get_wallaroo_response(url: str, path: str, token: str, data: Any) -> Any:
    """The helper that the seed uses and does not show: POST JSON with the bearer token to {url}/v1/api{path}."""
    response = requests.post(f"{url}/v1/api{path}", json=data, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    response.raise_for_status()
    return response.json()


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_cells_print_what_the_seed_shows(
    shared_data: Path,
    server: PrivateServer,
    client: httpx.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Only APIURL, TOKEN and the workspace and model variables are set; answers have the seed's shapes.

    (The warnings that are let pass are the seed's own: its cell leaves the data file open.)
    """
    workspace = post(client, "workspaces/create", workspace_name=f"seed-{uuid.uuid4()}")["workspace_id"]
    model = (shared_data / "models" / "ccfraud.onnx").read_bytes()
    version = upload(client, model, f"apitestmodel-{uuid.uuid4()}", workspace_id=workspace)
    (tmp_path / "data").mkdir()
    rows = json.loads((shared_data / "data" / "cc_data_1k.df.json").read_bytes())
    (tmp_path / "data" / "cc_data_1k.json").write_text(json.dumps({"tensor": [row["tensor"] for row in rows]}))
    monkeypatch.chdir(tmp_path)
    room: dict[str, Any] = {
        "APIURL": server.api_url.removesuffix("/v1/api"),
        "TOKEN": server.token,
        "exampleWorkspaceId": workspace,
        "exampleModelName": version["name"],
        "exampleModelVersion": version["file_info"]["version"],
        "exampleModelSha": version["file_info"]["sha"],
        "get_wallaroo_response": _get_wallaroo_response,
        "requests": requests,
        "uuid": uuid,
        "json": json,
    }
    answers: list[Any] = []
    cells = _cells(shared_data)
    assert len(cells) == 12
    for cell in cells:
        if "externalURL2" in cell:
            wait_running(client, f"{room['exampleModelDeployId']}-{room['exampleModelDeploymentId']}")
        code = cell
        for own, ours in OWN_VALUES.items():
            code = re.sub(own, ours, code)
        exec(compile(code, SEED, "exec"), room)  # noqa: S102  the seed's own code
        answers.append(room.get("response"))

    empty, made, deployed_empty, deployed, status_empty, status, url, _, inferred, *last = answers
    undeployed_empty, undeployed, copied = last
    for created in (empty, made):
        assert set(created) == {"pipeline_pk_id", "pipeline_variant_pk_id", "pipeline_variant_version"}
    assert list(deployed_empty) == list(deployed) == ["id"]
    assert {"status", "details", "engines", "engine_lbs", "sidekicks"} <= set(status)
    assert status_empty["engines"][0]["model_statuses"] == {"models": []}
    assert status["engines"][0]["model_statuses"]["models"][0]["name"] == version["name"]
    assert url["url"].endswith(room["exampleModelPipelineName"])
    assert inferred.json()[0]["outputs"][0]["Float"]["dim"] == [1001, 1]
    printed = capsys.readouterr().out
    shown = f'[{{"model_name": "{version["name"]}", "model_version": "{version["file_info"]["version"]}"'
    assert shown in printed
    assert '"outputs": [{"Float": {"v": 1, "dim": [1001, 1], "data": [0.993003249168396, 0.993003249168396' in printed
    assert undeployed_empty == undeployed == {}
    assert copied["pipeline_version"] is None
    assert copied["deployment"] is None
