"""Every route of the table: who may call it, what the authorizer is asked, that it is documented."""

from __future__ import annotations

import inspect
import json
import re
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from jupyter_server.auth import Authorizer
from tornado.httpclient import HTTPResponse

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.server.handlers.json_body import ResourceHandler
from jupyter_wallaroo.server.route import Route
from jupyter_wallaroo.server.routes import ROUTES, UNKNOWN, handlers

Fetch = Callable[..., Awaitable[HTTPResponse]]
PRIVATE = [route for route in ROUTES if not route.is_public]


def _path(route: Route) -> str:
    """Return a route's path below ``wallaroo/``."""
    return re.sub(r"\{.*?\}", "1", route.address)


class Recorder(Authorizer):
    """Writes down what it is asked and answers as told."""

    asked: list[tuple[str, str]] = []
    answer = True

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        if resource.startswith("wallaroo:"):
            Recorder.asked.append((str(action), resource))
        return Recorder.answer


@pytest.fixture
def jp_server_config(tmp_path: Any) -> dict[str, Any]:
    """Jupyter as strict as it gets, under pytest-jupyter's ugly base URL ``/a%40b/``."""
    return {
        "ServerApp": {
            "jpserver_extensions": {"jupyter_wallaroo": True},
            "allow_unauthenticated_access": False,
            "authorizer_class": Recorder,
        },
        "WallarooApp": {"data_directory": str(tmp_path / "data")},
    }


@pytest.fixture
def fetch(jp_asyncio_loop: Any, jp_serverapp: Any, jp_fetch: Fetch) -> Any:
    """Fetch from a server in this process whose services are open."""
    jp_asyncio_loop.run_until_complete(jp_serverapp.extension_manager.start_all_extensions())
    Recorder.asked = []
    Recorder.answer = True
    yield jp_fetch
    jp_asyncio_loop.run_until_complete(jp_serverapp.extension_manager.stop_all_extensions())


async def _call(fetch: Fetch, route: Route) -> tuple[int, dict[str, Any]]:
    body = b"{}" if route.method in ("POST", "PUT") else None
    parts = _path(route).split("/")
    response = await fetch("wallaroo", *parts, method=route.method, body=body, raise_error=False)
    return response.code, json.loads(response.body)


async def test_each_route_asks_the_authorizer_for_its_own_action_and_resource(fetch: Fetch) -> None:
    """A shared base must not remember the first caller's resource (SECURITY A2)."""
    for route in [*PRIVATE, *reversed(PRIVATE)]:
        Recorder.asked = []
        await _call(fetch, route)
        assert Recorder.asked == [(str(route.action), f"wallaroo:{route.resource}")], route.path


async def test_a_refusing_authorizer_is_obeyed_on_each_route(fetch: Fetch) -> None:
    Recorder.answer = False
    for route in PRIVATE:
        code, body = await _call(fetch, route)
        assert code == 403, route.path
        assert f"wallaroo:{route.resource}" in body["message"]


async def test_the_public_route_answers_without_asking(fetch: Fetch) -> None:
    Recorder.answer = False
    (config,) = [route for route in ROUTES if route.is_public]
    code, body = await _call(fetch, config)
    assert (code, set(body)) == (200, {"default_arch", "version"})
    assert Recorder.asked == []


async def test_it_works_under_an_ugly_base_url(fetch: Fetch, jp_base_url: str) -> None:
    assert jp_base_url == "/a%40b/"
    code, body = await _call(fetch, next(route for route in ROUTES if route.path == "workspaces/get"))
    assert code == 200
    assert body["id"] == 1


