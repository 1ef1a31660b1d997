"""Frames arrive whole and in order, however the kernel cuts the bytes."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_wallaroo.engine import frames, peer, process
from jupyter_wallaroo.engine.frames import HEADER, MAX_FRAME_BYTES, RECEIVE_BYTES, Buffer, FrameConnection, Kind
from jupyter_wallaroo.errors import TooLarge

Frame = tuple[int, int, bytes, bytes]


class Collector:
    """A receiver that keeps what it gets and tells when the connection has ended."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.ended = asyncio.Event()

    def frame_received(self, number: int, kind: int, head: bytes, body: Buffer) -> None:
        """Keep a copy."""
        self.frames.append((number, kind, bytes(head), bytes(body)))

    def connection_ended(self) -> None:
        """Remember it."""
        self.ended.set()


async def received(data: bytes, cuts: list[int], most: int = 0) -> list[Frame]:
    """What a connection makes of ``data`` that comes in the given pieces over a real socket, then ends."""
    collector = Collector()
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: FrameConnection(collector, most=most), sock=ours)
    with theirs:
        start = 0
        for end in [*sorted(cuts), len(data)]:
            try:
                await loop.sock_sendall(theirs, data[start:end])
            except (BrokenPipeError, ConnectionResetError):
                break
            # One turn of the loop, so that the pieces are read one by one.
            await asyncio.sleep(0)
            start = end
    await asyncio.wait_for(collector.ended.wait(), 20)
    return collector.frames


async def sent(all_frames: list[Frame]) -> bytes:
    """The bytes that `FrameConnection.send` writes."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    connection = FrameConnection(Collector())
    await loop.create_connection(lambda: connection, sock=ours)
    for frame in all_frames:
        connection.send(*frame)
    connection.close()
    data = bytearray()
    with theirs:
        while part := await loop.sock_recv(theirs, 1 << 20):
            data += part
    return bytes(data)


def raw(number: int, kind: int, head: bytes, body: bytes) -> bytes:
    return HEADER.pack(number, kind, len(head), len(body)) + head + body


SIZES = st.sampled_from([0, 1, 100, 5_000, RECEIVE_BYTES // 2 - 1, RECEIVE_BYTES // 2, RECEIVE_BYTES, 700_000])
FRAMES = st.lists(
    st.tuples(st.integers(0, 2**64 - 1), st.sampled_from(list(Kind)), st.binary(max_size=60), SIZES), max_size=8
)


def filled(drawn: list[tuple[int, int, bytes, int]]) -> list[Frame]:
    """Frames with bodies of the drawn sizes, no two alike."""
    return [
        (number, int(kind), head, (place.to_bytes(2, "big") + bytes(range(251))) * (size // 253 + 1))
        if size
        else (number, int(kind), head, b"")
        for place, (number, kind, head, size) in enumerate(drawn)
    ]


@settings(max_examples=60, deadline=None)
@given(drawn=FRAMES, data=st.data(), most=st.integers(0, 3))
def test_frames_arrive_as_they_were_sent(
    drawn: list[tuple[int, int, bytes, int]], data: st.DataObject, most: int
) -> None:
    """Any mix of sizes, any cut of the stream, however many a turn: each frame once, whole, in order."""
    expected = filled(drawn)
    stream = b"".join(raw(*frame) for frame in expected)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12))
    assert expected == asyncio.run(received(stream, cuts, most))


@settings(max_examples=20, deadline=None)
@given(drawn=FRAMES)
def test_what_is_sent_is_the_wire_format(drawn: list[tuple[int, int, bytes, int]]) -> None:
    """Both ways to write a frame, joined and in parts, give the same bytes."""
    expected = filled(drawn)
    assert b"".join(raw(*frame) for frame in expected) == asyncio.run(sent(expected))


def test_a_stream_may_be_cut_at_every_byte() -> None:
    """No place in header, head or body is special."""
    expected = [(1, 2, b"head", b"body" * 10), (2, 3, b"", b""), (3, 16, b"h", b"")]
    stream = b"".join(raw(*frame) for frame in expected)
    for cut in range(len(stream)):
        assert expected == asyncio.run(received(stream, [cut]))


def test_many_small_frames() -> None:
    """More frames than fit the receive buffer at once."""
    expected = [(number, 2, b"x" * (number % 50), b"y" * (number % 300)) for number in range(5_000)]
    assert expected == asyncio.run(received(b"".join(raw(*frame) for frame in expected), []))


def test_a_turn_has_few_frames() -> None:
    """However many come at once; timers and others' sockets get their turns in between."""
    expected = [(number, 2, b"head", b"body") for number in range(100)]
    stream = b"".join(raw(*frame) for frame in expected)

    async def main() -> list[int]:
        collector = Collector()
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: FrameConnection(collector, most=7), sock=ours)
        turns = []
        with theirs:
            theirs.sendall(stream)
            async with asyncio.timeout(20):
                while len(collector.frames) < len(expected):
                    before = len(collector.frames)
                    await asyncio.sleep(0)
                    turns.append(len(collector.frames) - before)
        await collector.ended.wait()
        assert collector.frames == expected
        return turns

    assert max(asyncio.run(main())) == 7


