"""``Client()`` without arguments finds the server it runs under, and says plainly when it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import discovery
from tests.sdk.conftest import endpoint


@pytest.fixture
def kernel(tmp_path: Path) -> dict[str, str]:
    """What a kernel's environment says of the server that started it."""
    said = {"url": "http://localhost:8888/user/bob/", "token": "abc", "pid": 17, "version": "2.21"}
    (tmp_path / "jpserver-17.json").write_text(json.dumps(said))
    return {"JPY_PARENT_PID": "17", "JUPYTER_RUNTIME_DIR": str(tmp_path)}


def credentials(tmp_path: Path, **values: Any) -> str:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps(values))
    return str(path)


def test_s2_39_a_kernel_finds_its_server(kernel: dict[str, str]) -> None:
    found, who = discovery.find(environ=kernel)
    assert found == "http://localhost:8888/user/bob/wallaroo"
    assert who.token == "abc"


def test_the_environment_wins_over_the_kernels_server(kernel: dict[str, str], tmp_path: Path) -> None:
    """contract/auth.md, section 4: what the server sets for its kernels."""
    said = {"token": "ours", "user_email": "b@x", "user_id": "1"}
    environ = {
        **kernel,
        "WALLAROO_URL": "http://h/wallaroo/",
        "WALLAROO_SDK_CREDENTIALS": credentials(tmp_path, **said),
    }
    found, who = discovery.find(environ=environ)
    assert (found, who.token, who.user_email, who.user_id) == ("http://h/wallaroo", "ours", "b@x", "1")


def test_arguments_win_over_everything(kernel: dict[str, str]) -> None:
    found, who = discovery.find("https://h/wallaroo", "mine", {**kernel, "WALLAROO_URL": "http://other"})
    assert (found, who.token) == ("https://h/wallaroo", "mine")


def test_one_servers_token_is_not_sent_to_another(kernel: dict[str, str], tmp_path: Path) -> None:
    """Neither the kernel's own nor that of the environment's server."""
    with pytest.raises(InvalidRequest, match="No token is known for the server at https://elsewhere/wallaroo"):
        discovery.find("https://elsewhere/wallaroo", environ=kernel)
    environ = {"WALLAROO_URL": "http://h/wallaroo", "WALLAROO_SDK_CREDENTIALS": credentials(tmp_path, token="t")}
    with pytest.raises(InvalidRequest, match="No token is known"):
        discovery.find("https://elsewhere/wallaroo", environ=environ)


@pytest.mark.parametrize(
    ("service", "prefix", "expected"),
    [
        ("http://127.0.0.1:8888/user/bob/", "/user/bob/", "http://127.0.0.1:8888/user/bob/wallaroo"),
        ("http://0.0.0.0:8888/user/bob/", "/user/bob/", "http://127.0.0.1:8888/user/bob/wallaroo"),
        ("http://[::]:8888/", None, "http://127.0.0.1:8888/wallaroo"),
        ("http://[fd00::1]:8888/", None, "http://[fd00::1]:8888/wallaroo"),
    ],
)
def test_a_hubs_server_is_found_by_its_variables(service: str, prefix: str | None, expected: str) -> None:
    environ = {"JUPYTERHUB_API_TOKEN": "hub", "JUPYTERHUB_SERVICE_URL": service}
    environ |= {"JUPYTERHUB_SERVICE_PREFIX": prefix} if prefix else {}
    found, who = discovery.find(environ=environ)
    assert (found, who.token) == (expected, "hub")


def test_a_server_without_a_token_of_its_own_takes_the_hubs(kernel: dict[str, str]) -> None:
    path = Path(kernel["JUPYTER_RUNTIME_DIR"]) / "jpserver-17.json"
    path.write_text('{"url": "http://localhost:8888/user/bob/", "token": ""}')
    assert discovery.find(environ={**kernel, "JUPYTERHUB_API_TOKEN": "hub"})[1].token == "hub"
    with pytest.raises(InvalidRequest, match="No token is known"):
        discovery.find(environ=kernel)


@pytest.mark.parametrize("content", [None, "", "[]", '{"token": "a"}', "\x00"])
def test_without_a_server_one_line_says_what_to_do(tmp_path: Path, content: str | None) -> None:
    """A damaged file is no server, either."""
    if content is not None:
        (tmp_path / "jpserver-17.json").write_text(content)
    with pytest.raises(InvalidRequest) as caught:
        discovery.find(environ={"JPY_PARENT_PID": "17", "JUPYTER_RUNTIME_DIR": str(tmp_path)})
    assert str(caught.value) == (
        "No server found: this Python was not started by Jupyter, and WALLAROO_URL is not set. "
        "Run it in a notebook, or call Client('http://localhost:8888/wallaroo', token='…')."
    )


@pytest.mark.parametrize("url", ["localhost:8888", "file:///etc/passwd", "ftp://h"])
def test_an_endpoint_that_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest, match="not an http or https URL"):
        discovery.find(url, "t", {})


@pytest.mark.parametrize("content", [None, "{}", "secret-token", '{"token": 5}'])
def test_a_credentials_file_that_cannot_be_used_is_named_and_not_shown(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "c.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InvalidRequest, match=r"c\.json") as caught:
        discovery.find("http://h", environ={"WALLAROO_SDK_CREDENTIALS": str(path)})
    assert "secret" not in str(caught.value)


def test_s2_39_a_process_of_the_server_needs_no_arguments(server: PrivateServer) -> None:
    """In a kernel's environment, with the file that the real server wrote."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("WALLAROO", "JUPYTER"))}
    environ |= {
        "JPY_PARENT_PID": str(server.pid),
        "JUPYTER_RUNTIME_DIR": str(server.directory / "jupyter_runtime_dir"),
    }
    code = "from jupyter_wallaroo.sdk import Client\nwl = Client()\nprint(wl.api_endpoint, wl.get_current_workspace().id())"
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    found, number = done.stdout.split()
    assert found.replace("localhost", "127.0.0.1") == endpoint(server)
    assert int(number) > 0
