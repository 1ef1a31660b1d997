"""What the parts of a cluster do by themselves: proofs, files on a node, a journal that is kept elsewhere."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jupyter_wallaroo.cluster import handshake
from jupyter_wallaroo.cluster.link import Link
from jupyter_wallaroo.cluster.model_cache import IN_USE_S, ModelCache
from jupyter_wallaroo.cluster.relay import Relay
from jupyter_wallaroo.cluster.room import Node, room
from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.errors import InvalidModel
from jupyter_wallaroo.segments.journal_files import JournalFiles
from jupyter_wallaroo.types.cluster import Demand
from jupyter_wallaroo.types.plan import Durability

SECRET = os.urandom(32)


def _listener() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    return listener


def run(doing: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(doing, 30))


def test_both_ends_prove_that_they_know_the_secret() -> None:
    """A stranger before the right one is sent away, and is told nothing that would serve him."""

    async def meet() -> None:
        with _listener() as listener:
            port = listener.getsockname()[1]
            accepting = asyncio.create_task(handshake.accept(listener, SECRET))
            with pytest.raises(handshake.NotTrusted):
                await handshake.call("127.0.0.1", port, b"another")
            with await handshake.call("127.0.0.1", port, SECRET) as ours, await accepting as theirs:
                await asyncio.get_running_loop().sock_sendall(ours, b"hello")
                assert await asyncio.get_running_loop().sock_recv(theirs, 10) == b"hello"

    run(meet())


def test_a_proof_sent_back_is_none() -> None:
    """Whoever answers each challenge with what it was sent is not trusted: a proof names the side that gives it."""

    async def mirror() -> None:
        with _listener() as listener:
            accepting = asyncio.create_task(handshake.accept(listener, SECRET))
            stranger = socket.socket()
            with stranger:
                stranger.setblocking(False)
                loop = asyncio.get_running_loop()
                await loop.sock_connect(stranger, listener.getsockname())
                for _ in range(2):
                    await loop.sock_sendall(stranger, await loop.sock_recv(stranger, handshake.PROOF_BYTES))
                assert await loop.sock_recv(stranger, 1) == b""
            assert not accepting.done()
            accepting.cancel()
            await asyncio.gather(accepting, return_exceptions=True)

    run(mirror())


def test_a_file_is_kept_once_it_is_what_it_should_be(tmp_path: Path) -> None:
    """Parts in order; another content is refused and leaves nothing; a damaged file is missing again."""
    cache = ModelCache(tmp_path / "models")
    body = os.urandom(100_000)
    sha = hashlib.sha256(body).hexdigest()
    assert cache.missing({sha: len(body)}) == [sha]
    cache.add(sha, body[:60_000], is_last=False)
    assert cache.missing({sha: len(body)}) == [sha]
    cache.add(sha, body[60_000:], is_last=True)
    assert cache.missing({sha: len(body)}) == []
    other = "0" * 64
    with pytest.raises(InvalidModel, match=other):
        cache.add(other, body, is_last=True)
    (tmp_path / "models" / sha).write_bytes(bytes(len(body)))
    assert cache.missing({sha: len(body)}) == [sha]
    cache.add(sha, body[:5], is_last=False)
    cache.close()
    assert [path.name for path in (tmp_path / "models").iterdir()] == [sha]


def test_files_not_used_for_longest_make_room(tmp_path: Path) -> None:
    """Only as many as it takes, none that was used a moment ago or is about to be; parts that a kill left go too."""
    cache = ModelCache(tmp_path / "models")
    long_ago = time.time() - 10 * IN_USE_S
    ages = {"oldest": 4, "older": 3, "old": 2, "wanted": 5, ".left": 1, "fresh": None, ".coming": None}
    for name, age in ages.items():
        path = cache.directory / name
        path.write_bytes(bytes(100))
        if age is not None:
            os.utime(path, (long_ago, long_ago - age))

    def names() -> set[str]:
        return {path.name for path in cache.directory.iterdir()}

    cache.make_room({"wanted": 100, "new": 100}, 0)
    assert names() == set(ages) - {".left"}
    cache.make_room({"wanted": 100, "new": 100}, 500)
    assert names() == {"old", "wanted", "fresh", ".coming"}
    cache.make_room({"wanted": 100, "new": 100}, 1)
    assert names() == {"wanted", "fresh", ".coming"}


def test_a_file_that_is_used_is_the_youngest(tmp_path: Path) -> None:
    """Asking for it is using it."""
    cache = ModelCache(tmp_path / "models")
    sha = hashlib.sha256(b"model").hexdigest()
    cache.add(sha, b"model", is_last=True)
    os.utime(cache.directory / sha, (0, 0))
    assert cache.missing({sha: 5}) == []
    assert (cache.directory / sha).stat().st_mtime > time.time() - IN_USE_S


def test_a_directory_that_others_can_write_to_is_not_used(tmp_path: Path) -> None:
    """On a node's /tmp anybody may have made it first."""
    (tmp_path / "models").mkdir(mode=0o777)
    (tmp_path / "models").chmod(0o777)
    with pytest.raises(PermissionError):
        ModelCache(tmp_path / "models")


