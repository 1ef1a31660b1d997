"""Sessions: a Jupyter server of its own for a pipeline of a project, with kernels from a gateway (S4-01 … S4-07)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from jupyter_wallaroo.errors import NotFound
from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.sdk.object import SessionError
from jupyter_wallaroo.sdk.waiting import wait_until
from jupyter_wallaroo.secret import Secret
from jupyter_wallaroo.types import session as wire
from jupyter_wallaroo.types.session import SessionStatus

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client

LAUNCH_LIMIT_S = 120.0
STOPPED = "STOPPED"
"""What the status of a session is that is not there any more."""


class Session:
    """A session of this server.

    Parameters
    ----------
    client
        Through whom the server is asked.
    facts
        What the server said.

    Examples
    --------
    >>> session = wl.launch_session("team/churn", "main")  # doctest: +SKIP
    Waiting for session 'team/churn/main' ..... ok
    >>> session.base_url  # doctest: +SKIP
    'http://127.0.0.1:44815/'
    >>> session.stop()  # doctest: +SKIP
    """

    def __init__(self, client: Client, facts: wire.Session) -> None:
        self._client = client
        self._facts = facts
        self._token = _token(facts)

    def project(self) -> str:
        """Return the project: a folder below the server's root directory."""
        return self._facts.project

    def pipeline(self) -> str:
        """Return the pipeline's name."""
        return self._facts.pipeline

    def owner(self) -> str:
        """Return the name of whoever launched it."""
        return self._facts.owner

    def kernelspecs(self) -> list[str]:
        """Return the names of the project's own kernelspecs, as the session was launched with them."""
        return list(self._facts.kernelspecs)

    @property
    def base_url(self) -> str | None:
        """Where its Jupyter server answers on the server's machine, None when it did not run when last asked."""
        return self._facts.base_url

    def token(self) -> str | None:
        """Return, in clear, what its Jupyter server wants to be sent; None for everybody but its owner."""
        return self._token.reveal()

    def status(self) -> str:
        """Return how it is now: LAUNCHING, RUNNING, STOPPING, FAILED, or STOPPED when it is not there any more."""
        try:
            return self.refresh()._facts.status.value
        except NotFound:
            return STOPPED

    def reason(self) -> str | None:
        """Return what went wrong when last asked, None when nothing had."""
        return self._facts.reason

    def refresh(self) -> Session:
        """Ask the server again.

        Raises
        ------
        EntityNotFoundError
            It was stopped.
        """
        self._facts = self._client.api.get(self._path, wire.Session)
        self._token = _token(self._facts)
        return self

    def stop(self) -> None:
        """End it with its kernels; when this returns, none of its processes is left."""
        self._client.api.send_json("DELETE", self._path)

    @property
    def _path(self) -> str:
        return f"sessions/{quote(self.project(), safe='')}/{quote(self.pipeline(), safe='')}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Session) and (other.project(), other.pipeline()) == (self.project(), self.pipeline())

    def __hash__(self) -> int:
        return hash((self.project(), self.pipeline()))

    def __repr__(self) -> str:
        return (
            f"Session(project={self.project()!r}, pipeline={self.pipeline()!r}, "
            f"status={self._facts.status.value!r}, base_url={self.base_url!r})"
        )

    def _repr_html_(self) -> str:
        return display.fields(
            [
                ("Project", self.project()),
                ("Pipeline", self.pipeline()),
                ("Status", self._facts.status.value),
                ("Base URL", self.base_url or "(none)"),
                ("Owner", self.owner()),
                ("Kernelspecs", ", ".join(self.kernelspecs()) or "(the gateway's own)"),
                ("Reason", self.reason() or "(none)"),
            ]
        )


class Sessions(display.Listing[Session]):
    """Sessions, oldest first."""

    headings = ("project", "pipeline", "status", "base url", "owner")
    nothing = "(no sessions)"

    def line(self, item: Session) -> tuple[object, ...]:
        """Return the cells of one session."""
        facts = item._facts
        return facts.project, facts.pipeline, facts.status.value, facts.base_url or "", facts.owner


def _token(facts: wire.Session) -> Secret[str | None]:
    return Secret(msgspec.json.decode(facts.token, type=str | None))


def fetch_all(client: Client) -> Sessions:
    """Return all sessions."""
    return Sessions(Session(client, facts) for facts in client.api.get("sessions", wire.SessionList).sessions)


def launch(client: Client, project: str, pipeline: str) -> Session:
    """Launch a pipeline's session, or find the one there is, and return it once it runs.

    Raises
    ------
    SessionError
        It could not be launched; says the server's reason.
    """
    request = wire.LaunchSession(project=project, pipeline=pipeline)
    session = Session(client, client.api.call("sessions", request, wire.Session))

    def has_settled() -> bool:
        return session.status() != SessionStatus.LAUNCHING

    name = f"{session.project()}/{session.pipeline()}"
    if session._facts.status is SessionStatus.LAUNCHING:
        wait_until(f"Waiting for session {name!r}", has_settled, LAUNCH_LIMIT_S)
    if session._facts.status is not SessionStatus.RUNNING:
        raise SessionError(
            f"Session {name!r} is {session._facts.status.value}, not RUNNING: {session.reason() or 'it takes long'}",
            hint="Mend the cause and launch it again; what is left of it is swept then.",
        )
    return session
