"""Panels in a notebook's output: a pipeline's deployment, inferences and log, the connections, a workspace's tasks.

A panel is one Python module here and one JavaScript module in ``static/``. They exchange small messages, never HTTP:
the browser asks (a struct of the panel's module, told by its ``verb``), a thread of the kernel answers through the
client, and what fails travels back as an error that the panel shows. Bytes (Arrow, CSV) go as buffers. Nothing but the
JavaScript and CSS themselves is in the widget's synced state, so nothing else is saved with a notebook: a page that is
opened without its kernel says so.

To add a panel: a module with a `panel.Panel` subclass, ``static/<name>.js`` with ``export default { render }``, and a
line here. The widget libraries are imported when a panel is opened, not before.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_wallaroo.errors import InvalidRequest
    from jupyter_wallaroo.sdk.client import Client
    from jupyter_wallaroo.sdk.inference import Input
    from jupyter_wallaroo.sdk.pipeline import Pipeline
    from jupyter_wallaroo.widgets.panel import Panel

__all__ = ["ClientView", "View", "of_client", "of_pipeline"]


class View(StrEnum):
    """What a pipeline's panel shows."""

    DEPLOYMENT = "deployment"
    """How it runs: replicas, traffic, versions; deploys, scales, rolls back, undeploys."""
    INFERENCE = "inference"
    """A form whose rows are sent to it, and the results."""
    LOGS = "logs"
    """Its inference records: pages, anomalies, histograms, comparisons."""


class ClientView(StrEnum):
    """What a panel shows that is of no single pipeline."""

    CONNECTIONS = "connections"
    """The server's connections: makes, attaches and removes them; shows no details."""
    TASKS = "tasks"
    """The current workspace's tasks, their runs and logs: pauses, resumes and kills them."""


def of_pipeline(pipeline: Pipeline, view: str = View.DEPLOYMENT, data: Input | None = None) -> Panel:
    """Return a panel of a pipeline.

    Parameters
    ----------
    view
        What it shows, one of `View`.
    data
        For an inference: a DataFrame or Arrow table. Its first row fills in the form, and all its rows can be sent.
        Without it the form is made from the model's inputs or from the newest record of the log.

    Raises
    ------
    InvalidRequest
        There is no such view; names those there are.
    """
    match view:
        case View.DEPLOYMENT:
            from jupyter_wallaroo.widgets.deployment import DeploymentPanel

            return DeploymentPanel(pipeline)
        case View.INFERENCE:
            from jupyter_wallaroo.widgets.inference import InferencePanel

            return InferencePanel(pipeline, data)
        case View.LOGS:
            from jupyter_wallaroo.widgets.logs import LogPanel

            return LogPanel(pipeline)
    raise _no_view(view, View)


def of_client(client: Client, view: str = ClientView.CONNECTIONS) -> Panel:
    """Return a panel of what a client sees.

    Parameters
    ----------
    view
        What it shows, one of `ClientView`.

    Raises
    ------
    InvalidRequest
        There is no such view; names those there are.
    """
    match view:
        case ClientView.CONNECTIONS:
            from jupyter_wallaroo.widgets.connections import ConnectionsPanel

            return ConnectionsPanel(client)
        case ClientView.TASKS:
            from jupyter_wallaroo.widgets.tasks import TasksPanel

            return TasksPanel(client)
    raise _no_view(view, ClientView)


def _no_view(view: str, known: type[StrEnum]) -> InvalidRequest:
    from jupyter_wallaroo.errors import InvalidRequest, nearest

    return InvalidRequest(f"A panel has no view {view!r:.60}.", hint=nearest(str(view), [item.value for item in known]))
