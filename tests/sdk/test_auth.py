"""Tokens are sent and never shown; ways to log in that the server does not offer are refused in one sentence."""

from __future__ import annotations

import httpx
import pytest
import requests

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.errors import InvalidRequest, Unauthenticated
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.auth import AuthType
from tests.sdk.conftest import endpoint


def test_s5_19_the_header_serves_any_client(wl: Client) -> None:
    """requests and httpx, at ``{api_endpoint}/v1/api/…`` (S5-21)."""
    for post in (requests.post, httpx.post):
        answer = post(f"{wl.api_endpoint}/v1/api/workspaces/list", headers=wl.auth.auth_header(), json={}, timeout=30)
        assert answer.status_code == 200


def test_no_token_is_ever_shown(wl: Client, server: PrivateServer) -> None:
    """SECURITY B1: not in reprs, errors, or the objects behind them."""
    shown = [repr(wl), repr(wl.auth), repr(wl.auth._credentials), str(vars(wl.auth)), repr(vars(wl.api))]
    assert server.token not in " ".join(shown)
    assert "*****" in repr(wl.auth)


def test_a_wrong_token_is_told_by_the_first_call(server: PrivateServer) -> None:
    with Client(endpoint(server), token="wrong-token") as client, pytest.raises(Unauthenticated) as caught:
        client.list_workspaces()
    assert "wrong-token" not in str(caught.value)
    assert "Authorization: Bearer" in str(caught.value)


@pytest.mark.parametrize("auth_type", [kind for kind in AuthType if kind is not AuthType.TOKEN])
def test_s2_39_other_ways_to_log_in_are_refused_in_one_sentence(auth_type: AuthType) -> None:
    """As the seed passes them; no request is sent."""
    address = {"api_endpoint": "https://doc-test.api.wallarooexample.ai", "auth_endpoint": "https://keycloak.example"}
    with pytest.raises(InvalidRequest) as caught:
        Client(**address, auth_type=auth_type.value)
    assert caught.value.message == (
        f"auth_type {auth_type.value!r} is not offered by this server, which takes Jupyter's own token."
    )
    assert "auth_type='token'" in caught.value.hint


def test_an_unknown_way_is_called_unknown(server: PrivateServer) -> None:
    with pytest.raises(InvalidRequest, match="'magic' is unknown"):
        Client(endpoint(server), auth_type="magic", token=server.token)


def test_the_environment_says_the_way(server: PrivateServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WALLAROO_SDK_AUTH_TYPE", "sso")
    with pytest.raises(InvalidRequest, match="sso"):
        Client(endpoint(server), token=server.token)
    Client(endpoint(server), auth_type=AuthType.TOKEN, token=server.token).close()
