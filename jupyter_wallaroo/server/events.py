"""Events of ours on Jupyter's event bus, which whoever is logged in can follow at ``/api/events/subscribe``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from jupyter_wallaroo.types.event import (
    AssayChanged,
    ConnectionChanged,
    DeploymentChanged,
    Event,
    ModelChanged,
    OrchestrationChanged,
    PipelineChanged,
    RunChanged,
    RunStepChanged,
    TaskChanged,
    TaskRunChanged,
)

if TYPE_CHECKING:
    from jupyter_events import EventLogger

SCHEMAS = Path(__file__).parent / "event_schemas"
ROOT_ID = "https://schema.jupyter.org/jupyter_wallaroo"
SCHEMA_IDS: dict[type, str] = {
    AssayChanged: f"{ROOT_ID}/assay/v1",
    ConnectionChanged: f"{ROOT_ID}/connection/v1",
    DeploymentChanged: f"{ROOT_ID}/deployment/v1",
    ModelChanged: f"{ROOT_ID}/model/v1",
    OrchestrationChanged: f"{ROOT_ID}/orchestration/v1",
    PipelineChanged: f"{ROOT_ID}/pipeline/v1",
    RunChanged: f"{ROOT_ID}/run/v1",
    RunStepChanged: f"{ROOT_ID}/run_step/v1",
    TaskChanged: f"{ROOT_ID}/task/v1",
    TaskRunChanged: f"{ROOT_ID}/task_run/v1",
}

_log = logging.getLogger(__name__)


class EventBus:
    """Passes events on to Jupyter.

    Parameters
    ----------
    logger
        The server's event logger, which learns our schemas.
    """

    def __init__(self, logger: EventLogger) -> None:
        self._logger = logger
        for schema_id in SCHEMA_IDS.values():
            if schema_id not in logger.schemas:
                name = schema_id.removeprefix(f"{ROOT_ID}/").replace("/", ".")
                logger.register_event_schema(SCHEMAS / f"{name}.yaml")

    def notify(self, event: Event) -> None:
        """Emit an event; nobody's listening must ever disturb what the event is about."""
        try:
            self._logger.emit(schema_id=SCHEMA_IDS[type(event)], data=msgspec.to_builtins(event))
        except Exception:  # noqa: BLE001  the edge to Jupyter: its listeners and modifiers are other people's code
            _log.exception("wallaroo: an event could not be emitted")
