"""A session's processes: an Enterprise Gateway, then a Jupyter server connected to it (S4-01).

Both outlive this server deliberately, and with them the kernels. All of a session's processes carry its mark in their
environment, so that a stop finds what is left of them, whoever's child it is by then.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Set
from enum import Enum
from pathlib import Path

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPError

from jupyter_wallaroo.errors import without_paths
from jupyter_wallaroo.secret import Secret
from jupyter_wallaroo.supervisor import process_table
from jupyter_wallaroo.supervisor.lasting import LastingProcess
from jupyter_wallaroo.supervisor.session_setup import SessionSetup, SessionSpec
from jupyter_wallaroo.types.process import Identity
from jupyter_wallaroo.types.session import Part

START_LIMIT_S = 90.0
STOP_GRACE_S = 5.0
KILL_LIMIT_S = 5.0
ASK_LIMIT_S = 5.0
PORT_ATTEMPTS = 3

_POLL_S = 0.05
_MAX_REASON = 300


class Role(Enum):
    """Which of a session's two processes is meant."""

    GATEWAY = "gateway"
    SERVER = "Jupyter server"


class LaunchFailed(Exception):
    """A process of a session did not come up; ``reason`` is a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _Running:
    """One of the two processes, and the port where it listens."""

    def __init__(self, process: LastingProcess, port: int) -> None:
        self.process = process
        self.port = port

    @property
    def part(self) -> Part:
        return Part(self.process.identity, self.port)


Record = Callable[[], Awaitable[None]]
"""Writes down which the processes are; called as soon as one is started, before anything depends on it."""


class LiveSession:
    """The processes of one session; `launch` or `adopt` gets it some, `release` leaves them to themselves.

    Parameters
    ----------
    spec
        What it is made of.
    """

    def __init__(self, spec: SessionSpec) -> None:
        self.spec = spec
        self._setup = SessionSetup(spec)
        self._running: dict[Role, _Running] = {}

    @property
    def gateway(self) -> Part | None:
        """The gateway, None when none was started."""
        return self._part(Role.GATEWAY)

    @property
    def server(self) -> Part | None:
        """The Jupyter server, None when none was started."""
        return self._part(Role.SERVER)

    def _part(self, role: Role) -> Part | None:
        running = self._running.get(role)
        return running.part if running else None

    @property
    def failure(self) -> str | None:
        """Which of the two does not run, as a sentence; None when both do."""
        for role in Role:
            running = self._running.get(role)
            if running is None or not running.process.is_alive:
                return f"Its {role.value} {_ending(running)}."
        return None

    @property
    def base_url(self) -> str | None:
        """Where its Jupyter server answers, None when it does not run."""
        running = self._running.get(Role.SERVER)
        return f"http://127.0.0.1:{running.port}/" if running and running.process.is_alive else None

    @property
    def server_token(self) -> Secret[str]:
        """What its Jupyter server wants to be sent."""
        return self._setup.server_token

    async def launch(self, record: Record) -> None:
        """Start the gateway, wait until it answers, start the server, wait until it answers.

        Raises
        ------
        LaunchFailed
            One did not come up; nothing of the session is left running.
        """
        try:
            await asyncio.to_thread(self._setup.make)
            await self._bring_up(Role.GATEWAY, record)
            await self._bring_up(Role.SERVER, record)
        except BaseException:
            await self.stop()
            raise

    async def adopt(self, gateway: Part | None, server: Part | None) -> None:
        """Find the processes again that an earlier server started: by id, start and mark."""
        await asyncio.to_thread(self._setup.find)
        for role, part in ((Role.GATEWAY, gateway), (Role.SERVER, server)):
            process = LastingProcess.adopt(part.process, self.spec.mark) if part else None
            if part and process:
                self._running[role] = _Running(process, part.port)

    async def until_one_ends(self) -> None:
        """Wait until the gateway or the server has ended."""
        waits = [asyncio.ensure_future(running.process.wait()) for running in self._running.values()]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def end_rest(self) -> None:
        """End what is of no use without what has ended.

        Without the server, everything; without the gateway, its kernels: the server stays, so that open documents can
        be saved.
        """
        server = self._running.get(Role.SERVER)
        if server is None or not server.process.is_alive:
            await self._end()
        else:
            await self._kill(besides=server.process.identity)

    async def stop(self) -> None:
        """End the server and the gateway, which ends its kernels, and what is left of them; remove its files."""
        await self._end()
        self.release()
        self._running.clear()
        await asyncio.to_thread(shutil.rmtree, self.spec.directory, ignore_errors=True)

    async def _end(self) -> None:
        known = await asyncio.to_thread(process_table.family, self.spec.mark)
        for role in reversed(Role):
            running = self._running.get(role)
            if running is not None:
                running.process.send(signal.SIGTERM)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(running.process.wait(), STOP_GRACE_S)
        await self._kill(known=known)
        for running in self._running.values():
            await running.process.wait()

    async def _kill(self, *, besides: Identity | None = None, known: Set[Identity] = frozenset()) -> None:
        """Kill all that carries the mark or is ``known``, until there is none."""

        def kill() -> bool:
            found = process_table.family(self.spec.mark, besides=besides) | set(filter(process_table.is_alive, known))
            for process in found:
                process_table.send(process, signal.SIGKILL)
            return bool(found)

        until = time.monotonic() + KILL_LIMIT_S
        while await asyncio.to_thread(kill) and time.monotonic() < until:
            await asyncio.sleep(_POLL_S)

    def release(self) -> None:
        """Leave the processes to themselves."""
        for running in self._running.values():
            running.process.release()

    async def is_busy(self) -> bool:
        """Tell whether a kernel of its gateway is executing something."""
        running = self._running.get(Role.GATEWAY)
        if running is None or not running.process.is_alive:
            return False
        kernels = await _ask(running.port, "api/kernels", self._setup.gateway_token)
        if not isinstance(kernels, list):
            return False
        return any(isinstance(kernel, dict) and kernel.get("execution_state") == "busy" for kernel in kernels)

    async def _bring_up(self, role: Role, record: Record) -> None:
        """Start one of the two on a free port and wait until it answers; on another if somebody took that meanwhile."""
        for _ in range(PORT_ATTEMPTS):
            port = _free_port()
            await self._start(role, port)
            await record()
            if await self._answers(role):
                return
            self._running[role].process.release()
            if not await asyncio.to_thread(_is_taken, port):
                break
        said = await asyncio.to_thread(_last_words, self._log(role))
        raise LaunchFailed(f"Its {role.value} {_ending(self._running[role])} when it was started: {said}")

    async def _start(self, role: Role, port: int) -> None:
        if role is Role.GATEWAY:
            command = await asyncio.to_thread(self._setup.gateway, port)
        else:
            command = await asyncio.to_thread(self._setup.server, port, self._running[Role.GATEWAY].port)
        try:
            process = LastingProcess.start(
                command.arguments, directory=self.spec.project, variables=command.variables, log=self._log(role)
            )
        except OSError as error:
            raise LaunchFailed(f"Its {role.value} could not be started: {error.strerror}.") from error
        self._running[role] = _Running(process, port)

    async def _answers(self, role: Role) -> bool:
        """Wait until a process answers a request with its token; False when it ends instead."""
        running = self._running[role]
        token = self._setup.gateway_token if role is Role.GATEWAY else self._setup.server_token
        until = time.monotonic() + START_LIMIT_S
        while running.process.is_alive:
            if await _ask(running.port, "api", token) is not None:
                return running.process.is_alive
            if time.monotonic() > until:
                raise LaunchFailed(f"Its {role.value} did not answer within {START_LIMIT_S:.0f} s.")
            await asyncio.sleep(_POLL_S)
        await running.process.wait()
        return False

    def _log(self, role: Role) -> Path:
        return self.spec.directory / f"{role.name.lower()}.log"


async def _ask(port: int, path: str, token: Secret[str]) -> object:
    """Return what a process on this machine answers to a request with its token, None when that is no success."""
    client = AsyncHTTPClient(force_instance=True)
    try:
        response = await client.fetch(
            f"http://127.0.0.1:{port}/{path}",
            headers={"Authorization": f"token {token.reveal()}"},
            request_timeout=ASK_LIMIT_S,
            follow_redirects=False,
        )
        found: object = msgspec.json.decode(response.body)
    except (OSError, HTTPError, msgspec.MsgspecError):
        return None
    finally:
        client.close()
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _ending(running: _Running | None) -> str:
    status = running.process.exit_status if running else None
    if status is None:
        return "is not running any more"
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def _last_words(log: Path) -> str:
    """Return the last line of a log that says something, without this machine's paths."""
    try:
        lines = [line.strip() for line in log.read_text(errors="replace")[-20_000:].splitlines() if line.strip()]
    except OSError:
        lines = []
    return without_paths(lines[-1])[:_MAX_REASON] if lines else "it said nothing."
