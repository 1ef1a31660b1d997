"""One way to try again, one way to read a refusal."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from jupyter_wallaroo import errors
from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.api import Api
from jupyter_wallaroo.sdk.auth import Auth, Credentials
from jupyter_wallaroo.sdk.object import CommunicationError, EntityNotFoundError
from tests.sdk.conftest import endpoint, unique


class Script:
    """A server that answers what the test wrote down, in order, then the last again."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.asked: list[str] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                script.asked.append(self.headers["Authorization"])
                status, headers, body = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
                if status == 0:
                    time.sleep(1)
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever)
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def script() -> Iterator[Script]:
    made = Script()
    yield made
    made.close()


@pytest.fixture
def api(script: Script) -> Iterator[Api]:
    made = Api(f"http://127.0.0.1:{script.http.server_port}", Auth(Credentials(token="abc")), 5.0)
    yield made
    made.close()
    made.close()


BUSY = (503, {"Retry-After": "0"}, b'{"code": 503, "message": "Busy.", "hint": "Wait."}')


def test_503_is_asked_again(api: Api, script: Script) -> None:
    script.answers = [BUSY, BUSY, (200, {}, b'{"a": 1}')]
    assert api.call("x", {}, dict) == {"a": 1}
    assert script.asked == ["Bearer abc"] * 3


def test_503_that_lasts_is_raised_with_the_servers_words(api: Api, script: Script) -> None:
    """A ``Retry-After`` beyond the limit is not waited for."""
    script.answers = [(503, {"Retry-After": "60"}, BUSY[2])]
    with pytest.raises(errors.Unavailable, match=r"Busy\. Wait\.") as caught:
        api.call("x", {}, dict)
    assert caught.value.retry_after_s == 60
    assert len(script.asked) == 1


def test_other_refusals_are_not_asked_again(api: Api, script: Script) -> None:
    script.answers = [(409, {}, b'{"code": 409, "message": "Taken.", "details": {"a": 1}}')]
    with pytest.raises(errors.Conflict, match=r"Taken\.") as caught:
        api.call("x", {}, dict)
    assert caught.value.details == {"a": 1}
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequest),
        (401, errors.Unauthenticated),
        (403, errors.Forbidden),
        (404, EntityNotFoundError),
        (413, errors.TooLarge),
        (504, errors.DeadlineExceeded),
        (507, errors.StorageFull),
        (500, errors.WallarooError),
        (418, errors.WallarooError),
    ],
)
@pytest.mark.parametrize("is_ours", [True, False])
def test_each_status_is_a_class(api: Api, script: Script, status: int, kind: type[Exception], is_ours: bool) -> None:
    """Also where a proxy answers, whose pages are not repeated."""
    ours = (status, {"Retry-After": "soon"}, b'{"message": "No.", "hint": "Do.", "request_id": "77"}')
    page = (status, {"Content-Type": "text/html"}, b"<html>secret page</html>")
    script.answers = [ours if is_ours else page]
    with pytest.raises(kind) as caught:
        api.call("x", {}, dict)
    if is_ours:
        assert str(caught.value).startswith("No. Do.")
        assert ("77" in str(caught.value)) == (status == 500)
    else:
        assert str(status) in str(caught.value)
        assert "secret page" not in str(caught.value)


def test_an_answer_that_is_not_ours_is_no_answer(api: Api, script: Script) -> None:
    script.answers = [(200, {}, b"<html>")]
    with pytest.raises(CommunicationError, match="unexpected"):
        api.call("x", {}, dict)


def test_silence_is_a_deadline(script: Script) -> None:
    script.answers = [(0, {}, b"")]
    api = Api(f"http://127.0.0.1:{script.http.server_port}", Auth(Credentials(token="abc")), 0.2)
    with pytest.raises(errors.DeadlineExceeded, match=r"within 0\.2 s"):
        api.call("x", {}, dict)
    api.close()


def test_nobody_is_a_communication_error() -> None:
    """Which is Python's ConnectionError, and says what to look at."""
    with pytest.raises(ConnectionError, match=r"Nobody answers at http://127\.0\.0\.1:9/wallaroo"):
        Client("http://127.0.0.1:9/wallaroo", token="abc")


def test_an_address_without_wallaroo_is_told(server: PrivateServer) -> None:
    """The most likely mistake: Jupyter's own address."""
    with pytest.raises(EntityNotFoundError, match="followed by /wallaroo"):
        Client(f"http://127.0.0.1:{server.port}", token=server.token)


def test_a_proxy_of_the_environment_is_not_used_for_this_machine(
    server: PrivateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Notebooks of companies have one, which does not know what runs here."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with Client(endpoint(server), token=server.token) as client:
        assert client.list_workspaces()


def test_a_real_refusal_keeps_the_hint(wl: Client) -> None:
    name = unique("taken")
    wl.create_workspace(name)
    with pytest.raises(errors.Conflict, match="Choose another name"):
        wl.create_workspace(name)


def test_a_client_that_is_forgotten_ends_its_session(server: PrivateServer) -> None:
    """Notebooks never close: the socket must go with the object (a ResourceWarning would fail this test)."""
    client = Client(endpoint(server), token=server.token)
    http = client.api._http
    del client
    assert http.is_closed
