"""Rules of access for tests: an identity provider and an authorizer that change their mind when a file says so."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from jupyter_server.auth import Authorizer, IdentityProvider, User
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado.web import authenticated

TOKENS = "tokens.json"
"""In the server's root directory: whose each token is."""
REFUSED = "refused"
"""As soon as it is there, nothing is allowed."""


class Asked:
    """How often each rule was asked."""

    identity = 0
    access = 0


class FileIdentity(IdentityProvider):
    """Knows people by the tokens in a file, and takes a moment to look."""

    async def get_user(self, handler: Any) -> User | None:  # type: ignore[override]
        Asked.identity += 1
        await asyncio.sleep(0)
        known = json.loads((_root(handler) / TOKENS).read_text())
        token = handler.request.headers.get("Authorization", "").partition(" ")[2]
        if token not in known:
            return None
        handler._token_authenticated = True
        return User(username=known[token])


class FileAuthorizer(Authorizer):
    """Allows everything until a file is there."""

    async def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:  # type: ignore[override]
        Asked.access += 1
        return not (_root(handler) / REFUSED).exists()


def _root(handler: Any) -> Path:
    return Path(os.path.expanduser(handler.settings["server_root_dir"]))


class AskedHandler(APIHandler):
    """``GET asked``: how often the rules were asked, and how many connections are on the fast path."""

    @authenticated
    def get(self) -> None:
        connections = self.settings["wallaroo"].fast_path.connections
        self.finish({"identity": Asked.identity, "access": Asked.access, "fast": len(connections)})


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "tests.server.access_rules"}]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    serverapp.web_app.add_handlers(".*$", [(url_path_join(serverapp.base_url, "asked"), AskedHandler)])
