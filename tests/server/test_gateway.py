"""A server that was started with ``--gateway-url``: the steps of graphs run on the gateway's kernels."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.supervisor import process_table
from tests.counterparts import GatewayProgram
from tests.graphs import ended, script, statuses, submit, until
from tests.server.test_sessions import IPYKERNEL, LOCAL, Project, _until, kernelspec


@pytest.fixture
def session(tmp_path: Path, enterprise_gateway: GatewayProgram) -> Iterator[Project]:
    """A running session; its kernelspec 'ours' has this project's own packages."""
    project = Project(tmp_path / "sessions", enterprise_gateway)
    ours = kernelspec(LOCAL, sys.prefix, IPYKERNEL)
    ours["env"]["PYTHONPATH"] = os.environ.get("PYTHONPATH", "")
    project.add("ours", ours)
    with project.server:
        project.launch()
        yield project
        project.stop()


def notebook(code: str, *parents: str, **facts: Any) -> dict[str, Any]:
    """Return a step that is a notebook of one cell."""
    cell = {"cell_type": "code", "source": code, "metadata": {}, "outputs": [], "execution_count": None}
    source = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell]}
    return {"kind": "notebook", "source": source, "parents": list(parents), **facts}


def printed(client: httpx.Client, run: dict[str, Any], step: str) -> str:
    """Return what the cells of an executed step printed."""
    cells = client.get(f"runs/{run['id']}/{step}/notebook").json()["cells"]
    return "".join("".join(output["text"]) for cell in cells for output in cell["outputs"] if "text" in output)


def test_a_graph_runs_on_the_gateways_kernels(
    tmp_path: Path, session: Project, enterprise_gateway: GatewayProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Must show 7: ``sys.prefix`` is the gateway's, or that of the step's kernelspec; outputs are handed on; a step
    that fails says why; one that runs is ended by an abort; and after the stops no process is left."""
    directory = session.server.directory / "data" / "sessions" / session.row()["id"]
    token = json.loads((directory / "gateway.json").read_text())["EnterpriseGatewayApp"]["auth_token"]
    monkeypatch.setenv("JUPYTER_GATEWAY_AUTH_TOKEN", token)
    monkeypatch.setenv("KERNEL_USERNAME", "jovyan")
    gateway_url = f"http://127.0.0.1:{session.part('gateway').port}"
    steps = {
        "there": notebook("import os, sys\nprint(sys.prefix, os.environ['KERNEL_ID'], os.getpid())", kernel="python3"),
        "ours": script("import sys\nwallaroo.step.output('prefix', sys.prefix)", "there", kernel="ours"),
        "again": script("wallaroo.step.output('got', wallaroo.step.inputs()['ours'])", "ours", kernel="ours"),
        "bad": notebook("1 / 0", "there", kernel="python3"),
    }
    with PrivateServer(tmp_path / "own", options=(f"--gateway-url={gateway_url}",)) as server, server.client as client:
        run = ended(client, submit(client, steps, parameters={"evidence": str(tmp_path / "evidence")}))
        assert statuses(run) == {"there": "SUCCESS", "ours": "SUCCESS", "again": "SUCCESS", "bad": "FAILURE"}, run
        prefix, _, pid = printed(client, run, "there").split()
        assert prefix == enterprise_gateway.prefix
        assert client.get(f"runs/{run['id']}/again/outputs/got").json() == sys.prefix
        assert client.get(f"runs/{run['id']}/bad").json()["reason"].startswith("ZeroDivisionError")
        assert process_table.identity(int(pid)) is None, "the kernel of a step that has ended goes"

        endless = submit(client, {"endless": notebook("import time\nwhile True: time.sleep(0.1)", kernel="python3")})
        until(client, endless, lambda run: statuses(run) == {"endless": "STARTED"})
        assert client.delete(f"runs/{endless['id']}").status_code == 200
        assert ended(client, endless)["outcome"] == "aborted"
        with httpx.Client(headers={"Authorization": f"token {token}"}, trust_env=False) as gateway:
            _until(lambda: gateway.get(f"{gateway_url}/api/kernels").json(), lambda kernels: kernels == [])
    mark = session.mark
    session.stop()
    assert process_table.family(mark) == set()
