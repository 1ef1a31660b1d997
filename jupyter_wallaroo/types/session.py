"""Sessions: a kernel gateway and a Jupyter server connected to it, for one pipeline of a project (S4-01 … S4-07)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Raw, Struct

from jupyter_wallaroo.types.process import Identity

ClearToken = Annotated[Raw, Meta(extra_json_schema={"type": ["string", "null"]})]
"""The JSON text of a token, put into an answer as it is; its repr shows nothing of it."""
NO_TOKEN = Raw(b"null")


class SessionStatus(StrEnum):
    """How a session is, as its processes are now."""

    LAUNCHING = "LAUNCHING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    FAILED = "FAILED"
    """It could not be launched, or its gateway or its server ended (``reason``). Launching it again is fine."""


class LaunchSession(Struct, frozen=True, kw_only=True):
    """``POST sessions/``: launch the session of a pipeline, or return the one there is (S4-05).

    Parameters
    ----------
    project
        A folder below the server's root directory, as Jupyter's file browser has it: ``"a/b"``.
    pipeline
        The pipeline's name, which with the project names the session.
    """

    project: str
    pipeline: str


class SessionKey(Struct, frozen=True, kw_only=True):
    """``sessions/{project}/{pipeline}``: the session of a pipeline; ``/`` in a project's name is written ``%2F``."""

    project: str
    pipeline: str


class Session(Struct, frozen=True, kw_only=True):
    """One session.

    Parameters
    ----------
    base_url
        Where its Jupyter server answers on this machine, None while it does not.
    token
        What its server wants to be sent; None for everybody but whoever launched it.
    reason
        What went wrong, None when nothing did.
    kernelspecs
        The names of the project's own kernelspecs (its folder ``kernels``), beside which the gateway may have others.
    """

    project: str
    pipeline: str
    status: SessionStatus
    owner: str
    created_at: str
    base_url: str | None
    token: ClearToken
    reason: str | None = None
    kernelspecs: list[str]


class SessionList(Struct, frozen=True, kw_only=True):
    """``GET sessions/``'s answer, the oldest first."""

    sessions: list[Session]


class Part(Struct, frozen=True):
    """One of a session's two processes, as it is written down, and the port where it listens on the loopback."""

    process: Identity
    port: int


class StoredSession(Struct, frozen=True, kw_only=True):
    """A session as the database has it; the processes themselves say how it is.

    ``status`` is what was last meant: a session that is LAUNCHING is launched again by the next start of the server.
    """

    id: str
    project: str
    pipeline: str
    owner_id: str
    owner: str
    status: SessionStatus
    created_at: str
    kernelspecs: list[str]
    gateway: Part | None = None
    server: Part | None = None
    reason: str | None = None
