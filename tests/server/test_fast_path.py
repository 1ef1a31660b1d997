"""The fast path answers as the full handler does, and every rule of Jupyter's holds on it."""

from __future__ import annotations

import io
import json
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.server.identity import REMEMBERED_S
from tests import models
from tests.deploying import Deployed, deploy, post, upload
from tests.faults import drill
from tests.server.access_rules import REFUSED, TOKENS
from tests.server.wire import Reply, Wire, request

RECORDS = "application/json; format=pandas-records"
ARROW = "application/vnd.apache.arrow.file"
WIDTH = 3
BODY = b'[{"x": [1.0, 2.0, 3.0]}]'
LIMIT_S = 30.0


@dataclass(frozen=True)
class Door:
    """A deployed pipeline on a server of its own, whose rules can be changed."""

    server: PrivateServer
    client: httpx.Client
    deployed: Deployed

    @property
    def path(self) -> str:
        return httpx.URL(self.deployed.url).path

    @property
    def root(self) -> Path:
        return self.server.directory

    def request(self, body: bytes = BODY, query: str = "", **headers: str) -> bytes:
        given = {"Authorization": f"Bearer {self.server.token}", "Content-Type": RECORDS, "Accept": RECORDS}
        return request(self.path + query, body, **{**given, **headers})

    def asked(self) -> dict[str, int]:
        url = f"http://127.0.0.1:{self.server.port}{self.server.base_url}asked"
        counts: dict[str, int] = self.client.get(url).json()
        return counts

    def until_fast(self, count: int) -> None:
        """Wait until so many connections are on the fast path: those that end do so a little later."""
        until = time.monotonic() + LIMIT_S
        while self.asked()["fast"] != count:
            assert time.monotonic() < until, self.asked()
            time.sleep(0.02)

    def warm(self, wire: Wire, sent: bytes) -> None:
        """Have a request decided, and its connection, the only one, taken over for the next like it."""
        for _ in range(2):
            reply = wire.ask(sent)
            assert reply.status == 200, reply
        self.until_fast(1)


