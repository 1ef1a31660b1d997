"""A data directory with much in it: what real calls made is copied many times, while no server has it open."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.store import assays, orchestrations, task_runs, tasks
from jupyter_wallaroo.store.assays import NewAssay
from jupyter_wallaroo.store.data_directory import DataDirectory
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.store.orchestrations import NewOrchestration
from jupyter_wallaroo.store.tasks import Firing, NewTask
from jupyter_wallaroo.types import iopath
from jupyter_wallaroo.types.assay_definition import Definition, Schedule, Target
from jupyter_wallaroo.types.drift import Span, SpanBaseline, Summarizer
from jupyter_wallaroo.types.orchestration import OrchestrationStatus
from jupyter_wallaroo.types.task import RunState, RunType
from tests.benchmarks import forms, log_pages
from tests.deploying import Deployed, deploy, post, upload

LOGGED = "logged"
"""The pipeline that is deployed, and has the log."""
TAG = "every tenth"


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
    """How much there is, the pipeline that is wanted to run and has the log, and a time in the middle of that."""

    size: Size
    deployed: Deployed
    middle: str


def fill(directory: Path, size: Size) -> Filled:
    """Fill the directory of a `PrivateServer` that is not running.

    Beside it there are ``size.pipelines`` pipelines and as many models, each with its versions, one in ten tagged, one
    in five deployed once; and as many assays that are not active, and tasks that ran twice.
    """
    with PrivateServer(directory) as server, server.client as client:
        version = upload(client, forms.model(), LOGGED)
        deployed = deploy(client, LOGGED, [version])
        tag_id = post(client, "tags/create", tag=TAG)["id"]
        post(client, "tags/assign", tag_id=tag_id, pipeline_id=deployed.pipeline_id)
        post(client, "tags/assign", tag_id=tag_id, model_version_id=version["id"])
    data = directory / "data"
    asyncio.run(_fill_store(data, size))
    first_ms = last_ms = 0
    if size.records:
        held = DataDirectory(data)
        log = held.pipeline_log(deployed.pipeline_id)
        journal, first_ms, last_ms = log_pages.write(log, size.records, 1, open_records=min(size.records // 20, 50_000))
        journal.close()
        held.close()
    middle = datetime.fromtimestamp((first_ms + last_ms) / 2000, UTC).isoformat()
    return Filled(size, deployed, middle)


async def _fill_store(data: Path, size: Size) -> None:
    store = Store(data)
    await store.open()
    try:
        await store.write(_fill, size)
    finally:
        await store.close()


def _fill(db: Any, size: Size) -> None:
    """Copy the rows that real calls made: the server would take an hour for what this takes seconds."""
    if size.pipelines:
        _make_first(db)
    db.conn.execute("CREATE TEMP TABLE numbers (i INTEGER PRIMARY KEY)")
    numbers = ((number,) for number in range(max(size.pipelines, size.each, 3)))
    db.conn.executemany("INSERT INTO numbers VALUES (?)", numbers)
    bound = {"pipelines": size.pipelines, "each": size.each}
    for table, changed in _COPIES:
        facts = db.conn.execute(f"PRAGMA table_info({table})").fetchall()
        keys = {row[1] for row in facts if row[1] in ("id", "number") and row[2] == "INTEGER"}
        columns = [row[1] for row in facts if row[1] not in keys | {"same_as"}]
        values = ", ".join(changed.columns.get(name, f"t.{name}") for name in columns)
        sql = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} t {changed.source}"  # noqa: S608  words of ours
        db.conn.execute(sql, bound)
    db.conn.execute("DROP TABLE numbers")


def _make_first(db: Any) -> None:
    """Make an assay, and a task that has run."""
    where = {"workspace_id": 1, "owner_id": db.execute("SELECT created_by FROM workspaces").fetchone()[0]}
    assays.insert(
        db,
        NewAssay(
            uuid=str(uuid.uuid4()),
            name="assay",
            pipeline_id=1,
            active=False,
            definition=Definition(
                targets=[Target(path=iopath.parse("output dense_1 0"), alert=0.25)],
                baseline=SpanBaseline(Span(0, 60_000)),
                summarizer=Summarizer(),
                schedule=Schedule(first_run_ms=120_000, width_ms=60_000, interval_ms=60_000),
            ),
            kept=None,
            next_run_ms=None,
            created_by=where["owner_id"],
        ),
    )
    archive = {"sha": "0" * 64, "file_name": "main.zip", "size_bytes": 1, "entry": "main.py", "requirements": []}
    orchestration = orchestrations.insert(db, NewOrchestration(id=str(uuid.uuid4()), name="night", **archive, **where))
    orchestrations.set_status(db, orchestration.id, OrchestrationStatus.READY)
    new = NewTask(
        id=str(uuid.uuid4()),
        name="task",
        orchestration_id=orchestration.id,
        orch_sha=orchestration.sha,
        run_type=RunType.ONCE,
        arguments={"day": 1},
        timeout_s=None,
        debug=False,
        **where,
    )
    run = Firing(run_id=str(uuid.uuid4()), fire_ms=0, missed=0, next_fire_ms=None)
    tasks.insert(db, new, of_its_kind=0, first=run)
    task_runs.end(db, run.run_id, RunState.SUCCESS, exit_code=0)


@dataclass(frozen=True)
class _Copy:
    """What is different in the copies of the first row ``t`` of a table."""

    source: str
    columns: dict[str, str]


_UUID = """lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a'
|| substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"""
_NUMBERED = "JOIN numbers n WHERE t.id = 1 AND n.i < :pipelines"
_DEFINITION = """json_object('id', p.name, 'steps', json_array(json_object('ModelInference', json_object('models',
json_array(json_object('name', m.name, 'version', v.version, 'sha', v.sha))))))"""
_PAIRS = """JOIN models m ON m.name LIKE 'model-%' JOIN pipelines p ON p.workspace_id = m.workspace_id
AND p.name_key = 'pipeline' || substr(m.name_key, 6) JOIN model_versions v ON v.model_id = m.id
WHERE t.id = 1 ORDER BY v.id"""

_COPIES: tuple[tuple[str, _Copy], ...] = (
    ("models", _Copy(_NUMBERED, {"name": "'model-' || n.i", "name_key": "'model-' || n.i"})),
    ("pipelines", _Copy(_NUMBERED, {"name": "'pipeline-' || n.i", "name_key": "'pipeline-' || n.i"})),
    (
        "model_versions",
        _Copy(
            "JOIN models m ON m.name LIKE 'model-%' JOIN numbers n ON n.i < :each WHERE t.id = 1 ORDER BY n.i, m.id",
            {"model_id": "m.id", "version": _UUID},
        ),
    ),
    (
        "model_configs",
        _Copy("JOIN model_versions v ON v.id > 1 WHERE t.id = 1 ORDER BY v.id", {"model_version_id": "v.id"}),
    ),
    (
        "pipeline_versions",
        _Copy(_PAIRS, {"pipeline_id": "p.id", "version": _UUID, "definition": _DEFINITION}),
    ),
    (
        "deployments",
        _Copy(
            "JOIN pipelines p ON p.name LIKE 'pipeline-%' AND p.id % 5 = 0 WHERE t.id = 1",
            {
                "pipeline_id": "p.id",
                "deploy_id": "p.name",
                "pipeline_version_id": "(SELECT max(id) FROM pipeline_versions WHERE pipeline_id = p.id)",
                "wanted": "0",
            },
        ),
    ),
    (
        "assays",
        _Copy(_NUMBERED, {"uuid": _UUID, "name": "'assay-' || n.i", "name_key": "'assay-' || n.i"}),
    ),
    ("tasks", _Copy("JOIN numbers n WHERE t.number = 1 AND n.i < :pipelines", {"id": _UUID, "name": "'task-' || n.i"})),
    (
        "task_runs",
        _Copy(
            "JOIN tasks k ON k.number > 1 JOIN numbers n ON n.i BETWEEN 1 AND 2 WHERE t.number = 1",
            {"id": _UUID, "task_id": "k.id", "fire_ms": "n.i"},
        ),
    ),
    (
        "pipeline_tags",
        _Copy("JOIN pipelines p ON p.name LIKE 'pipeline-%' AND p.id % 10 = 0", {"pipeline_id": "p.id"}),
    ),
    (
        "model_version_tags",
        _Copy("JOIN model_versions v ON v.id > 1 AND v.id % 10 = 0", {"model_version_id": "v.id"}),
    ),
)
