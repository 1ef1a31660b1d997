"""What a client has done by the server: orchestrations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from jupyter_wallaroo.sdk import orchestration as orchestrations
from jupyter_wallaroo.sdk import workspace
from jupyter_wallaroo.sdk.orchestration import Bytes, Orchestration, Orchestrations

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client


class Orchestrating:
    """A client as those see it who have scripts run by the server."""

    @property
    def _client(self) -> Client:
        return cast("Client", self)

    def upload_orchestration(
        self,
        name: str | None = None,
        path: str | Path | None = None,
        bytes_buffer: Bytes | None = None,
        file_name: str | None = None,
    ) -> Orchestration:
        """Upload a script with what it needs to the current workspace, and return the orchestration.

        It is packaged in the background: `Orchestration.wait` returns when that is done, `Orchestration.status` says
        how far it is.

        Parameters
        ----------
        name
            What to call it; none is needed.
        path
            A zip archive with a ``main.py`` and at most one ``requirements.txt``; or a folder, which is made one.
        bytes_buffer
            The archive itself, in place of ``path``.
        file_name
            What to call the archive; default: the name of the file.

        Raises
        ------
        OrchestrationMissingFile
            There is no such file, or none was given.
        OrchestrationUploadFailed
            The server did not take it; says why and what to do.

        Examples
        --------
        >>> orchestration = wl.upload_orchestration("nightly", path="nightly.zip")  # doctest: +SKIP
        >>> orchestration.wait().status()  # doctest: +SKIP
        'ready'
        """
        return orchestrations.upload(self._client, name, path, bytes_buffer, file_name)

    def list_orchestrations(self, workspace_id: int | None = None, workspace_name: str | None = None) -> Orchestrations:
        """Return the orchestrations of a workspace, by its id or name, or of all, newest first."""
        if workspace_id is None and workspace_name is not None:
            workspace_id = workspace.fetch(self._client, name=workspace_name).id()
        return orchestrations.fetch_all(self._client, workspace_id)

    def get_orchestration(self, orchestration_id: str) -> Orchestration:
        """Return the orchestration with a UUID.

        Raises
        ------
        EntityNotFoundError
            There is none.
        """
        return Orchestration.fetch(self._client, orchestration_id)
