"""What a client says of sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from jupyter_wallaroo.sdk.session import Session, Sessions, fetch_all, launch

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client


class SessionKeeping:
    """A client as those see it who work in sessions."""

    @property
    def _client(self) -> Client:
        return cast("Client", self)

    def sessions(self) -> Sessions:
        """Return the sessions of the whole server, oldest first."""
        return fetch_all(self._client)

    def launch_session(self, project: str, pipeline: str) -> Session:
        """Return the running session of a pipeline, launched when there is none (S4-01, S4-05).

        Parameters
        ----------
        project
            A folder below the server's root directory, such as ``"team/churn"``; its folder ``kernels`` may hold
            kernelspecs.
        pipeline
            The pipeline's name.

        Raises
        ------
        InvalidRequest, EntityNotFoundError
            There is no such folder, or no gateway to be started; says what to do.
        SessionError
            It could not be launched; says the server's reason.
        """
        return launch(self._client, project, pipeline)
