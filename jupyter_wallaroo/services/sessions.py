"""Sessions: for a pipeline of a project, a kernel gateway and a Jupyter server connected to it (S4-01 … S4-07).

A session is one per project and pipeline. Its processes outlive this server, which finds them again when it starts. How
a session is, its processes say; the database says which they are and what was meant, and never keeps anybody from
launching: what is dead is swept and started anew.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections import defaultdict
from pathlib import Path

import msgspec
from msgspec import Struct

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.services.kernelspecs import KernelSpecs
from jupyter_wallaroo.store import sessions
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.supervisor.session import LaunchFailed, LiveSession
from jupyter_wallaroo.supervisor.session_setup import SessionSpec
from jupyter_wallaroo.types.caller import Caller
from jupyter_wallaroo.types.config import Nothing
from jupyter_wallaroo.types.names import check_name
from jupyter_wallaroo.types.session import (
    NO_TOKEN,
    LaunchSession,
    Session,
    SessionKey,
    SessionList,
    SessionStatus,
    StoredSession,
)

GATEWAY_PROGRAM = "jupyter-enterprisegateway"
MAX_PROJECT_LENGTH = 1000

Key = tuple[str, str]
"""A project, as its path below the root with ``/``, and a pipeline."""


class SessionSettings(Struct, frozen=True, kw_only=True):
    """What the configuration says of sessions.

    Parameters
    ----------
    root
        The folder that projects are in: the server's root directory.
    directory
        Where each session has a private directory.
    gateway_command
        What starts a gateway.
    environments
        Environments of Python by the ``image_name`` of kernelspecs.
    """

    root: Path
    directory: Path
    gateway_command: list[str]
    environments: dict[str, str]


class _Kept:
    """A session as it is written down, its processes, and what is being done with them."""

    def __init__(self, stored: StoredSession, live: LiveSession) -> None:
        self.stored = stored
        self.live = live
        self.work: asyncio.Task[None] | None = None

    @property
    def status(self) -> SessionStatus:
        """How it is now: RUNNING only while both processes do."""
        if self.stored.status is SessionStatus.RUNNING and self.live.failure is not None:
            return SessionStatus.FAILED
        return self.stored.status

    async def settle(self) -> None:
        """Give up what is being done with it."""
        work, self.work = self.work, None
        if work is not None:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


class SessionService:
    """Launches, finds and stops sessions.

    Parameters
    ----------
    store
        Where they are written down.
    settings
        What the configuration says.
    """

    def __init__(self, store: Store, settings: SessionSettings) -> None:
        self._store = store
        self._settings = settings
        self._kept: dict[Key, _Kept] = {}
        self._changing: defaultdict[Key, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def restore(self) -> None:
        """Find the processes of every session again; what was being launched or stopped is done again."""
        for stored in await self._store.read(sessions.every):
            kept = _Kept(stored, LiveSession(self._spec(stored)))
            self._kept[stored.project, stored.pipeline] = kept
            if stored.status in (SessionStatus.RUNNING, SessionStatus.FAILED):
                await kept.live.adopt(stored.gateway, stored.server)
            kept.work = asyncio.create_task(self._resume(kept))

    async def _resume(self, kept: _Kept) -> None:
        match kept.stored.status:
            case SessionStatus.RUNNING:
                await self._watch(kept)
            case SessionStatus.LAUNCHING:
                await self._relaunch(kept)
            case SessionStatus.STOPPING:
                await self._end(kept)
            case SessionStatus.FAILED:
                await kept.live.end_rest()

    async def close(self) -> None:
        """Leave running sessions to themselves; what is only being launched is ended, and launched again later."""
        for kept in self._kept.values():
            await kept.settle()
            kept.live.release()
        self._kept.clear()

    @property
    def running(self) -> int:
        """How many sessions run."""
        return sum(kept.status is SessionStatus.RUNNING for kept in self._kept.values())

    async def is_busy(self) -> bool:
        """Tell whether a session is in use: it is launched or stopped, or a kernel of its is executing something."""
        if any(kept.status in (SessionStatus.LAUNCHING, SessionStatus.STOPPING) for kept in self._kept.values()):
            return True
        busy = await asyncio.gather(*(kept.live.is_busy() for kept in self._kept.values()))
        return any(busy)

    async def launch(self, caller: Caller, request: LaunchSession) -> Session:
        """Launch a pipeline's session and return it as it is at once; one that is there is returned as it is (S4-05).

        Raises
        ------
        InvalidRequest
            The project is no folder below the root, the name cannot be one, a kernelspec of the project is wrong, or
            there is no gateway to be started; says what to do.
        """
        pipeline = check_name("pipeline", request.pipeline)
        project, folder = await asyncio.to_thread(self._located, request.project)
        async with self._changing[project, pipeline]:
            kept = self._kept.get((project, pipeline))
            if kept is None or kept.status is SessionStatus.FAILED:
                kept = await self._launch(caller, project, pipeline, folder)
        return self._facts(kept, caller)

    async def _launch(self, caller: Caller, project: str, pipeline: str, folder: Path) -> _Kept:
        found = KernelSpecs(folder, self._settings.environments)
        kernelspecs = await asyncio.to_thread(found.read)
        await asyncio.to_thread(self._check_gateway)
        before = self._kept.get((project, pipeline))
        if before is not None:
            await before.settle()
            await before.live.stop()
        stored = await self._store.write(
            sessions.put,
            session_id=str(uuid.uuid4()),
            project=project,
            pipeline=pipeline,
            owner_id=caller.user.id,
            kernelspecs=list(kernelspecs),
        )
        kept = self._kept[project, pipeline] = _Kept(stored, LiveSession(self._spec(stored)))
        kept.work = asyncio.create_task(self._run(kept))
        return kept

    async def list_sessions(self, caller: Caller, request: Nothing) -> SessionList:
        """Return all sessions, the oldest first."""
        found = sorted(self._kept.values(), key=lambda kept: (kept.stored.created_at, kept.stored.id))
        return SessionList(sessions=[self._facts(kept, caller) for kept in found])

    async def get(self, caller: Caller, request: SessionKey) -> Session:
        """Return the session of a pipeline.

        Raises
        ------
        NotFound
            There is none; names the nearest.
        """
        return self._facts(await self._require(request), caller)

    async def stop(self, caller: Caller, request: SessionKey) -> None:
        """End a session; when this returns, nothing of it is left.

        Raises
        ------
        NotFound
            There is none; names the nearest.
        """
        kept = await self._require(request)
        async with self._changing[kept.stored.project, kept.stored.pipeline]:
            kept = await self._require(request)
            await kept.settle()
            await self._note(kept, SessionStatus.STOPPING)
            kept.work = asyncio.create_task(self._end(kept))
            await asyncio.shield(kept.work)

    async def _end(self, kept: _Kept) -> None:
        await kept.live.stop()
        await self._store.write(sessions.delete, kept.stored.id)
        self._kept.pop((kept.stored.project, kept.stored.pipeline), None)

    async def _relaunch(self, kept: _Kept) -> None:
        """Launch what an earlier server was launching; what it had started is ended first."""
        await kept.live.stop()
        await self._run(kept)

    async def _run(self, kept: _Kept) -> None:
        """Launch a session, and watch it as long as it runs."""
        try:
            await asyncio.to_thread(self._prepare, kept.live.spec)
            await kept.live.launch(lambda: self._note(kept, SessionStatus.LAUNCHING))
        except LaunchFailed as failure:
            await self._note(kept, SessionStatus.FAILED, failure.reason)
            return
        except (InvalidRequest, OSError) as error:
            await self._note(kept, SessionStatus.FAILED, errors.without_paths(str(error)))
            return
        await self._note(kept, SessionStatus.RUNNING)
        await self._watch(kept)

    def _prepare(self, spec: SessionSpec) -> None:
        """Write a session's kernelspecs where its gateway looks."""
        kernelspecs = KernelSpecs(spec.project, self._settings.environments)
        self._settings.directory.mkdir(exist_ok=True, mode=0o700)
        spec.directory.mkdir(exist_ok=True, mode=0o700)
        kernelspecs.write(kernelspecs.read(), spec.directory / "jupyter" / "kernels")

    async def _watch(self, kept: _Kept) -> None:
        """Wait until a process of a running session ends, end what is of no use without it, and write that down."""
        if kept.live.failure is None:
            await kept.live.until_one_ends()
        reason = kept.live.failure
        await kept.live.end_rest()
        await self._note(kept, SessionStatus.FAILED, reason)

    async def _note(self, kept: _Kept, status: SessionStatus, reason: str | None = None) -> None:
        live = kept.live
        kept.stored = msgspec.structs.replace(kept.stored, status=status, reason=reason)
        await self._store.write(
            sessions.note, kept.stored.id, status=status, reason=reason, gateway=live.gateway, server=live.server
        )

    def _spec(self, stored: StoredSession) -> SessionSpec:
        return SessionSpec(
            id=stored.id,
            directory=self._settings.directory / stored.id,
            project=Path(os.path.realpath(self._settings.root)) / stored.project,
            gateway_command=self._settings.gateway_command,
        )

    def _check_gateway(self) -> None:
        """Raise `InvalidRequest` when there is no program that starts a gateway."""
        program = (self._settings.gateway_command or [""])[0]
        if shutil.which(program) is None:
            raise InvalidRequest(
                f"A session needs a Jupyter Enterprise Gateway, and there is no program {program!r} on this server.",
                hint="Install one in an environment of its own (python3 -m venv gateway && gateway/bin/pip install "
                "jupyter_enterprise_gateway ipykernel) and say where it is: c.WallarooApp.gateway_command = "
                f"['/path/to/gateway/bin/{GATEWAY_PROGRAM}'].",
            )

    async def _require(self, request: SessionKey) -> _Kept:
        project, _ = await asyncio.to_thread(self._path, request.project)
        kept = self._kept.get((project, request.pipeline))
        if kept is None:
            raise errors.not_found("Session", f"{project}/{request.pipeline}", ["/".join(key) for key in self._kept])
        return kept

    def _located(self, project: str) -> tuple[str, Path]:
        """Return a project's one name and its folder, which has to be there."""
        name, folder = self._path(project)
        if not folder.is_dir():
            known = sorted(
                item.name for item in os.scandir(self._settings.root) if item.is_dir() and item.name[0] != "."
            )
            raise errors.not_found("Project", project, known)
        return name, folder

    def _path(self, project: str) -> tuple[str, Path]:
        """Return a project's path below the root with ``/``, links followed, and its folder (there or not).

        Raises
        ------
        InvalidRequest
            It does not lie below the root.
        """
        root = os.path.realpath(self._settings.root)
        parts = project.strip("/").split("/")
        is_plain = len(project) <= MAX_PROJECT_LENGTH and not {"", ".", ".."} & set(parts) and project.isprintable()
        folder = os.path.realpath(os.path.join(root, *parts)) if is_plain else ""
        if not is_plain or os.path.commonpath([root, folder]) != root or folder == root:
            raise InvalidRequest(
                f"{project[:100]!r} is no project: expected a folder below this server's root directory, such as "
                "'team/churn'.",
                hint="The file browser shows the root directory; links that lead out of it are not followed.",
            )
        return os.path.relpath(folder, root).replace(os.sep, "/"), Path(folder)

    def _facts(self, kept: _Kept, caller: Caller) -> Session:
        stored, status = kept.stored, kept.status
        is_running = status is SessionStatus.RUNNING
        shows_token = is_running and caller.user.id == stored.owner_id
        return Session(
            project=stored.project,
            pipeline=stored.pipeline,
            status=status,
            owner=stored.owner,
            created_at=stored.created_at,
            base_url=kept.live.base_url if is_running else None,
            token=msgspec.Raw(msgspec.json.encode(kept.live.server_token.reveal())) if shows_token else NO_TOKEN,
            reason=stored.reason or (kept.live.failure if status is SessionStatus.FAILED else None),
            kernelspecs=stored.kernelspecs,
        )
