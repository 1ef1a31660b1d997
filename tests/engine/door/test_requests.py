"""Bytes become requests, however they are cut and whichever parser reads the heads; what is no HTTP becomes none."""

from __future__ import annotations

import contextlib

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_wallaroo.engine.door import parsers
from jupyter_wallaroo.engine.door.chunks import Chunks
from jupyter_wallaroo.engine.door.head import CHUNKED, Head, Heads, Misused
from jupyter_wallaroo.engine.door.requests import LARGE_BYTES, Doing, Requests
from jupyter_wallaroo.engine.frames import Buffer
from jupyter_wallaroo.errors import Forbidden, InvalidRequest, NotFound, TooLarge
from jupyter_wallaroo.types.door import DoorPlan
from jupyter_wallaroo.types.plan import MediaType
from tests.engine.door.doors import PATH, request

PLAN = DoorPlan(path=PATH, pipeline_name="p", token="t", body_limit=1000, body_budget=1000, queue=10, time_limit_s=1.0)
LIMIT_BYTES = 1 << 20


@pytest.fixture(autouse=True, params=["httptools", "h11"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Everything here holds for both parsers."""
    monkeypatch.setattr(parsers, "_has_httptools", request.param == "httptools")
    name: str = request.param
    return name


class Taken:
    """Takes every request, and notes it."""

    def __init__(self, doing: Doing = Doing.TAKE) -> None:
        self.bodies: list[bytes] = []
        self.heads: list[Head] = []
        self.doing = doing

    def head_received(self, head: Head) -> Doing:
        self.heads.append(head)
        return self.doing

    def body_received(self, body: Buffer) -> None:
        self.bodies.append(bytes(body))

    def has_room(self) -> bool:
        return True


def feed(requests: Requests, data: bytes) -> None:
    """Do as a transport does: fill the memory that is wanted, else the shared one."""
    while data:
        if not requests.has_memory:
            requests.feed(bytearray(data) + b"left over from another", len(data))
            return
        memory = requests.memory()
        count = min(len(memory), len(data))
        memory[:count] = data[:count]
        requests.filled(count)
        data = data[count:]


def chunked(body: bytes, sizes: list[int]) -> bytes:
    parts, start = [], 0
    for size in [*sizes, len(body)]:
        part = body[start : start + max(1, size)]
        if part:
            parts.append(b"%x\r\n%b\r\n" % (len(part), part))
        start += len(part)
    return b"".join(parts) + b"0\r\n\r\n"


BODIES = st.lists(
    st.tuples(st.binary(max_size=300), st.booleans(), st.lists(st.integers(1, 50), max_size=4)), max_size=5
)


@settings(max_examples=60, deadline=None)
@given(BODIES, st.lists(st.integers(1, 400), max_size=30))
def test_requests_are_the_same_however_they_are_cut(
    bodies: list[tuple[bytes, bool, list[int]]], cuts: list[int]
) -> None:
    """Pipelined requests of known and unknown length, in any pieces."""
    stream = b"".join(
        request(chunked(body, sizes), "Transfer-Encoding: chunked") if is_chunked else request(body)
        for body, is_chunked, sizes in bodies
    )
    taken = Taken()
    requests = Requests(Heads(PLAN), taken, LIMIT_BYTES)
    for cut in [*cuts, len(stream)]:
        feed(requests, stream[:cut])
        stream = stream[cut:]
    assert taken.bodies == [body for body, *_ in bodies]
    assert not requests.is_within


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 3 * LARGE_BYTES), st.lists(st.integers(1, LARGE_BYTES), max_size=6))
def test_a_large_body_is_read_into_memory_of_its_own(size: int, cuts: list[int]) -> None:
    """And the request behind it is not lost."""
    body = bytes(size % 251 for _ in range(1)) * size
    stream = request(body) + request(b"[2]")
    taken = Taken()
    requests = Requests(Heads(PLAN), taken, LIMIT_BYTES)
    for cut in [*cuts, len(stream)]:
        feed(requests, stream[:cut])
        stream = stream[cut:]
    assert taken.bodies == [body, b"[2]"]


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400) | st.text(alphabet="0123456789abcdefG;\r\n x", max_size=60).map(str.encode))
def test_chunks_are_what_h11_takes_for_chunks(data: bytes) -> None:
    """Whatever we read as a body, h11 reads as the same body."""
    chunks = Chunks(LIMIT_BYTES)
    try:
        used = chunks.feed(data, 0, len(data))
    except (Misused, TooLarge):
        return
    if not chunks.is_complete:
        return
    other = h11.Connection(h11.SERVER)
    other.receive_data(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + data[:used])
    other.next_event()
    body = b""
    while isinstance(event := other.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert body == bytes(chunks.body)


def test_a_chunked_body_over_the_limit_is_refused_as_soon_as_it_says_so() -> None:
    """Nothing of the chunk has come yet."""
    with pytest.raises(TooLarge):
        Chunks(10).feed(b"ff\r\n", 0, 4)


HEAD = "POST {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n"

MISUSED = {
    "two lengths": "Content-Length: 3\r\nContent-Length: 3\r\n",
    "two different lengths": "Content-Length: 3\r\nContent-Length: 4\r\n",
    "a list of lengths": "Content-Length: 3, 3\r\n",
    "length and chunks": "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
    "chunks and length": "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    "two codings": "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "chunked not last": "Transfer-Encoding: chunked, identity\r\n",
    "a coding before chunked": "Transfer-Encoding: gzip, chunked\r\n",
    "a coding that looks like chunked": "Transfer-Encoding: xchunked\r\n",
    "chunked with a tab": "Transfer-Encoding:\x0bchunked\r\n",
    "a negative length": "Content-Length: -1\r\n",
    "a signed length": "Content-Length: +3\r\n",
    "a length in hex": "Content-Length: 0x3\r\n",
    "a length with a space": "Content-Length: 3 4\r\n",
    "a length beyond numbers": f"Content-Length: {'9' * 30}\r\n",
    "no length": "Content-Length: \r\n",
    "a folded line": "X: a\r\n b\r\nContent-Length: 3\r\n",
    "a space before the colon": "Content-Length : 3\r\n",
    "a bare line feed": "X: a\nContent-Length: 3\r\n",
    "a bare carriage return": "X: a\rContent-Length: 3\r\n",
    "a null": "X: a\0b\r\n",
    "no name": ": 3\r\n",
    "no colon": "Content-Length\r\n",
    "two hosts": "Host: localhost\r\n",
    "two tokens": "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n",
    "another expectation": "Expect: 200-ok\r\n",
    "too many headers": "".join(f"X-{number}: 1\r\n" for number in range(101)),
}


@pytest.mark.parametrize("lines", MISUSED.values(), ids=MISUSED.keys())
def test_a_head_that_others_may_read_otherwise_is_refused(lines: str) -> None:
    """Nothing that follows it on its connection is read: this is how requests are smuggled."""
    with pytest.raises(Misused) as raised:
        Heads(PLAN).read(HEAD.format(path=PATH, lines=lines).encode("latin-1"))
    assert 400 <= raised.value.status < 500


@pytest.mark.parametrize(
    "line", ["POST /  HTTP/1.1", "POST / HTTP/1.1 ", "POST / HTTP/2.0", "POST / HTTP/1.10", "POST /", "GET", " POST / HTTP/1.1",
             "P\x01ST / HTTP/1.1", "POST / http/1.1", "PRI * HTTP/2.0", "POST /\x7f\xff HTTP/1.1"],
)  # fmt: skip
def test_a_first_line_that_is_none_is_refused(line: str) -> None:
    """Or what it is sent to is not here."""
    with contextlib.suppress(Misused):
        assert Heads(PLAN).read(f"{line}\r\nHost: localhost\r\n\r\n".encode("latin-1")).refusal is not None


@pytest.mark.parametrize(
    ("host", "is_taken"),
    [
        ("localhost", True), ("LOCALHOST:80", True), ("127.0.0.1:80", True), ("127.9.9.9", True), ("[::1]:80", True),
        ("evil.example", False), ("127.0.0.1.evil.example", False), ("localhost.evil.example", False), ("", False),
        ("10.0.0.1", False), ("0.0.0.1", False), ("[::]", False), ("localhost@evil.example", False),
    ],
)  # fmt: skip
def test_only_names_of_this_machine_are_answered(host: str, is_taken: bool) -> None:
    """A page whose name is made to lead here sends its own name (SECURITY A7)."""
    raw = f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\n\r\n".encode()
    head = Heads(PLAN).read(raw)
    assert isinstance(head.refusal, Forbidden) is not is_taken
    assert head.length == 3


def test_any_page_is_refused() -> None:
    """Even one of this machine: whoever may use this port is no browser."""
    lines = "Origin: http://localhost\r\n"
    assert isinstance(Heads(PLAN).read(HEAD.format(path=PATH, lines=lines).encode()).refusal, Forbidden)


@pytest.mark.parametrize("path", [PATH, f"{PATH}/p", "/a@b/infer/p-1", f"{PATH}?dataset[]=out&dataset%5B%5D=in"])
def test_the_paths_are_those_of_the_other_door(path: str) -> None:
    """However they are written."""
    head = Heads(PLAN).read(
        HEAD.format(path=path, lines="Content-Type: application/json; format=pandas-records\r\n").encode()
    )
    assert head.refusal is None
    assert head.asked.content is MediaType.RECORDS
    assert head.asked.dataset == (("out", "in") if "?" in path else ())


@pytest.mark.parametrize(
    ("method", "path", "lines", "kind"),
    [
        ("POST", f"{PATH}/other", "", NotFound), ("POST", "/", "", NotFound), ("POST", "http://localhost" + PATH, "", NotFound),
        ("GET", PATH, "", Misused), ("DELETE", PATH, "", Misused), ("POST", PATH, "Content-Type: text/html\r\n", InvalidRequest),
        ("POST", PATH, "Content-Encoding: gzip\r\n", Misused), ("POST", PATH + "?" + "a=1&" * 1001, "", InvalidRequest),
    ],
)  # fmt: skip
def test_what_is_understood_and_not_answered_leaves_the_connection_usable(
    method: str, path: str, lines: str, kind: type[Exception]
) -> None:
    """The end of its body is known."""
    raw = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n{lines}\r\n".encode()
    head = Heads(PLAN).read(raw)
    assert isinstance(head.refusal, kind)
    assert (head.length, head.keeps) == (3, True)


@pytest.mark.parametrize(
    ("version", "line", "keeps"),
    [("1.1", "", True), ("1.1", "Connection: close\r\n", False), ("1.1", "Connection: x, Close\r\n", False),
     ("1.0", "", False), ("1.0", "Connection: keep-alive\r\n", True), ("1.1", "Connection: upgrade\r\nUpgrade: h2c\r\n", True)],
)  # fmt: skip
def test_who_keeps_a_connection(version: str, line: str, keeps: bool) -> None:
    """By HTTP's rules; an offer to speak something else is not taken."""
    head = Heads(PLAN).read(f"POST {PATH} HTTP/{version}\r\nHost: localhost\r\n{line}\r\n".encode())
    assert (head.keeps, head.is_old) == (keeps, version == "1.0")


def test_a_head_is_read_once() -> None:
    """The same bytes mean the same."""
    heads, raw = Heads(PLAN), HEAD.format(path=PATH, lines="Transfer-Encoding: chunked\r\n").encode()
    assert heads.read(raw) is heads.read(raw)
    assert heads.read(raw).length == CHUNKED


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    """Whatever comes is a request, or a refusal with a status."""
    with contextlib.suppress(Misused, TooLarge):
        feed(Requests(Heads(PLAN), Taken(), LIMIT_BYTES), data)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([b"\0", b"\r", b"\n", b" ", b":", b"\xff", b"A", b""]))
def test_no_change_of_a_request_breaks_the_reader(place: int, byte: bytes) -> None:
    """Byte by byte, put in or taken out."""
    whole = request(chunked(b"[1, 2, 3]", [3]), "Transfer-Encoding: chunked", "Accept: */*", "Expect: 100-continue")
    place %= len(whole)
    data = whole[:place] + byte + whole[place + (not byte) :]
    with contextlib.suppress(Misused, TooLarge):
        feed(Requests(Heads(PLAN), Taken(), LIMIT_BYTES), data)
