"""One engine process: started with a socket of its own, called over it, known to be dead when it is."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from jupyter_wallaroo import errors
from jupyter_wallaroo.engine.arena import Arena, Region
from jupyter_wallaroo.engine.frames import Buffer, FrameConnection, Kind
from jupyter_wallaroo.engine.scoreboard import Scoreboard, new_page
from jupyter_wallaroo.supervisor.taker import Awaited, Taker
from jupyter_wallaroo.types.cluster import Ended
from jupyter_wallaroo.types.plan import Start

ENGINE = "jupyter_wallaroo.engine"
SOCKET_BYTES = 4 * 2**20
"""What may be under way each way; the system grants less where it is told to."""
ANSWERS_A_TURN = 32
"""An engine gives hundreds at once, where it has run as many together; passing one on takes 40 µs."""
STOP_GRACE_S = 2.0
STUCK_AFTER_S = 1.0
PING_AFTER_S = 2.0
PING_LIMIT_S = 5.0
HEADROOM_BYTES = 2**30
"""What a replica's address space may be larger than its memory limit: libraries map more than they use."""

_INHERITED: tuple[str, ...] = ("PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "USER", "LOGNAME", "LD_LIBRARY_PATH")
_INHERITED += ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "SYSTEMROOT")
_SETTINGS = {"ORT_DISABLE_TELEMETRY": "1"}
"""onnxruntime otherwise keeps a log of its use in the home directory and looks for its maker's server."""
_INHERITED_PREFIXES = ("LC_", "OMP_", "MKL_", "OPENBLAS_")

_decode_ended = msgspec.msgpack.Decoder(Ended).decode
_decode_error = msgspec.msgpack.Decoder().decode

Reply = tuple[bytes, Buffer]
"""An answer's head and body."""

Asked = Callable[[bytes], Awaitable[bytes]]
"""Answers what an engine asks of the server."""


