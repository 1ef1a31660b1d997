"""Kernels of this server can call it without being told anything; nobody else can, and nothing is left behind."""

from __future__ import annotations

import getpass
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from jupyter_server.auth import Authorizer, IdentityProvider
from jupyter_server.serverapp import ServerApp
from tornado.httpclient import HTTPResponse

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.server.identity import Identities
from jupyter_wallaroo.server.kernel_access import FILE_NAME, KernelAccess
from jupyter_wallaroo.server.local_address import local_url
from jupyter_wallaroo.types.user import User
from tests import models
from tests.deploying import deploy, post, upload
from tests.faults import drill
from tests.kernel import Kernel
from tests.server.test_running import TwoPeople

NAMES = ("WALLAROO_URL", "WALLAROO_SDK_AUTH_TYPE", "WALLAROO_SDK_CREDENTIALS")
OWNER = User(id="1-2-3", username="ann", email="ann@example.com")

TERMINALS = "--ServerApp.jpserver_extensions=jupyter_server_terminals=True"
"""One of Jupyter's routes that a kernel's token must not open."""

CALL = """
import json, os
import httpx
said = json.load(open(os.environ["WALLAROO_SDK_CREDENTIALS"]))
headers = {"Authorization": "Bearer " + said["token"]}
with httpx.Client(base_url=os.environ["WALLAROO_URL"], headers=headers, trust_env=False) as client:
    mine = client.post("/v1/api/workspaces/get", json={})
    users = client.post("/v1/api/users/query", json={"user_ids": [said["user_id"]]})
    made = client.post("/v1/api/connections/create", json={"name": "from a kernel", "type": "T", "details": {"a": 1}})
print(json.dumps({
    "environment": {name: value for name, value in os.environ.items() if name.startswith("WALLAROO")},
    "keys": sorted(said), "said": [said["user_id"], said["user_email"]],
    "statuses": [mine.status_code, users.status_code, made.status_code],
    "owner": mine.json()["created_by"], "email": users.json()["users"][said["user_id"]]["email"],
}))
"""


@pytest.fixture(autouse=True)
def _no_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin as on a machine where nobody has set anything."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def start_kernel(server: PrivateServer, client: httpx.Client) -> str:
    """Start a kernel as JupyterLab does and return its id."""
    started = client.post(f"http://127.0.0.1:{server.port}{server.base_url}api/kernels", json={"name": "python3"})
    assert started.status_code == 201, started.text
    return str(started.json()["id"])


@pytest.mark.parametrize("base_url", ["/", "/user/bob/"])
def test_a_kernel_calls_without_being_told_anything(tmp_path: Path, base_url: str) -> None:
    """A real kernel of a real server; the address as its own, with or without a prefix (S2-39)."""
    options = (*drill.EXTENSION_ONLY, TERMINALS, "--ServerApp.allow_unauthenticated_access=False")
    path = tmp_path / "data" / FILE_NAME
    with PrivateServer(tmp_path, base_url=base_url, options=options) as server, server.client as client:
        with Kernel(server) as kernel:
            found = json.loads(kernel.run(CALL).text)
        assert found["environment"] == {
            "WALLAROO_URL": f"http://127.0.0.1:{server.port}{base_url}wallaroo",
            "WALLAROO_SDK_AUTH_TYPE": "token",
            "WALLAROO_SDK_CREDENTIALS": str(path),
        }
        assert found["keys"] == ["token", "user_email", "user_id"]
        assert found["statuses"] == [200, 200, 200]
        (owner,) = post(client, "users/query")["users"].values()
        assert found["said"] == [owner["id"], owner["email"]]
        assert (found["owner"], found["email"]) == (owner["id"], owner["email"])
        assert post(client, "connections/get", name="from a kernel")["details"] == {"a": 1}
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        token = json.loads(path.read_text())["token"]
        _assert_opens_our_routes_only(server, token)
        _assert_engines_know_nothing(server, client, token)
    assert not path.exists()
    assert token not in server.log_path.read_text()