def _node(cpus: float, free: float, **labels: str) -> Node:
    memory = {"memory": 2.0**30}
    return Node(total={"CPU": cpus, **memory}, free={"CPU": free, **memory}, labels=labels)


NODES = [_node(4, 1, place="north"), _node(8, 8), _node(8, 8)]


@pytest.mark.parametrize(
    ("demand", "said"),
    [
        (Demand(cpus=8, memory_bytes=2**30), ""),
        (Demand(cpus=1, memory_bytes=0, labels={"place": "north"}), ""),
        (
            Demand(cpus=2, memory_bytes=0, labels={"place": "north"}),
            "waiting for a node of the Ray cluster with 2 cpus, label place=north free",
        ),
        (
            Demand(cpus=8, memory_bytes=0, labels={"place": "north"}),
            (
                "no node of the Ray cluster has 8 cpus, label place=north; there are: 2 with 8 cpus; "
                "1 with 4 cpus, label place=north"
            ),
        ),
        (
            Demand(cpus=1, memory_bytes=2**31, gpus=0.5),
            (
                "no node of the Ray cluster has 1 cpus, 2048 MiB of memory, 0.5 gpus; there are: "
                "2 with 8 cpus, 1024 MiB of memory, 0 gpus; 1 with 4 cpus, 1024 MiB of memory, 0 gpus"
            ),
        ),
    ],
)
def test_what_nodes_have_room_for(demand: Demand, said: str) -> None:
    """All of it on one node; why not is said by what is asked and what is there."""
    found = room(demand, NODES)
    assert (found.said, found.is_there, found.is_possible) == (said, not said, not said.startswith("no node"))


class _Full(JournalFiles):
    """A disk that takes one file's beginning and then nothing, until another is begun."""

    def append(self, parts: Any, length: int) -> None:
        if self._size < 10:
            raise OSError(28, "No space left on device")
        super().append(parts, length)


def test_answers_whose_record_could_not_be_kept_are_refused(tmp_path: Path) -> None:
    """507 for those of that file; the engine is told to begin another, and from then on answers pass."""

    async def relay() -> None:
        relay = Relay(b"")
        relay._journal = _Full(tmp_path, Durability.NEVER)
        ours, theirs = socket.socketpair()
        engine, engines = socket.socketpair()
        seen: asyncio.Queue[tuple[int, int, bytes]] = asyncio.Queue()
        told: asyncio.Queue[int] = asyncio.Queue()

        def at_server(number: int, kind: int, head: bytes, body: Buffer) -> None:
            seen.put_nowait((number, kind, head))

        server, replica = Link(at_server), Link(lambda _number, kind, _head, _body: told.put_nowait(kind))
        await server.open(ours)
        await replica.open(engines)
        await relay._engine.open(engine)
        serving = asyncio.create_task(relay.serve(theirs))
        await asyncio.sleep(0)
        replica.connection.send(0, Kind.JOURNAL, b"1.journal", b"short")
        replica.connection.send(0, Kind.JOURNAL, b"", b"record")
        replica.connection.send(7, Kind.ANSWER, b"", b"answer")
        number, kind, head = await seen.get()
        assert (number, kind) == (7, Kind.FAILURE)
        assert msgspec.msgpack.decode(head)["code"] == "storage_full"
        assert await told.get() == Kind.JOURNAL
        replica.connection.send(0, Kind.JOURNAL, b"2.journal", b"a longer header")
        replica.connection.send(0, Kind.JOURNAL, b"", b"record")
        replica.connection.send(8, Kind.ANSWER, b"head", b"answer")
        assert await seen.get() == (8, Kind.ANSWER, b"head")
        assert (tmp_path / "2.journal").read_bytes() == b"a longer headerrecord"
        server.connection.close()
        await serving
        replica.connection.close()
        await replica.ended.wait()

    run(relay())
