"""The door to the panels: the room of widgets knows the client, and only here does the client know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client
    from jupyter_wallaroo.sdk.inference import Input
    from jupyter_wallaroo.sdk.pipeline import Pipeline
    from jupyter_wallaroo.widgets.panel import Panel


class PipelinePanels:
    """A pipeline as a notebook's output shows it."""

    def panel(self, view: str = "deployment", data: Input | None = None) -> Panel:
        """Return a panel for a notebook: ``"deployment"``, ``"inference"`` or ``"logs"``.

        Parameters
        ----------
        data
            For an inference: rows, of which the first fills in the form.

        Raises
        ------
        InvalidRequest
            There is no such view.
        """
        from jupyter_wallaroo import widgets

        return widgets.of_pipeline(cast("Pipeline", self), view, data)


class ClientPanels:
    """A client as a notebook's output shows it."""

    def panel(self, pipeline: str | None = None, view: str | None = None) -> Panel:
        """Return a panel for a notebook: of a pipeline, of the server's connections or of the workspace's tasks.

        Parameters
        ----------
        pipeline
            The name of one of the current workspace.
        view
            With a pipeline ``"deployment"`` (default), ``"inference"`` or ``"logs"``; without one ``"connections"``
            (default) or ``"tasks"``.

        Raises
        ------
        EntityNotFoundError
            There is no such pipeline; names the nearest.
        InvalidRequest
            There is no such view.

        Examples
        --------
        ``wl.panel("houses")``, ``wl.panel("houses", "logs")``, ``wl.panel()``, ``wl.panel(view="tasks")``.
        """
        from jupyter_wallaroo import widgets

        client = cast("Client", self)
        if pipeline is None:
            return widgets.of_client(client, view or widgets.ClientView.CONNECTIONS)
        return widgets.of_pipeline(client.get_pipeline(pipeline), view or widgets.View.DEPLOYMENT)