def _assert_opens_our_routes_only(server: PrivateServer, token: str) -> None:
    root = f"http://127.0.0.1:{server.port}{server.base_url}"
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, trust_env=False) as kernel:
        assert kernel.get(f"{server.api_url}/health").status_code == 200
        for path in ("api/kernels", "api/contents", "api/sessions", "api/terminals", "api/me"):
            assert kernel.get(root + path).status_code == 403, path
        assert kernel.post(root + "api/kernels", json={}).status_code == 403
        assert kernel.post(root + "api/shutdown").status_code == 403
    with httpx.Client(trust_env=False) as stranger:
        assert stranger.get(f"{server.api_url}/health", params={"token": token}).status_code == 401
        for wrong in (f"token {token}", token, f"Bearer {token[:-1]}", f"Bearer {token}x", "Bearer", "Bearer ü"):
            headers = {"Authorization": wrong.encode()}
            assert stranger.get(f"{server.api_url}/health", headers=headers).status_code == 401, wrong


def _assert_engines_know_nothing(server: PrivateServer, client: httpx.Client, token: str) -> None:
    deployed = deploy(client, "blind", [upload(client, models.row_sum(3), "blind")])
    engines = [
        process
        for process in psutil.Process(server.pid).children(recursive=True)
        if "jupyter_wallaroo.engine" in process.cmdline()
    ]
    assert len(engines) >= 2
    for engine in engines:
        environment = engine.environ()
        assert not [name for name in environment if "WALLAROO" in name or "JUPYTER" in name]
        assert token not in environment.values()
    post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)


def _kernel_environment(server_pid: int, client: httpx.Client, root: str) -> dict[str, str]:
    kernel = client.post(root + "api/kernels", json={"name": "python3"}).json()["id"]
    (process,) = [
        process
        for process in psutil.Process(server_pid).children(recursive=True)
        if any(f"kernel-{kernel}" in part for part in process.cmdline())
    ]
    return {name: value for name, value in process.environ().items() if name.startswith("WALLAROO")}


