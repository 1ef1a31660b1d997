"""The tasks of orchestrations, for whoever lists and deletes those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from jupyter_wallaroo.services import task_answers
from jupyter_wallaroo.services.tasks import RUNS_SHOWN
from jupyter_wallaroo.store import task_runs, tasks
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.supervisor.task_folders import TaskFolders
from jupyter_wallaroo.types.names import moment
from jupyter_wallaroo.types.orchestration import ListAllOrchestrations
from jupyter_wallaroo.types.task import Task

if TYPE_CHECKING:
    from sqlite_utils import Database


class TasksOfOrchestrations:
    """Finds the tasks of orchestrations, and forgets them with their runs and logs.

    Parameters
    ----------
    store
        Where they are kept.
    folders
        Has the logs.
    """

    def __init__(self, store: Store, folders: TaskFolders) -> None:
        self._store = store
        self._folders = folders

    async def of(
        self, orchestration_ids: Sequence[str], request: ListAllOrchestrations
    ) -> Mapping[str, Sequence[Task]]:
        """Return the tasks of orchestrations by their UUIDs, as ``task/list`` has them; ``request`` says which."""
        start, end = [*(request.time_range or []), None, None][:2]
        from_, to = (None if text is None else moment("time_range", text) for text in (start, end))

        def read(db: Database) -> dict[str, list[Task]]:
            found: dict[str, list[Task]] = {}
            for orchestration_id in orchestration_ids:
                for task in tasks.every(db, orchestration_id=orchestration_id, killed=bool(request.killed)):
                    runs = task_runs.of_task(db, task.id, limit=RUNS_SHOWN, start=from_, end=to)
                    answer = task_answers.task(task, runs, RUNS_SHOWN)
                    if _is_wanted(answer, request):
                        found.setdefault(orchestration_id, []).append(answer)
            return found

        return await self._store.read(read)

    def release(self, db: Database, orchestration_ids: Sequence[str]) -> Sequence[str]:
        """Forget the tasks of orchestrations that are about to be deleted, in the same transaction.

        Return those orchestrations that have a task which is active: then nothing is deleted.
        """
        active = [item for item in orchestration_ids if tasks.has_active(db, item)]
        if not active:
            for orchestration_id in orchestration_ids:
                self._folders.forget(tasks.delete_of(db, orchestration_id))
        return active


def _is_wanted(task: Task, request: ListAllOrchestrations) -> bool:
    if request.task_run_status and not (task.last_runs and task.last_runs[0].status.value in request.task_run_status):
        return False
    return not request.time_range or bool(task.last_runs)
