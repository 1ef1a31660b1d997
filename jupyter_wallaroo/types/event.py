"""What is told to whoever listens when the state of something changes; `server.events` makes Jupyter Events of it.

Fields are added, never renamed: each struct has a schema with a version in ``server/event_schemas``.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from jupyter_wallaroo.types.names import instant_of

if TYPE_CHECKING:  # importing the extension stays cheap: only what is told is made here
    from jupyter_wallaroo.types.assay_definition import StoredAssay
    from jupyter_wallaroo.types.connection import Connection
    from jupyter_wallaroo.types.model import ModelVersion
    from jupyter_wallaroo.types.orchestration import StoredOrchestration
    from jupyter_wallaroo.types.task import StoredRun, StoredTask

UNDEPLOYED = "Undeployed"
"""What a deployment's status is in its last event; the others are those of ``status/get_deployment``."""


class DeploymentChanged(Struct, frozen=True, kw_only=True):
    """A deployment has another status, runs another version, or lost or regained a replica.

    ``deployment`` is ``{deploy_id}-{id}``; ``reason`` says what went wrong last, None when nothing is wrong.
    """

    deployment_id: int
    deployment: str
    pipeline_id: int
    pipeline: str
    pipeline_version: str
    status: str
    replicas_running: int
    replicas_wanted: int
    reason: str | None


class ModelChanged(Struct, frozen=True, kw_only=True):
    """A model version was uploaded, is being converted, is ready, or could not be made ready (``reason``)."""

    model_version_id: int
    model: str
    version: str
    workspace_id: int
    status: str
    reason: str | None

    @classmethod
    def of(cls, version: ModelVersion) -> ModelChanged:
        """Return the event for a version as it is now."""
        return cls(
            model_version_id=version.id,
            model=version.name,
            version=version.file_info.version,
            workspace_id=version.workspace_id,
            status=version.status,
            reason=version.error_summary,
        )


class PipelineAction(StrEnum):
    """What became of a pipeline."""

    CREATED = "created"
    VERSION_ADDED = "version_added"
    REMOVED = "removed"


class PipelineChanged(Struct, frozen=True, kw_only=True):
    """A pipeline was made, has a new version, or was removed; ``version`` is its newest one."""

    pipeline_id: int
    pipeline: str
    workspace_id: int
    version: str
    action: PipelineAction


class ConnectionAction(StrEnum):
    """What became of a connection."""

    CREATED = "created"
    ADDED = "added_to_workspace"
    REMOVED = "removed_from_workspace"
    DELETED = "deleted"


class ConnectionChanged(Struct, frozen=True, kw_only=True):
    """A connection was made, deleted, or linked to a workspace or no longer; nothing of its details is told.

    ``workspace_id`` is of the link, None where the event is about the connection itself.
    """

    connection_id: str
    connection: str
    type: str
    workspace_id: int | None
    action: ConnectionAction

    @classmethod
    def of(
        cls, connection: Connection, action: ConnectionAction, *, workspace_id: int | None = None
    ) -> ConnectionChanged:
        """Return the event for a connection."""
        return cls(
            connection_id=connection.id,
            connection=connection.name,
            type=connection.type,
            workspace_id=workspace_id,
            action=action,
        )


class AssayAction(StrEnum):
    """What became of an assay."""

    CREATED = "created"
    ACTIVATED = "activated"
    DEACTIVATED = "deactivated"
    ANALYZED = "analyzed"


class AssayChanged(Struct, frozen=True, kw_only=True):
    """An assay was made, set active or not, or analysed windows, and what it found is written down.

    ``windows`` is how many had records; ``status`` is that of the worst of them and ``window_start`` where the first
    such began (ISO 8601), both None where there is none.
    """

    assay_id: int
    assay: str
    pipeline_id: int
    pipeline: str
    workspace_id: int
    action: AssayAction
    windows: int = 0
    status: str | None = None
    window_start: str | None = None

    @classmethod
    def of(
        cls,
        assay: StoredAssay,
        action: AssayAction,
        *,
        windows: int = 0,
        status: str | None = None,
        window_start: str | None = None,
    ) -> AssayChanged:
        """Return the event for an assay as it is now."""
        return cls(
            assay_id=assay.id,
            assay=assay.name,
            pipeline_id=assay.pipeline_id,
            pipeline=assay.pipeline_name,
            workspace_id=assay.workspace_id,
            action=action,
            windows=windows,
            status=status,
            window_start=window_start,
        )


class TaskChanged(Struct, frozen=True, kw_only=True):
    """A task was made, killed, paused or goes on; ``status`` is that of ``task/get_by_id``.

    ``schedule`` has the five fields of cron and ``time_zone`` its IANA name, both None where it has no schedule.
    """

    task_id: str
    task: str | None
    workspace_id: int
    run_type: str
    status: str
    schedule: str | None
    time_zone: str | None


class TaskRunChanged(Struct, frozen=True, kw_only=True):
    """A run of a task waits, has begun, was skipped, or ended and nothing of it is left; ``reason`` says why it failed.

    ``missed`` is how many firings it stands for that came while the server was away, 0 when it is on time.
    """

    run_id: str
    task_id: str
    task: str | None
    workspace_id: int
    run_type: str
    fire_time: str
    missed: int
    state: str
    reason: str | None

    @classmethod
    def of(cls, task: StoredTask, run: StoredRun) -> TaskRunChanged:
        """Return the event for a run as it is now."""
        return cls(
            run_id=run.id,
            task_id=task.id,
            task=task.name,
            workspace_id=task.workspace_id,
            run_type=task.run_type.value,
            fire_time=instant_of(run.fire_ms),
            missed=run.missed,
            state=run.state.value,
            reason=run.reason,
        )


DELETED = "deleted"
"""What an orchestration's status is in its last event; the others are those of `OrchestrationStatus`."""


class OrchestrationChanged(Struct, frozen=True, kw_only=True):
    """An orchestration was uploaded, is being packaged, is ready, could not be packaged (``reason``), or is gone."""

    orchestration_id: str
    orchestration: str | None
    workspace_id: int
    status: str
    reason: str | None

    @classmethod
    def of(cls, orchestration: StoredOrchestration, *, status: str = "") -> OrchestrationChanged:
        """Return the event for an orchestration as it is now, or in another ``status``."""
        return cls(
            orchestration_id=orchestration.id,
            orchestration=orchestration.name,
            workspace_id=orchestration.workspace_id,
            status=status or orchestration.status,
            reason=orchestration.error,
        )


class RunChanged(Struct, frozen=True, kw_only=True):
    """A run of a step graph was submitted, has begun or has ended; ``outcome`` is None until then."""

    run_id: str
    run: str | None
    workspace_id: int
    status: str
    outcome: str | None
    reason: str | None


class RunStepChanged(Struct, frozen=True, kw_only=True):
    """A step of a run has begun, has ended (``reason`` says why not well), or says how far it is (``message``)."""

    run_id: str
    step: str
    workspace_id: int
    status: str
    reason: str | None = None
    message: str | None = None


Event: TypeAlias = (
    DeploymentChanged
    | ModelChanged
    | PipelineChanged
    | ConnectionChanged
    | AssayChanged
    | OrchestrationChanged
    | RunChanged
    | RunStepChanged
    | TaskChanged
    | TaskRunChanged
)

Notify: TypeAlias = Callable[[Event], None]
"""Told of an event, on the event loop; returns at once and never raises."""