def test_another_server_that_the_operator_chose_gets_no_token_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is set stays, and nothing is added that would be sent there."""
    monkeypatch.setenv("WALLAROO_URL", "https://wallaroo.example.com")
    with PrivateServer(tmp_path, options=drill.EXTENSION_ONLY) as server, server.client as client:
        found = _kernel_environment(server.pid, client, f"http://127.0.0.1:{server.port}/")
        assert found == {"WALLAROO_URL": "https://wallaroo.example.com"}
        assert not (tmp_path / "data" / FILE_NAME).exists()


def test_on_a_unix_socket_kernels_are_told_nothing(tmp_path: Path) -> None:
    """The client cannot call one; the server serves all the same."""
    place, log = tmp_path / "s", tmp_path / "server.log"
    options = [*drill.EXTENSION_ONLY, f"--ServerApp.sock={place}", f"--ServerApp.root_dir={tmp_path}"]
    options += ["--no-browser", "--allow-root", f"--WallarooApp.data_directory={tmp_path / 'data'}"]
    environment = {**os.environ, "JUPYTER_TOKEN": "t", "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")}
    with (
        open(log, "wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", *options], env=environment, stdout=output, stderr=output
        ) as process,
    ):
        try:
            _wait_until_serving(log)
            transport = httpx.HTTPTransport(uds=str(place))
            headers = {"Authorization": "Bearer t"}
            with httpx.Client(transport=transport, base_url="http://localhost/", headers=headers, timeout=30) as client:
                assert client.get("wallaroo/v1/api/health").status_code == 200
                assert _kernel_environment(process.pid, client, "") == {}
        finally:
            process.terminate()
    assert "wallaroo: on a Unix socket" in log.read_text()


def _wait_until_serving(log: Path) -> None:
    until = time.monotonic() + 60
    while "wallaroo: serving at" not in log.read_text():
        assert time.monotonic() < until, log.read_text()[-2000:]
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("ip", "host"),
    [
        ("localhost", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104
        ("", "127.0.0.1"),
        ("*", "127.0.0.1"),
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "[2001:db8::7]"),
        ("models.example.com", "models.example.com"),
    ],
)
def test_the_address_is_one_that_is_listened_to(ip: str, host: str) -> None:
    """The loopback when that is among them, else the one there is."""
    app = ServerApp(ip=ip, port=9999, base_url="/user/bob/")
    assert local_url(app, "wallaroo") == f"http://{host}:9999/user/bob/wallaroo"
    secure = ServerApp(ip=ip, port=9999, base_url="/", certfile="/etc/cert.pem")
    assert local_url(secure, "wallaroo") == f"https://{host}:9999/wallaroo"


# ---------------------------------------------------------------- the environment


def test_the_environment_is_as_before_when_it_is_over(tmp_path: Path) -> None:
    environment = {"PATH": "/bin"}
    access = KernelAccess(environment)
    assert access.announce("http://127.0.0.1:1/wallaroo", tmp_path)
    assert set(environment) == {"PATH", *NAMES}
    assert not access.accepts("Bearer ")
    access.grant(OWNER)
    token = json.loads((tmp_path / FILE_NAME).read_text())["token"]
    assert access.accepts(f"Bearer {token}") and access.accepts(f"bearer  {token} ")
    access.withdraw()
    access.withdraw()
    assert environment == {"PATH": "/bin"}
    assert not access.accepts(f"Bearer {token}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES[1:])
def test_each_variable_that_is_set_is_left_alone(tmp_path: Path, name: str) -> None:
    environment = {name: "the operator's"}
    access = KernelAccess(environment)
    assert access.announce("http://127.0.0.1:1/wallaroo", tmp_path)
    assert environment[name] == "the operator's"
    assert set(environment) == set(NAMES)
    access.withdraw()
    assert environment == {name: "the operator's"}


def test_what_somebody_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    access = KernelAccess(environment)
    access.announce("http://127.0.0.1:1/wallaroo", tmp_path)
    environment["WALLAROO_URL"] = "http://elsewhere"
    del environment["WALLAROO_SDK_AUTH_TYPE"]
    access.withdraw()
    assert environment == {"WALLAROO_URL": "http://elsewhere"}


def test_a_server_that_is_started_from_a_kernel_is_its_kernels_own(tmp_path: Path) -> None:
    """It inherits the outer server's three variables, which nobody chose; they are back when it ends."""
    environment: dict[str, str] = {}
    KernelAccess(environment).announce("http://127.0.0.1:1/wallaroo", tmp_path / "outer")
    outer = dict(environment)
    inner = KernelAccess(environment)
    assert inner.announce("http://127.0.0.1:2/wallaroo", tmp_path / "inner")
    assert environment["WALLAROO_URL"] == "http://127.0.0.1:2/wallaroo"
    assert environment["WALLAROO_SDK_CREDENTIALS"] == str(tmp_path / "inner" / FILE_NAME)
    inner.withdraw()
    assert environment == outer


def test_each_start_has_a_token_of_its_own(tmp_path: Path) -> None:
    tokens = set()
    for _ in range(2):
        access = KernelAccess({})
        access.announce("http://127.0.0.1:1/wallaroo", tmp_path)
        access.grant(OWNER)
        tokens.add(json.loads((tmp_path / FILE_NAME).read_text())["token"])
    assert len(tokens) == 2
    assert all(len(token) >= 43 for token in tokens)


def test_kernels_call_as_the_owner_that_the_provider_would_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Hub's user under a Hub; else the user of the machine, as whom kernels run."""
    identities = Identities(KernelAccess({}))
    monkeypatch.delenv("JUPYTERHUB_USER", raising=False)
    assert identities.owner(TwoPeople()).username == getpass.getuser()
    monkeypatch.setenv("JUPYTERHUB_USER", "ann")
    assert identities.owner(TwoPeople()).username == "ann"
    assert identities.owner(IdentityProvider()).username == getpass.getuser()


# ---------------------------------------------------------------- a server in this process

Fetch = Callable[..., Awaitable[HTTPResponse]]


