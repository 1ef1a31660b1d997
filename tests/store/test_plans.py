"""Pages of lists are read by indexes: what a page costs does not depend on how much there is beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlite_utils import Database

from jupyter_wallaroo.store import assays, audit, listings, models, pipelines, tags, task_runs, tasks
from jupyter_wallaroo.store.assays import Asked
from jupyter_wallaroo.store.migrations import migrations

PAGES: dict[str, Callable[[Database], object]] = {
    "pipelines": lambda db: listings.pipeline_page(db, asked()),
    "pipelines of a workspace": lambda db: listings.pipeline_page(db, asked(workspace_id=1)),
    "pipelines by name": lambda db: listings.pipeline_page(db, asked(name="net")),
    "pipelines of a workspace by name": lambda db: listings.pipeline_page(db, asked(workspace_id=1, name="net")),
    "models": lambda db: listings.model_page(db, asked()),
    "models of a workspace": lambda db: listings.model_page(db, asked(workspace_id=1)),
    "models by name": lambda db: listings.model_page(db, asked(name="net")),
    "tasks": lambda db: tasks.every(db, before=5, limit=3),
    "tasks of a workspace": lambda db: tasks.every(db, workspace_id=1, before=5, limit=3),
    "tasks of an orchestration": lambda db: tasks.every(db, orchestration_id="o", before=5, limit=3),
    "assays": lambda db: assays.every(db, Asked(after=5, limit=3)),
    "assays of a pipeline": lambda db: assays.every(db, Asked(pipeline_id=1, after=5, limit=3)),
    "audit records": lambda db: audit.page(db, workspace_id=None, pipeline=None, before_id=5, limit=3),
    "audit records of a workspace": lambda db: audit.page(db, workspace_id=1, pipeline=None, before_id=5, limit=3),
    "audit records by name": lambda db: audit.page(db, workspace_id=None, pipeline="net", before_id=5, limit=3),
}

ABOUT: dict[str, Callable[[Database], object]] = {
    "pipelines": lambda db: listings.pipelines_by_id(db, [1, 2]),
    "pipelines at a glance": lambda db: pipelines.at_a_glance(db, [1, 2]),
    "models": lambda db: listings.models_by_id(db, [1, 2]),
    "model versions": lambda db: models.versions_by_id(db, [1, 2]),
    "a model's versions": lambda db: models.entries(db, [1], after=5, limit=3),
    "tags": lambda db: tags.page(db, 5, 3),
    "last runs": lambda db: task_runs.last_of(db, ["t", "u"], 5),
}

_GIVEN = re.compile(r"SCAN (json_each|\w+ VIRTUAL|\(subquery)")
"""A step that reads what the statement was given, or has made itself."""


def asked(workspace_id: int | None = None, name: str | None = None) -> listings.Asked:
    return listings.Asked(workspace_id=workspace_id, name=name, after=5, limit=3)


@pytest.fixture
def db() -> Iterator[Database]:
    made = Database(memory=True)
    migrations.apply(made)
    yield made
    made.conn.close()


def plan(db: Database, read: Callable[[Database], object]) -> list[str]:
    """Return the steps of all statements of ``read``, but for those that read what was given."""
    told: list[tuple[str, Any]] = []
    with db.tracer(lambda sql, values: told.append((sql, values))):
        read(db)
    assert told
    plans = (db.conn.execute(f"EXPLAIN QUERY PLAN {sql}", values).fetchall() for sql, values in told)
    return [step for steps in plans for *_, step in steps if not _GIVEN.match(step)]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_where_it_begins(db: Database, name: str) -> None:
    """Neither is a whole table read nor are the pages behind sorted."""
    steps = plan(db, PAGES[name])
    assert [step for step in steps if step.startswith("SCAN") or "ORDER BY" in step] == []


@pytest.mark.parametrize("name", ABOUT)
def test_what_is_said_is_found_by_keys(db: Database, name: str) -> None:
    assert [step for step in plan(db, ABOUT[name]) if step.startswith("SCAN")] == []