class EngineGone(Exception):
    """The process ended while it owed an answer.

    Parameters
    ----------
    reason
        How it ended.
    was_worked_on
        Whether it was at this request, and not at one before it, so that this one may be what ended it.
    is_memory
        Whether it was ended for its use of memory over this request.
    """

    def __init__(self, reason: str, *, was_worked_on: bool = False, is_memory: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.was_worked_on = was_worked_on
        self.is_memory = is_memory


def environment() -> dict[str, str]:
    """Return the environment of a child: from an allow list, so that no token of Jupyter's gets there (SECURITY B2)."""
    allowed = {
        name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith(_INHERITED_PREFIXES)
    }
    return allowed | _SETTINGS


async def spawn(
    begin: Start,
    directory: Path,
    *,
    program: str = ENGINE,
    interpreter: str = sys.executable,
    variables: Mapping[str, str] | None = None,
) -> asyncio.subprocess.Process:
    """Start a process that inherits the descriptors ``begin`` names; see `EngineProcess.start`."""
    return await asyncio.create_subprocess_exec(
        interpreter,
        "-P",
        "-m",
        program,
        msgspec.json.encode(begin).decode(),
        cwd=directory,
        env=environment() | dict(variables or {}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        pass_fds=(begin.socket, *(begin.arena or ())[:1], *begin.peers, *(begin.door or ())),
        start_new_session=True,
    )


def resident_bytes(pid: int) -> int:
    """Return how much memory a process has for itself, libraries and the arena left out; 0 when unknown."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            _, resident, shared, *_ = file.read().split()
            return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0


class Call:
    """A request that an engine owes an answer to, and the region it may read until it has answered."""

    __slots__ = ("deadline", "region", "taker")

    def __init__(self, taker: Taker[bytes], deadline: float, region: Region | None) -> None:
        self.taker: Taker[bytes] | None = taker
        self.deadline = deadline
        self.region = region
        if region is not None:
            region.hold()

    def end(self) -> None:
        """Note that the engine is done with it."""
        if self.region is not None:
            self.region.release()
            self.region = None

    def fail(self, error: Exception) -> None:
        """Tell whoever waits why there is no answer, unless they have been told."""
        taker, self.taker = self.taker, None
        if taker is not None:
            taker.failed(error)


class EngineProcess:
    """A running engine process.

    Made by `start`. Times are seconds of the monotonic clock, which this process shares with its children.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._connection = FrameConnection(self, most=ANSWERS_A_TURN)
        self._calls: dict[int, Call] = {}
        self._last_number = 0
        self._last_heard = time.monotonic()
        self._reason = ""
        self._is_connected = True
        self.was_too_large = False
        self.scoreboard: Scoreboard | None = None
        """What its own door counts, None when it has none."""
        self.asked: Asked | None = None
        self.rolled: OnChange | None = None
        """Told when it has finished a file of its journal."""
        self._answering: set[asyncio.Task[None]] = set()
        self._idle: asyncio.Future[None] | None = None
        self._ended = asyncio.get_running_loop().create_task(self._watch())

    @classmethod
    async def start(
        cls,
        role: str,
        directory: Path,
        *,
        program: str = ENGINE,
        memory_bytes: int = 0,
        cpu_s: int = 0,
        arena: Arena | None = None,
        interpreter: str = sys.executable,
        variables: Mapping[str, str] | None = None,
        peers: Sequence[socket.socket] = (),
        listener: socket.socket | None = None,
    ) -> EngineProcess:
        """Start ``python -m jupyter_wallaroo.engine`` in a role; it answers once it is up.

        Parameters
        ----------
        role
            As ``program`` knows it: replica, sidekick, inspector, orchestration, archivist or analyst.
        directory
            Its working directory, which should be empty.
        program
            The module that is run.
        memory_bytes, cpu_s
            Limits of its address space and CPU time; 0: none.
        arena
            Where large bodies lie that it may read.
        interpreter, variables
            The Python that runs it, and what is added to its environment.
        peers
            Connected sockets that it inherits: a replica's to its sidekicks, a sidekick's to its replica.
        listener
            The socket that a replica's own door accepts on.

        Raises
        ------
        OSError
            It cannot be started.
        """
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
        with theirs:
            begin = Start(
                role=role,
                socket=theirs.fileno(),
                parent=os.getpid(),
                memory_bytes=memory_bytes,
                cpu_s=cpu_s,
                arena=(arena.fd, arena.size_bytes) if arena is not None else None,
                peers=[peer.fileno() for peer in peers],
                door=(listener.fileno(), new_page()) if listener is not None else None,
            )
            scoreboard = Scoreboard(os.dup(begin.door[1])) if begin.door is not None else None
            try:
                process = await spawn(begin, directory, program=program, interpreter=interpreter, variables=variables)
            finally:
                if begin.door is not None:
                    os.close(begin.door[1])
        self = cls(process)
        self.scoreboard = scoreboard
        ours.setblocking(False)
        await asyncio.get_running_loop().create_connection(lambda: self._connection, sock=ours)
        return self

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process can be called: it has neither ended nor closed its connection."""
        return self._is_connected and not self._ended.done()

    @property
    def reason(self) -> str:
        """How the process came to its end, "" while it is not known."""
        return self._reason

    @property
    def in_flight(self) -> int:
        """How many answers it owes, by whichever door they were asked for."""
        return len(self._calls) + self.owed_at_door

    @property
    def owed_at_door(self) -> int:
        """How many answers it owes at its own door."""
        return self.scoreboard.owed if self.scoreboard is not None and self.is_alive else 0

    def call(self, kind: int, head: bytes, body: Buffer | Region, deadline: float) -> asyncio.Future[Reply]:
        """Send a request and return the future of its answer, which fails with a `WallarooError` or `EngineGone`."""
        awaited: Awaited[bytes] = Awaited()
        self.send(kind, head, body, deadline, awaited)
        return awaited.future

    def send(self, kind: int, head: bytes, body: Buffer | Region, deadline: float, taker: Taker[bytes]) -> None:
        """Send a request, whose outcome is told to ``taker``, at once where the process has ended.

        A region is not sent: the head says where it lies.
        """
        if not self.is_alive:
            taker.failed(EngineGone(self._reason or "it had ended"))
            return
        self._last_number += 1
        region = body if isinstance(body, Region) else None
        self._calls[self._last_number] = Call(taker, deadline, region)
        sent = b"" if isinstance(body, Region) else body
        self._connection.send(self._last_number, kind, head, sent, is_more=len(self._calls) > 1)

    def frame_received(self, number: int, kind: int, head: bytes, body: Buffer) -> None:
        """Match an answer with its call (the connection calls this)."""
        self._last_heard = time.monotonic()
        if kind == Kind.ASK:
            self._answer(head)
            return
        if kind == Kind.ROLLED:
            if self.rolled is not None:
                self.rolled()
            return
        if kind == Kind.ENDED:
            ended = _decode_ended(head)
            self.end_for(ended.reason, is_memory=ended.is_memory)
            return
        call = self._calls.pop(number, None)
        if not self._calls:
            self._tell_idle()
        if call is None:
            return
        call.end()
        if kind != Kind.ANSWER:
            call.fail(errors.from_wire(_decode_error(head)))
        elif call.taker is not None:
            call.taker.answered(head, body)

    def _answer(self, question: bytes) -> None:
        task = asyncio.get_running_loop().create_task(self._send_verdict(question))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _send_verdict(self, question: bytes) -> None:
        if self.asked is not None:
            self._connection.send(0, Kind.VERDICT, await self.asked(question))

    def connection_ended(self) -> None:
        """Take a closed connection for the end of the process (the connection calls this)."""
        self._is_connected = False
        self._fail_calls("its connection ended")
        self.kill()

    def check(self, now: float) -> None:
        """Fail calls whose time is over; kill a process that is stuck; ask an idle one for a sign of life.

        A process works on one request at a time, in order. It is stuck when the oldest one is overdue and nothing has
        come from it since, here or at its own door; one that is merely behind keeps answering.
        """
        for call in [call for call in self._calls.values() if call.deadline < now]:
            call.fail(errors.DeadlineExceeded("The time limit of the request passed."))
        oldest = next(iter(self._calls.values()), None)
        board = self.scoreboard
        if board is not None and board.owed:
            if board.due_ns / 1e9 + STUCK_AFTER_S < now:
                self.kill("it did not answer in time")
        elif oldest is None:
            if now - self._last_heard > PING_AFTER_S:
                self.call(Kind.PING, b"", b"", now + PING_LIMIT_S).add_done_callback(forget)
        elif oldest.deadline + STUCK_AFTER_S < now and self._last_heard + STUCK_AFTER_S < now:
            self.kill("it did not answer in time")

    def resident_bytes(self) -> int:
        """Return how much memory the process has for itself; 0 when unknown."""
        return resident_bytes(self.pid)

    def kill_for_memory(self, limit_bytes: int) -> None:
        """End a process that is over its limit; the requests it owes answers to are told why."""
        self.end_for(f"it used more than its memory limit of {limit_bytes // 2**20} MiB", is_memory=True)

    def end_for(self, reason: str, *, is_memory: bool = False) -> None:
        """End the process at once and fail what it owes with ``reason``, perhaps another process's use of memory."""
        self.was_too_large = is_memory
        self._is_connected = False
        self.kill(reason)
        self._fail_calls(reason)

    def kill(self, why: str = "") -> None:
        """End the process at once; ``why`` is told instead of the signal."""
        if self._ended.done():
            return
        self._reason = self._reason or why
        if self._process.returncode is None:
            # Not Popen.kill: it polls first, and may so take the exit status from under asyncio, which then says 255.
            self._kill_group()

    async def until_idle(self) -> None:
        """Wait until the process owes no answer, or is gone."""
        if self._calls:
            self._idle = self._idle or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._idle)

    async def wait(self) -> str:
        """Wait for the end of the process and return how it came."""
        return await asyncio.shield(self._ended)

    async def stop(self) -> None:
        """Close the connection, which ends the process after what it is doing; kill it when it takes too long."""
        if self._ended.done():
            return
        self._reason = "it was stopped"
        self._connection.close()
        try:
            await asyncio.wait_for(self.wait(), STOP_GRACE_S)
        except TimeoutError:
            self.kill()
            await self.wait()

    def _kill_group(self) -> None:
        """End the process and whatever its model's code started: it leads a process group of its own."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _watch(self) -> str:
        code = await self._process.wait()
        self._kill_group()
        self._is_connected = False
        if not self._reason:
            self._reason = f"ended by {signal.Signals(-code).name}" if code < 0 else f"exited with status {code}"
        self._fail_calls(self._reason)
        self._connection.close()
        return self._reason

    def _fail_calls(self, reason: str) -> None:
        calls, self._calls = self._calls, {}
        for place, call in enumerate(calls.values()):
            call.end()
            is_first = not place  # requests are worked on one at a time, in order
            call.fail(EngineGone(reason, was_worked_on=is_first, is_memory=is_first and self.was_too_large))
        self._tell_idle()

    def _tell_idle(self) -> None:
        if self._idle is not None:
            self._idle.set_result(None)
            self._idle = None


def forget(future: asyncio.Future[Reply]) -> None:
    """Let an answer that nobody waits for be whatever it is."""
    if not future.cancelled():
        future.exception()


OnChange = Callable[[], None]
"""Told that something's state may have changed."""
