"""A door on a socket: in order, within its limits, for those who may, and unharmed by whatever is sent."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jupyter_wallaroo.engine.door import connection as limits
from jupyter_wallaroo.engine.door import parsers
from jupyter_wallaroo.engine.frames import Buffer
from jupyter_wallaroo.engine.process import Reply
from jupyter_wallaroo.errors import DeadlineExceeded, InvalidInput
from jupyter_wallaroo.types.plan import Answered, InferRequest
from tests.engine.door.doors import LIMIT_BYTES, PATH, TOKEN, Opened, answers, echo, opened, request


@pytest.fixture(
    scope="module",
    params=[(True, True), (False, False)],
    ids=["uvloop-httptools", "asyncio-h11"],
)
def door(request: pytest.FixtureRequest) -> Iterator[Opened]:
    """A door that echoes, as fast as can be or without what has to be compiled."""
    uv, has_httptools = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parsers, "_has_httptools", has_httptools)
        with opened(uv=uv) as running:
            yield running


def ask(door: Opened, data: bytes, count: int = 1) -> list[tuple[int, dict[bytes, bytes], bytes]]:
    with door.connect() as connected:
        connected.sendall(data)
        return answers(connected, count)


def refused(door: Opened, data: bytes) -> tuple[int, dict[str, object]]:
    (status, headers, body), *_ = ask(door, data)
    assert headers[b"content-type"] == b"application/json"
    said = json.loads(body)
    assert said["code"] == status
    assert said["message"]
    assert len(said["request_id"]) == 32
    assert TOKEN not in str(said)
    return status, said


def assert_answers(door: Opened) -> None:
    assert ask(door, request(b"[7]"))[0][::2] == (200, b"[7]")


def test_requests_that_come_together_are_answered_in_order(door: Opened) -> None:
    """More than are taken at once, refused ones among them."""
    sent = [request(b"[%d]" % number, path=PATH if number % 10 else "/nowhere") for number in range(300)]
    found = ask(door, b"".join(sent), 300)
    expected = [(200, b"[%d]" % number) if number % 10 else (404, None) for number in range(300)]
    assert [(status, body if status == 200 else None) for status, _, body in found] == expected


def test_answers_that_come_in_another_order_wait_for_their_turn() -> None:
    """The engine may answer the last request first."""
    waiting: list[tuple[bytes, Reply]] = []

    def submit(asked: InferRequest, body: Buffer, reply: Reply) -> None:
        waiting.append((bytes(body), reply))
        if len(waiting) == 3:
            for text, kept in reversed(waiting):
                kept.answer(Answered(asked.accepts, 1, 0), text)

    with opened(submit) as door:
        found = ask(door, request(b"[1]") + request(b"[2]") + request(b"[3]"), 3)
        assert [body for *_, body in found] == [b"[1]", b"[2]", b"[3]"]


def test_a_body_may_come_in_chunks_and_the_connection_goes_on(door: Opened) -> None:
    """Byte by byte at that."""
    whole = request(b"2\r\n[4\r\n1;x=y\r\n]\r\n0\r\n\r\n", "Transfer-Encoding: chunked") + request(b"[5]")
    with door.connect() as connected:
        for place in range(len(whole)):
            connected.sendall(whole[place : place + 1])
        assert [body for *_, body in answers(connected, 2)] == [b"[4]", b"[5]"]


def test_nothing_is_read_behind_a_request_that_says_it_is_the_last() -> None:
    """It would be run and not be answered."""
    bodies: list[bytes] = []

    def submit(asked: InferRequest, body: Buffer, reply: Reply) -> None:
        bodies.append(bytes(body))
        echo(asked, body, reply)

    with opened(submit) as door:
        found = ask(door, request(b"[1]", "Connection: close") + request(b"[2]"), 2)
        assert [(item[1][b"connection"], item[2]) for item in found] == [(b"close", b"[1]")]
    assert bodies == [b"[1]"]


def test_a_large_body_comes_back_whole(door: Opened) -> None:
    """It and its answer are larger than what is received at once."""
    body = bytes(range(256)) * (LIMIT_BYTES // 256)
    assert [found[::2] for found in ask(door, request(body) + request(b"[1]"), 2)] == [(200, body), (200, b"[1]")]


def test_who_waits_to_be_told_to_go_on_is_told(door: Opened) -> None:
    """Unless the request is refused already: then its body never comes."""
    head, _, body = request(b"[6]", "Expect: 100-continue").partition(b"\r\n\r\n")
    with door.connect() as connected:
        connected.sendall(head + b"\r\n\r\n")
        assert connected.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connected.sendall(body)
        assert answers(connected, 1)[0][::2] == (200, b"[6]")
    with door.connect() as connected:
        connected.sendall(
            request(b"", "Expect: 100-continue", f"X: {LIMIT_BYTES}").replace(
                b"Content-Length: 0", b"Content-Length: 99999999"
            )
        )
        assert [status for status, *_ in answers(connected, 2)] == [413]


@pytest.mark.parametrize(
    ("token", "status"),
    [("", 401), ("wrong", 401), (TOKEN[:-1], 401), (TOKEN + "x", 401), ("403", 403), ("404", 404), ("200", 200)],
)
def test_the_server_is_asked_about_tokens_that_are_not_the_deployments(door: Opened, token: str, status: int) -> None:
    """Once in a while; what it says holds for requests that came together."""
    before = door.asked.count(token.encode())
    found = ask(door, request(b"[1]", token=token) + request(b"[2]", token=token), 2)
    assert [item[0] for item in found] == [status, status]
    assert door.asked.count(token.encode()) - before <= 1
    assert TOKEN.encode() not in door.asked
    if status == 401:
        assert found[0][1][b"www-authenticate"] == b"Bearer"


def test_without_a_token_nobody_learns_what_is_deployed(door: Opened) -> None:
    """Nor by a page's help."""
    for path in (PATH, "/nowhere"):
        assert refused(door, request(path=path, token="wrong"))[0] == 401
    assert refused(door, request(b"[1]", "Origin: http://localhost"))[0] == 403
    assert refused(door, request().replace(b"127.0.0.1", b"evil.example"))[0] == 403


