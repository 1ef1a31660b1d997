"""Panels: a pipeline's deployment, its inferences and its log, and a workspace's connections, in a notebook's output.

A panel is one Python module here and one JavaScript module in ``static/``. They exchange small messages, never HTTP: the
browser asks (a struct of the panel's module, told by its ``verb``), a thread of the kernel answers through the client,
and what fails travels back as an error that the panel shows. Bytes (Arrow, CSV) go as buffers. Nothing but the
JavaScript and CSS themselves is in the widget's synced state, so nothing else is saved with a notebook: a page that is
opened without its kernel says so.

To add a panel: a module with a `panel.Panel` subclass, ``static/<name>.js`` with ``export default { render }``, and a
function here. The widget libraries are imported when a panel is opened, not before.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from jupyter_wallaroo.errors import InvalidRequest, nearest

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client
    from jupyter_wallaroo.sdk.inference import Input
    from jupyter_wallaroo.sdk.pipeline import Pipeline
    from jupyter_wallaroo.widgets.connections import ConnectionsPanel
    from jupyter_wallaroo.widgets.deployment import DeploymentPanel
    from jupyter_wallaroo.widgets.inference import InferencePanel
    from jupyter_wallaroo.widgets.logs import LogPanel
    from jupyter_wallaroo.widgets.panel import Panel

__all__ = ["View", "connections", "deployment", "inference", "logs", "panel"]


class View(StrEnum):
    """What a pipeline's panel shows."""

    DEPLOYMENT = "deployment"
    INFERENCE = "inference"
    LOGS = "logs"


def panel(pipeline: Pipeline, view: str = View.DEPLOYMENT) -> Panel:
    """Return a panel of a pipeline by the name of what it shows.

    Raises
    ------
    InvalidRequest
        There is no such view; names those there are.
    """
    try:
        chosen = View(view)
    except ValueError:
        raise InvalidRequest(f"A panel has no view {view!r:.60}.", hint=nearest(str(view), list(View))) from None
    match chosen:
        case View.DEPLOYMENT:
            return deployment(pipeline)
        case View.INFERENCE:
            return inference(pipeline)
        case View.LOGS:
            return logs(pipeline)


def deployment(pipeline: Pipeline) -> DeploymentPanel:
    """Return the panel of how a pipeline runs: replicas, traffic, versions; deploys, scales, rolls back, undeploys."""
    from jupyter_wallaroo.widgets.deployment import DeploymentPanel

    return DeploymentPanel(pipeline)


def inference(pipeline: Pipeline, data: Input | None = None) -> InferencePanel:
    """Return the panel that sends rows to a pipeline and shows the results.

    Parameters
    ----------
    data
        A DataFrame or Arrow table: its first row fills in the form, all its rows can be sent. Without it the form is
        made from the model's inputs, or from the newest record of the log.
    """
    from jupyter_wallaroo.widgets.inference import InferencePanel

    return InferencePanel(pipeline, data)


def logs(pipeline: Pipeline) -> LogPanel:
    """Return the panel of a pipeline's inference records: pages, anomalies, histograms, comparisons."""
    from jupyter_wallaroo.widgets.logs import LogPanel

    return LogPanel(pipeline)


def connections(client: Client) -> ConnectionsPanel:
    """Return the panel of the server's connections: makes, attaches and removes them; shows no details."""
    from jupyter_wallaroo.widgets.connections import ConnectionsPanel

    return ConnectionsPanel(client)
