"""A data directory with much in it, filled by the store's own functions in one transaction while no server has it open."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.store import deployments, models, pipelines, rows, tags
from jupyter_wallaroo.store.data_directory import DataDirectory
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.types.plan import Converted, Inspected
from tests.benchmarks import forms, log_pages
from tests.deploying import Deployed, default_workspace, deploy, post, upload

LOGGED = "logged"
"""The pipeline that is deployed, and has the log."""


@dataclass(frozen=True)
class Size:
    """How much there is; each pipeline has as many versions as each model: ``versions / pipelines``."""

    pipelines: int
    versions: int
    records: int

    @property
    def each(self) -> int:
        return max(self.versions // max(self.pipelines, 1), 1)


@dataclass(frozen=True)
class Filled:
    """The pipeline that is wanted to run and has the log, and a time in the middle of that."""

    deployed: Deployed
    middle: str


def fill(directory: Path, size: Size) -> Filled:
    """Fill the directory of a `PrivateServer` that is not running.

    Beside it there are ``size.pipelines`` pipelines and as many models, each with its versions, one in ten tagged, one
    in five deployed once.
    """
    with PrivateServer(directory) as server, server.client as client:
        deployed = deploy(client, LOGGED, [upload(client, forms.model(), LOGGED)])
        workspace_id = default_workspace(client)
        tag = post(client, "tags/create", tag="every tenth")["id"]
    data = directory / "data"
    asyncio.run(_fill_store(data, workspace_id, tag, size))
    first_ms = last_ms = 0
    if size.records:
        held = DataDirectory(data)
        log = held.pipeline_log(deployed.pipeline_id)
        journal, first_ms, last_ms = log_pages.write(log, size.records, 1, open_records=min(size.records // 20, 50_000))
        journal.close()
        held.close()
    middle = datetime.fromtimestamp((first_ms + last_ms) / 2000, UTC).isoformat()
    return Filled(deployed, middle)


async def _fill_store(data: Path, workspace_id: int, tag_id: int, size: Size) -> None:
    store = Store(data)
    await store.open()
    try:
        await store.write(_fill, workspace_id, tag_id, size)
    finally:
        await store.close()


def _fill(db: Any, workspace_id: int, tag_id: int, size: Size) -> None:
    first = models.stored(db, 1)
    assert first is not None, "the model that is deployed was uploaded"
    user_id = first.configured.model_version.created_by
    info = first.configured.model_version.file_info
    found = Inspected(runtime=first.configured.config.runtime, signature=first.configured.model_version.signature)
    for number in range(size.pipelines):
        name = f"pipeline-{number}"
        for _ in range(size.each):
            version_id = models.insert_version(
                db,
                workspace_id=workspace_id,
                name=f"model-{number}",
                user_id=user_id,
                sha=info.sha,
                file_name=info.file_name,
                size_bytes=info.size,
                visibility="private",
                conversion=first.configured.model_version.conversion,
                settings={},
                sample=None,
                converted=Converted(found=found, artifact_sha=None, requirements=[]),
            )
            model = models.version(db, version_id)
            assert model is not None
            told = {"name": f"model-{number}", "version": model.model_version.file_info.version, "sha": info.sha}
            definition = {"id": name, "steps": [{"ModelInference": {"models": [told]}}]}
            version = pipelines.insert_version(db, workspace_id, name, definition, user_id)
        if number % 10 == 0:
            tags.assign_to_pipeline(db, tag_id, version.pipeline_id)
            tags.assign_to_model(db, tag_id, version_id)
        if number % 5 == 0:
            stored = deployments.want(
                db,
                pipeline_id=version.pipeline_id,
                deploy_id=name,
                pipeline_version_id=version.id,
                engine_config={},
                model_config_ids=[model.config.id],
            )
            rows.update(db, "deployments", stored.id, {"wanted": 0})