@pytest.fixture(scope="module", params=["/", "/user/bob/"])
def door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A server with rules in files, also under the address that a Hub gives."""
    directory = tmp_path_factory.mktemp("door")
    options = (
        "--ServerApp.jpserver_extensions=jupyter_wallaroo=True",
        "--ServerApp.jpserver_extensions=tests.server.access_rules=True",
        "--ServerApp.identity_provider_class=tests.server.access_rules.FileIdentity",
        "--ServerApp.authorizer_class=tests.server.access_rules.FileAuthorizer",
    )
    server = PrivateServer(directory, base_url=request.param, options=options)
    _know(directory, **{server.token: "ada"})
    with server, server.client as client:
        yield Door(server, client, deploy(client, "p", [upload(client, models.row_sum(WIDTH), "m")]))


def _know(directory: Path, **users: str) -> None:
    fresh = directory / f"{TOKENS}.new"
    fresh.write_text(json.dumps(users))
    fresh.rename(directory / TOKENS)


def _arrow(rows: int) -> bytes:
    column = pa.FixedSizeListArray.from_arrays(pa.array([1.0] * rows * WIDTH, pa.float32()), WIDTH)
    table = pa.table({"x": column})
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


LARGE = _arrow(20_000)
CASES: dict[str, tuple[bytes, str, dict[str, str]]] = {
    "records": (BODY, "", {}),
    "some fields": (BODY, "?dataset[]=out&dataset.separator=.", {}),
    "tensors": (b'{"tensor": [[1, 2, 3]]}', "", {"Content-Type": "application/json", "Accept": "*/*"}),
    "arrow": (_arrow(3), "?dataset[]=out", {"Content-Type": ARROW, "Accept": ARROW}),
    "a large body": (LARGE, "?dataset[]=out", {"Content-Type": ARROW, "Accept": ARROW}),
    "a large answer": (LARGE, "", {"Content-Type": ARROW, "Accept": ARROW}),
    "a page of another site": (BODY, "", {"Origin": "https://example.org"}),
    "a cookie beside the token": (BODY, "", {"Cookie": "_xsrf=1; username-127-0-0-1=nobody"}),
    "the older scheme": (BODY, "", {"Scheme": "token"}),
    "a trace": (BODY, "", {"Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}),
    "not JSON": (b"[{", "", {}),
    "no body": (b"", "", {}),
    "another model's field": (b'[{"y": [1.0]}]', "", {}),
}


def _same(reply: Reply) -> tuple[str, list[tuple[str, str]], object]:
    """Return what has to be the same each time: neither times, nor numbers of requests."""
    headers = [(name, "" if name in {"Date", "Content-Length"} else value) for name, value in reply.headers]
    body: object = reply.body
    if reply.body[:6] == b"ARROW1":
        body = _without_time(pa.ipc.open_file(reply.body).read_all())
    else:
        body = re.sub(rb'"(time|request_id|elapsed)": ?("[^"]*"|\d+|\[[^]]*\])', b"", reply.body)
    return reply.line, headers, body


def _without_time(table: pa.Table) -> pa.Table:
    return table.drop_columns([name for name in ("time", "metadata") if name in table.column_names])


@pytest.mark.parametrize("case", CASES)
def test_it_answers_as_the_full_handler_does(door: Door, case: str) -> None:
    """The same line, the same headers in the same order, the same body, refusals included."""
    body, query, given = CASES[case]
    headers = {name.replace("-", "_"): value for name, value in given.items() if name != "Scheme"}
    if "Scheme" in given:
        headers["Authorization"] = f"{given['Scheme']} {door.server.token}"
    sent = door.request(body, query, **headers)
    good = (
        _arrow(3) if headers.get("Content_Type") == ARROW else CASES["tensors" if case == "tensors" else "records"][0]
    )
    with Wire(door.server.port) as wire:
        full = wire.ask(door.request(body, query, **headers, TE="trailers"))
        door.warm(wire, door.request(good, query, **headers))
        fast = wire.ask(sent)
        assert _same(fast) == _same(full)
        parts = sent[:-1], sent[-1:]
        assert _same(wire.ask(*(parts if body else (sent,)))) == _same(full)


def test_the_rules_are_asked_once_in_a_while_only(door: Door) -> None:
    """And nobody asks them for each request, which is what makes it fast."""
    with Wire(door.server.port) as wire:
        door.warm(wire, door.request())
        before = door.asked()
        for _ in range(50):
            assert wire.ask(door.request()).status == 200
        after = door.asked()
    assert after["access"] - before["access"] < 10


def _until(door: Door, wire: Wire, status: int) -> float:
    """Send requests without a pause until one is answered with ``status``; return how long that took."""
    started = time.monotonic()
    while True:
        reply = wire.ask(door.request())
        taken = time.monotonic() - started
        if reply.status == status:
            return taken
        assert taken < LIMIT_S, reply


def test_a_revoked_token_is_refused_within_seconds(door: Door) -> None:
    """However busy its connection is; and a token that is given back works at once."""
    with Wire(door.server.port) as wire:
        door.warm(wire, door.request())
        _know(door.root, other="grace")
        try:
            taken = _until(door, wire, 401)
        finally:
            _know(door.root, **{door.server.token: "ada"})
        assert taken < REMEMBERED_S + 2
        assert wire.ask(door.request()).status == 200


def test_an_authorizer_that_changes_its_mind_is_obeyed_within_seconds(door: Door) -> None:
    """A verdict is no older than the identity it was made for."""
    with Wire(door.server.port) as wire:
        door.warm(wire, door.request())
        (door.root / REFUSED).touch()
        try:
            taken = _until(door, wire, 403)
        finally:
            (door.root / REFUSED).unlink()
        assert taken < REMEMBERED_S + 2
        assert wire.ask(door.request()).status == 200


OTHERS: dict[str, tuple[dict[str, str], int]] = {
    "another token": ({"Authorization": "Bearer wrong"}, 401),
    "another machine's name": ({"Host": "models.example.org"}, 403),
    "another type": ({"Content_Type": "text/csv"}, 400),
    "a token in other letters": ({"AUTHORIZATION": "Bearer wrong", "Authorization": "Bearer wrong"}, 401),
}


@pytest.mark.parametrize("case", OTHERS)
def test_a_head_that_differs_is_decided_anew(door: Door, case: str) -> None:
    """On the very connection that others went fast on."""
    headers, status = OTHERS[case]
    with Wire(door.server.port) as wire:
        door.warm(wire, door.request())
        assert wire.ask(door.request(**headers)).status == status
        assert wire.ask(door.request()).status == 200


def test_a_connection_is_shared_with_all_of_jupyter(door: Door) -> None:
    """Pipelined requests for others between inferences are answered by them, in order."""
    token = f"Bearer {door.server.token}"
    status = request(f"{door.server.base_url}api/status", method="GET", Authorization=token)
    with Wire(door.server.port) as wire:
        door.warm(wire, door.request())
        wire.send(door.request() + status + door.request() + door.request() + status)
        replies = [wire.receive() for _ in range(5)]
    kinds = [b"started" in reply.body if reply is not None else None for reply in replies]
    assert kinds == [False, True, False, False, True]


def _chunked(door: Door) -> bytes:
    head = request(door.path, Authorization=f"Bearer {door.server.token}", Content_Type=RECORDS, Accept=RECORDS)
    head = head.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)


def test_bodies_of_unknown_length_and_asking_first_are_tornados(door: Door) -> None:
    """They come on a connection that was fast, and are answered."""
    with Wire(door.server.port) as wire:
        door.warm(wire, door.request())
        assert wire.ask(_chunked(door)).status == 200
        door.warm(wire, door.request())
        continued = wire.ask(door.request(Expect="100-continue"))
        assert continued.status == 100
        last = wire.receive()
        assert last is not None
        assert last.status == 200


def test_two_different_lengths_are_refused(door: Door) -> None:
    """What a proxy in front might take for another request (request smuggling)."""
    with Wire(door.server.port) as wire:
        door.warm(wire, door.request())
        twice = door.request().replace(b"Content-Length", b"Content-Length: 4\r\nContent-Length")
        assert wire.ask(twice).status == 400
    with Wire(door.server.port) as wire:
        door.warm(wire, door.request())
        both = door.request().replace(b"Content-Length", b"Transfer-Encoding: chunked\r\nContent-Length")
        wire.send(both)
        reply = wire.receive()
        assert reply is None or reply.status == 400


_CASE = st.sampled_from([str.lower, str.upper, str.title, str])
_SPACE = st.sampled_from(["", " ", "  ", "\t", " \t "])
_LINES = """
Connection: close|Connection: Keep-Alive|X: 1|x:|Host: 127.0.0.1|Content-Length: 24|TE: x|Content-Length: 024
Content-Length: +24|Content-Length: 24, 24|Authorization: Bearer x| folded|Bad name: 1|: empty|no colon|X: \x01
X: \xe9|Expect: other|Transfer-Encoding: identity
"""
_EXTRA = st.sampled_from(["", *_LINES.strip().replace("\n", "|").split("|")])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(case=str.upper, space="", extra="", place=0, newline="\n", version="1.1")
@example(case=str, space=" ", extra="", place=0, newline="\r\n", version="1.0")
@given(
    case=_CASE,
    space=_SPACE,
    extra=_EXTRA,
    place=st.integers(0, 5),
    newline=st.sampled_from(["\r\n", "\r\n", "\r\n", "\n"]),
    version=st.sampled_from(["1.1", "1.1", "1.0"]),
)
def test_odd_heads_are_read_as_tornado_reads_them(
    server: PrivateServer,
    summer: Deployed,
    case: object,
    space: str,
    extra: str,
    place: int,
    newline: str,
    version: str,
) -> None:
    """On a connection that was fast, the answer is the one of a connection that never was."""
    assert callable(case)
    pairs = {"Host": "127.0.0.1", "Content-Length": str(len(BODY)), "Authorization": f"Bearer {server.token}"}
    pairs |= {"Content-Type": RECORDS, "Accept": RECORDS}
    lines = [f"{case(name)}:{space}{value}" for name, value in pairs.items()]
    if extra:
        lines.insert(place, extra)
    path = httpx.URL(summer.url).path
    text = newline.join([f"POST {path} HTTP/{version}", *lines, "", ""])
    odd = text.encode("latin1") + BODY
    plain = request(path, BODY, **{name.replace("-", "_"): value for name, value in pairs.items()})
    outcomes = []
    for warm in (plain, request(f"{path}?dataset[]=out", BODY, TE="x", Authorization=f"Bearer {server.token}")):
        with Wire(server.port) as wire:
            for _ in range(2):
                wire.ask(warm)
            for _ in range(2):
                wire.send(odd)
            outcomes.append([_outcome(wire.receive()) for _ in range(2)])
    assert outcomes[0] == outcomes[1]


def _outcome(reply: Reply | None) -> object:
    if reply is None:
        return None
    said = json.loads(reply.body) if reply.body else []
    return reply.status, said["message"] if "message" in said else len(said), reply.header("Connection")


@pytest.fixture(scope="module")
def summer(client: httpx.Client) -> Deployed:
    """A pipeline on the server that tests share."""
    return deploy(client, "fast-path", [upload(client, models.row_sum(WIDTH), "fast-path")])


def test_each_inference_is_counted_once(server: PrivateServer, client: httpx.Client, summer: Deployed) -> None:
    """In the metrics, in the log, and in the traffic that panels show."""
    before = post(client, "pipelines/get_traffic", pipeline_id=summer.pipeline_id)["total_requests"]
    headers = {"Authorization": f"Bearer {server.token}", "Content_Type": RECORDS, "Accept": RECORDS}
    sent = request(httpx.URL(summer.url).path, BODY, **headers)
    refused = request(httpx.URL(summer.url).path, b"[{", **headers)
    with Wire(server.port) as wire:
        for _ in range(10):
            assert wire.ask(sent).status == 200
        assert wire.ask(refused).status == 400
    after = post(client, "pipelines/get_traffic", pipeline_id=summer.pipeline_id)["total_requests"]
    assert after - before == 11


def test_a_large_body_that_never_comes_whole_gives_its_room_back(tmp_path: Path) -> None:
    """Whether its client is gone, or its engine is killed over it."""
    options = (*drill.EXTENSION_ONLY, "--WallarooApp.body_budget=2000000")
    with PrivateServer(tmp_path, options=options) as server, server.client as client:
        deployed = deploy(client, "p", [upload(client, models.row_sum(3), "m")], replicas=1)
        body = b'{"tensor": [[1, 2, 3]]' + b" " * 1_500_000 + b"}"
        sent = request(httpx.URL(deployed.url).path, body, Authorization=f"Bearer {server.token}")
        for _ in range(3):
            with Wire(server.port) as wire:
                _until_room(wire, sent)
                assert wire.ask(sent).status == 200
                wire.send(sent[:1_000_000])
        status = post(client, "status/get_deployment", name=deployed.name)
        engine = psutil.Process(int(status["engines"][0]["info"]["labels"]["pid"]))
        with Wire(server.port) as wire:
            _until_room(wire, sent)
            assert wire.ask(sent).status == 200
            engine.send_signal(signal.SIGSTOP)
            wire.send(sent)
            engine.kill()
            reply = wire.receive()
            assert reply is not None
            assert reply.status == 200
            assert wire.ask(sent).status == 200


def _until_room(wire: Wire, sent: bytes) -> None:
    until = time.monotonic() + LIMIT_S
    while (status := wire.ask(sent).status) != 200:
        assert (status, time.monotonic() < until) == (503, True)
        time.sleep(0.02)


def test_an_undeployed_pipeline_is_not_found(client: httpx.Client, server: PrivateServer) -> None:
    """What was decided for its requests does not bring it back."""
    version = upload(client, models.row_sum(WIDTH), "gone")
    deployed = deploy(client, "fast-gone", [version])
    headers = {"Authorization": f"Bearer {server.token}", "Content_Type": RECORDS, "Accept": RECORDS}
    sent = request(httpx.URL(deployed.url).path, BODY, **headers)
    with Wire(server.port) as wire:
        for _ in range(3):
            assert wire.ask(sent).status == 200
        post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)
        gone = wire.ask(sent)
        assert gone.status == 404
        assert "Nothing is deployed" in json.loads(gone.body)["message"]