@pytest.mark.parametrize("buffer_bytes", [64, 101, 1000])
def test_every_size_around_the_buffer(monkeypatch: pytest.MonkeyPatch, buffer_bytes: int) -> None:
    """With a tiny buffer, bodies of each length pass the border between the buffer and memory of their own."""
    monkeypatch.setattr(frames, "RECEIVE_BYTES", buffer_bytes)
    expected = [(size, 2, b"head", bytes([size % 251]) * size) for size in range(buffer_bytes + 60)]
    assert expected == asyncio.run(received(b"".join(raw(*frame) for frame in expected), []))


@pytest.mark.parametrize("kept", [1, HEADER.size - 1, HEADER.size, HEADER.size + 3, 200_000])
def test_a_frame_that_is_cut_short_is_not_delivered(kept: int) -> None:
    """The other end died in the middle: half a frame is no frame."""
    whole = raw(1, 2, b"head", b"x" * 400_000)
    assert asyncio.run(received(raw(9, 2, b"", b"ok") + whole[:kept], [])) == [(9, 2, b"", b"ok")]


@pytest.mark.parametrize(
    ("head_bytes", "body_bytes"), [(0, MAX_FRAME_BYTES + 1), (2**32 - 1, 0), (RECEIVE_BYTES // 2 + 1, 0)]
)
def test_a_frame_that_is_too_large_ends_the_connection(head_bytes: int, body_bytes: int) -> None:
    """A length out of bounds is a broken peer; no memory is taken for it."""
    stream = raw(1, 2, b"", b"ok") + HEADER.pack(2, 2, head_bytes, body_bytes) + b"z" * 100
    assert asyncio.run(received(stream, [])) == [(1, 2, b"", b"ok")]


def test_sending_after_the_end_does_nothing() -> None:
    """The receiver is told of the end; a late answer has nowhere to go and is no error."""

    async def check() -> list[Any]:
        collector = Collector()
        ours, theirs = socket.socketpair()
        connection = FrameConnection(collector)
        await asyncio.get_running_loop().create_connection(lambda: connection, sock=ours)
        theirs.close()
        await asyncio.wait_for(collector.ended.wait(), 20)
        connection.send(1, 2, b"", b"")
        connection.close()
        return collector.frames

    assert asyncio.run(check()) == []


class Written:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: Buffer) -> None:
        """Keep it."""
        self.data += data


def test_an_answer_that_is_too_large_is_refused_and_the_next_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the other end would take the connection for broken, and end the process."""
    monkeypatch.setattr(process, "MAX_FRAME_BYTES", 100)
    link = process.Link({Kind.INFER: lambda head, body: (head, bytes(body) * 60)}, {}, asyncio.Event())
    transport = Written()
    link.connection.connection_made(transport)  # type: ignore[arg-type]
    link.frame_received(1, Kind.INFER, b"", b"xx")
    link.frame_received(2, Kind.INFER, b"", b"x")
    number, kind, head_size, _ = HEADER.unpack_from(transport.data)
    assert (number, kind) == (1, Kind.FAILURE)
    refusal = msgspec.msgpack.decode(transport.data[HEADER.size : HEADER.size + head_size])
    assert refusal["code"] == "too_large"
    assert refusal["message"] == "The answer has 120 bytes; at most 100 are passed on."
    assert HEADER.unpack_from(transport.data, HEADER.size + head_size) == (2, Kind.ANSWER, 0, 60)


def test_columns_that_are_too_large_for_the_next_model_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """By whoever would send them."""
    monkeypatch.setattr(peer, "MAX_FRAME_BYTES", 100)
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(TooLarge, match="101 bytes; at most 100"):
        peer.Peer(ours).call(Kind.INFER, b"", bytes(101))