def test_jupyter_finds_no_route_without_a_rule_of_access(jp_configurable_serverapp: Any, jp_server_config: Any) -> None:
    """Jupyter warns of handlers that are neither authenticated nor declared public."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jp_configurable_serverapp(config=jp_server_config)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("credential", [None, "Bearer wrong", "token wrong", "Basic eA=="])
def test_no_route_answers_without_a_valid_token(server: PrivateServer, method: str, credential: str | None) -> None:
    """Whatever the method: no token and wrong tokens are refused."""
    headers = {"Authorization": credential} if credential else {}
    with httpx.Client(trust_env=False, headers=headers) as stranger:
        for route in PRIVATE:
            response = stranger.request(method, f"{server.api_url.removesuffix('/v1/api')}/{_path(route)}", json={})
            assert response.status_code in (401, 403), (route.path, method, response.status_code)


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "token {}", "Token {}"])
def test_jupyters_token_works_in_every_form_that_jupyter_takes(server: PrivateServer, form: str) -> None:
    headers = {"Authorization": form.format(server.token)}
    assert httpx.get(f"{server.api_url}/health", headers=headers).status_code == 200


def test_a_stranger_is_refused_before_the_body_is_read(server: PrivateServer) -> None:
    """The answer comes while most of an announced gigabyte is still to be sent (SECURITY D1)."""
    import socket

    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        head = "POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {}\r\n\r\n"
        connection.sendall(head.format("/wallaroo/v1/api/models/upload", 10**9).encode() + b"x" * 1000)
        assert connection.recv(100).startswith(b"HTTP/1.1 401")


def test_a_body_over_the_limit_is_refused_before_it_is_read(server: PrivateServer, client: httpx.Client) -> None:
    import socket

    for path, length in (("workspaces/create", 5 * 2**20), ("models/upload", 2**40)):
        with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
            head = (
                f"POST /wallaroo/v1/api/{path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {server.token}\r\n"
                f"Content-Length: {length}\r\n\r\n"
            )
            connection.sendall(head.encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_a_cookie_needs_the_xsrf_header(server: PrivateServer) -> None:
    """A page of another site can send our user's cookie, not the header (SECURITY A6)."""
    with httpx.Client(trust_env=False, base_url=f"http://127.0.0.1:{server.port}") as browser:
        browser.get(f"/?token={server.token}", follow_redirects=False)
        browser.get("/login")
        path = "/wallaroo/v1/api/workspaces/list"
        assert browser.post(path, json={}).status_code == 403
        xsrf = next(cookie.value for cookie in browser.cookies.jar if cookie.name == "_xsrf")
        assert xsrf
        assert browser.post(path, json={}, headers={"X-XSRFToken": xsrf}).status_code == 200


def test_another_hosts_name_is_refused(server: PrivateServer, client: httpx.Client) -> None:
    """DNS rebinding (SECURITY A7)."""
    assert client.get("health", headers={"Host": "evil.example"}).status_code == 403


@pytest.mark.parametrize("base_url", ["/", "/user/bob/"])
def test_the_main_job_under_other_base_urls(tmp_path: Any, base_url: str) -> None:
    """Upload, deploy, infer by the URL that the server gives, with access rules on."""
    from tests import models
    from tests.deploying import deploy, upload

    options = ("--ServerApp.allow_unauthenticated_access=False",)
    with PrivateServer(tmp_path, base_url=base_url, options=options) as server, server.client as client:
        deployed = deploy(client, "p", [upload(client, models.row_sum(3), "m")])
        assert f"{base_url}wallaroo/v1/api/pipelines/infer/" in deployed.url
        answer = client.post(deployed.url, json={"tensor": [[1, 2, 3]]}).json()
        assert answer[0]["outputs"][0]["Float"]["data"] == [6.0]
        internal = client.post(
            "admin/get_pipeline_internal_url",
            json={"workspace_id": deployed.workspace_id, "pipeline_name": "p"},
        ).json()["url"]
        assert client.post(internal, json={"tensor": [[1, 2, 3]]}).status_code == 200
        assert server.token not in server.log_path.read_text()


def test_every_route_is_in_the_openapi_document(client: httpx.Client) -> None:
    """And every struct it refers to is defined there."""
    document = client.get("openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == {f"/{route.address}" for route in ROUTES}
    assert client.base_url == f"{document['servers'][0]['url']}/v1/api/"
    operations = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(set(operations)) == len(ROUTES)
    text = json.dumps(document)
    wanted = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert wanted <= set(document["components"]["schemas"])
    for route in ROUTES:
        (success,) = set(document["paths"][f"/{route.address}"][route.method.lower()]["responses"]) - {"default"}
        status = int(getattr(route.handler, "status", route.status))
        assert success == ("204" if route.response is None else str(status))


def test_every_handler_class_is_its_own() -> None:
    """One class per path: no two share the attributes that say what they are."""
    classes = [handler for _, handler in handlers("/")]
    assert len({id(cls) for cls in classes}) == len({route.address for route in ROUTES}) + 1
    told = [route for cls in classes for route in cls.routes.values()]
    assert sorted(told, key=str) == sorted([*ROUTES, UNKNOWN], key=str)
    assert all(set(cls.routes) == {cls.route.method} for cls in classes if not issubclass(cls, ResourceHandler))
    assert all(inspect.getdoc(route.request) for route in ROUTES)