@pytest.mark.parametrize("length", [LIMIT_BYTES + 1, 10**12])
def test_a_body_over_the_limit_is_refused_before_it_comes(door: Opened, length: int) -> None:
    """With a status, not with a lost connection."""
    head = request(b"").replace(b"Content-Length: 0", b"Content-Length: %d" % length)
    assert refused(door, head + b"[" * 1000)[0] == 413
    assert refused(door, request(b"fffffff\r\n", "Transfer-Encoding: chunked"))[0] == 413
    assert_answers(door)


def test_methods_and_codings(door: Opened) -> None:
    """As HTTP has it."""
    assert refused(door, request(method="GET"))[0] == 405
    assert refused(door, request(b"[1]", "Content-Encoding: gzip"))[0] == 415
    assert refused(door, request(b"[1]", "X: " + "a" * 70_000))[0] == 431
    assert refused(door, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")[0] == 400


def test_errors_of_the_engine_are_answered_as_everywhere() -> None:
    """A user's mistake, a time limit, a bug of ours."""

    def submit(asked: InferRequest, body: Buffer, reply: Reply) -> None:
        kinds = {
            b"[1]": InvalidInput("Wrong.", hint="Mend it."),
            b"[2]": DeadlineExceeded("Late."),
            b"[3]": KeyError("secret"),
        }
        reply.refuse(kinds[bytes(body)])

    with opened(submit) as door:
        found = [
            json.loads(item[2]) for item in ask(door, b"".join(request(b"[%d]" % number) for number in (1, 2, 3)), 3)
        ]
        assert [(item["code"], item["source"]) for item in found] == [
            (400, "engine"),
            (504, "platform"),
            (500, "platform"),
        ]
        assert found[0]["error"] == "Wrong. Mend it."
        assert "secret" not in str(found[2])


def test_room_is_given_back_whatever_becomes_of_a_body() -> None:
    """Answered, refused, or its client gone; while there is none, others are told to come again."""
    held: list[Reply] = []

    def submit(asked: InferRequest, body: Buffer, reply: Reply) -> None:
        if body == b"wait":
            held.append(reply)
        else:
            echo(asked, body, reply)

    with opened(submit, body_budget=1000) as door:
        with door.connect() as waiting:
            waiting.sendall(request(b"x" * 900)[:-1])
            until = time.monotonic() + 30
            while door.door.body_bytes != 900:
                assert time.monotonic() < until
            status, headers, _ = ask(door, request(b"y" * 200))[0]
            assert (status, headers[b"retry-after"]) == (503, b"1")
        while door.door.body_bytes:
            assert time.monotonic() < until
        assert ask(door, request(b"y" * 1000))[0][0] == 200
        with door.connect() as gone:
            gone.sendall(request(b"wait"))
            while not held:
                assert time.monotonic() < until
        assert door.board.owed == 1
        door.loop.call_soon_threadsafe(held[0].refuse, DeadlineExceeded("Late."))
        while door.door.body_bytes or door.board.owed:
            assert time.monotonic() < until


def test_a_full_queue_is_told_at_once() -> None:
    """And whoever is in it is answered."""
    held: list[tuple[bytes, Reply]] = []

    def submit(asked: InferRequest, body: Buffer, reply: Reply) -> None:
        held.append((bytes(body), reply))

    with opened(submit, queue=2) as door, door.connect() as connected:
        connected.sendall(request(b"[1]") + request(b"[2]"))
        assert refused(door, request(b"[3]"))[0] == 503
        for body, reply in held:
            door.loop.call_soon_threadsafe(reply.answer, Answered("application/json", 1, 0), body)  # type: ignore[arg-type]
        assert [status for status, *_ in answers(connected, 2)] == [200, 200]


def test_slow_clients_are_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a head, half a body, a connection that nobody uses; one that is being answered is not."""
    monkeypatch.setattr(limits, "RECEIVE_LIMIT_S", 0.2)
    with opened() as door:
        for part in (request()[:20], request(b"[1, 2]")[:-2], request(b"5\r\n[", "Transfer-Encoding: chunked")):
            assert [status for status, *_ in ask(door, part, 2)] == [408]
        assert_answers(door)


def test_a_door_that_retires_answers_what_it_owes_and_loses_nobody() -> None:
    """Connections in use end with their next answer, which says so; idle ones by themselves."""
    with opened() as door, door.connect() as used, door.connect() as idle:
        used.sendall(request(b"[1]"))
        idle.sendall(request(b"[1]"))
        assert len(answers(used, 1)) == len(answers(idle, 1)) == 1
        half = request(b"[2]")
        used.sendall(half[:30])
        done = door.retire(idle_s=0.3)
        used.sendall(half[30:])
        ((status, headers, body),) = answers(used, 2)
        assert (status, headers[b"connection"], body) == (200, b"close", b"[2]")
        used.close()
        assert idle.recv(100) == b""
        assert done.wait(30)
        assert door.board.owed == door.board.connections == 0


def test_what_is_answered_is_counted() -> None:
    """With its status, rows and time; who was not let in is not."""
    with opened() as door:
        for data in (
            request(b"[1]"),
            request(b"[2]"),
            request(b"[3]", "Content-Type: text/html"),
            request(token="wrong"),
        ):
            ask(door, data)
        tally = door.board.take()
        assert tally is not None
        assert tally.requests == {200: 2, 400: 1}
        assert (tally.rows, sum(tally.durations.values()), sum(tally.buckets.values())) == (2, 3, 3)
        assert 0 < tally.seconds < 3
        assert door.board.take() is None


ATTACKS = {
    "CL.TE": b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    "TE.CL": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\nGPOST / HTTP/1.1\r\n\r\n0\r\n\r\n",
    "TE.TE": b"Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n\r\n0\r\n\r\n",
    "CL.CL": b"Content-Length: 8\r\nContent-Length: 7\r\n\r\n12345\r\na",
    "hidden coding": b"Transfer-Encoding:\x0bchunked\r\nContent-Length: 3\r\n\r\n[1]",
    "bare line ends": b"Content-Length: 0\n\nGET /smuggled HTTP/1.1\r\n\r\n",
    "chunk with a sign": b"Transfer-Encoding: chunked\r\n\r\n-1\r\n[1]\r\n0\r\n\r\n",
    "chunk in 0x": b"Transfer-Encoding: chunked\r\n\r\n0x3\r\n[1]\r\n0\r\n\r\n",
    "chunk beyond numbers": b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n[1]\r\n",
    "chunk that is too long": b"Transfer-Encoding: chunked\r\n\r\n2\r\n[1]\r\n0\r\n\r\n",
    "chunk ended by a line feed": b"Transfer-Encoding: chunked\r\n\r\n3\n[1]\n0\n\n" + b"0" * 300,
    "an endless chunk line": b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 1000,
    "a trailer": b"Transfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\nX: y\r\n\r\n",
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_classic_attacks_end_their_own_connection(door: Opened, attack: bytes) -> None:
    """One refusal, nothing behind it."""
    data = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n".encode() + attack
    with door.connect() as connected:
        connected.sendall(data + request(b"[smuggled]"))
        connected.shutdown(socket.SHUT_WR)
        found = answers(connected, 5)
    assert [400 <= status < 500 for status, *_ in found] == [True]
    assert_answers(door)


def test_a_client_that_says_no_more_is_still_answered(door: Opened) -> None:
    """As `nc` does."""
    with door.connect() as connected:
        connected.sendall(request(b"[1]") + request(b"[2]"))
        connected.shutdown(socket.SHUT_WR)
        assert [body for *_, body in answers(connected, 3)] == [b"[1]", b"[2]"]


WORDS = [
    b"POST ", PATH.encode(), b" HTTP/1.1\r\n", b"Host: localhost\r\n", f"Authorization: Bearer {TOKEN}\r\n".encode(),
    b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"\r\n", b"3\r\n", b"[1]", b"0\r\n\r\n",
    b"Connection: close\r\n", b"\0", b"\n", b"GET ", request(b"[1]"),
]  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(WORDS) | st.binary(max_size=20), max_size=25), st.booleans())
def test_nothing_that_is_sent_harms_the_door(door: Opened, words: list[bytes], rudely: bool) -> None:
    """Requests in pieces, put together wrongly: each connection ends, and the next client is answered."""
    with door.connect() as connected:
        connected.sendall(b"".join(words))
        if not rudely:
            connected.shutdown(socket.SHUT_WR)
            connected.settimeout(30)
            try:
                while connected.recv(1 << 16):
                    pass
            except ConnectionResetError:
                pass
    assert_answers(door)
    assert door.door.body_bytes >= 0