class Recorder(Authorizer):
    """Writes down who asks for what and answers as told."""

    asked: list[tuple[str, str, str]] = []
    answer = True

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        Recorder.asked.append((user.username, str(action), resource))
        return Recorder.answer


@pytest.fixture
def jp_server_config(tmp_path: Path) -> dict[str, Any]:
    return {
        "ServerApp": {
            "jpserver_extensions": {"jupyter_wallaroo": True},
            "allow_unauthenticated_access": False,
            "authorizer_class": Recorder,
        },
        "WallarooApp": {"data_directory": str(tmp_path / "data")},
    }


@pytest.fixture
def fetch(jp_asyncio_loop: Any, jp_serverapp: Any, jp_fetch: Fetch) -> Iterator[Fetch]:
    """Fetch from a server in this process whose services are open."""
    jp_asyncio_loop.run_until_complete(jp_serverapp.extension_manager.start_all_extensions())
    Recorder.asked, Recorder.answer = [], True
    yield jp_fetch
    jp_asyncio_loop.run_until_complete(jp_serverapp.extension_manager.stop_all_extensions())


def _credentials() -> dict[str, str]:
    return dict(json.loads(Path(os.environ["WALLAROO_SDK_CREDENTIALS"]).read_text()))


async def _call(fetch: Fetch, *parts: str, token: str, **headers: str) -> tuple[int, Any]:
    headers["Authorization"] = f"Bearer {token}"
    response = await fetch(*parts, method="POST", body=b"{}", headers=headers, raise_error=False)
    return response.code, response.body


async def test_the_authorizer_is_asked_about_the_owner(fetch: Fetch) -> None:
    """And obeyed; the XSRF check is for browsers."""
    token = _credentials()["token"]
    code, _ = await _call(fetch, "wallaroo", "v1", "api", "connections", "list", token=token)
    assert (code, Recorder.asked) == (200, [(getpass.getuser(), "read", "wallaroo:connections")])
    Recorder.answer = False
    code, body = await _call(fetch, "wallaroo", "v1", "api", "connections", "list", token=token)
    assert code == 403
    assert "may not read wallaroo:connections" in json.loads(body)["message"]


async def test_jupyters_own_routes_do_not_know_the_token(fetch: Fetch) -> None:
    """Asked right after one of ours, by the same connection."""
    token = _credentials()["token"]
    assert (await _call(fetch, "wallaroo", "v1", "api", "workspaces", "get", token=token))[0] == 200
    assert (await _call(fetch, "api", "kernels", token=token))[0] == 403


async def test_it_works_under_an_ugly_base_url(fetch: Fetch, jp_serverapp: Any) -> None:
    assert os.environ["WALLAROO_URL"] == f"http://127.0.0.1:{jp_serverapp.port}/a%40b/wallaroo"


def test_the_process_is_as_before_when_the_server_has_stopped(jp_asyncio_loop: Any, jp_serverapp: Any) -> None:
    before = dict(os.environ)
    manager = jp_serverapp.extension_manager
    jp_asyncio_loop.run_until_complete(manager.start_all_extensions())
    path = Path(os.environ["WALLAROO_SDK_CREDENTIALS"])
    assert path.exists()
    jp_asyncio_loop.run_until_complete(manager.stop_all_extensions())
    assert dict(os.environ) == before
    assert not path.exists()


def test_a_server_that_cannot_open_its_data_tells_kernels_nothing(
    jp_asyncio_loop: Any, jp_serverapp: Any, tmp_path: Path
) -> None:
    """And leaves the file of the server that has the data open alone."""
    from jupyter_wallaroo.store.data_directory import DataDirectory

    held = DataDirectory(tmp_path / "data")
    (tmp_path / "data" / FILE_NAME).write_text("the other server's")
    manager = jp_serverapp.extension_manager
    jp_asyncio_loop.run_until_complete(manager.start_all_extensions())
    assert not set(NAMES) & set(os.environ)
    jp_asyncio_loop.run_until_complete(manager.stop_all_extensions())
    assert (tmp_path / "data" / FILE_NAME).read_text() == "the other server's"
    held.close()
