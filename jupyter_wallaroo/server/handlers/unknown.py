"""Addresses below ours that are none of the routes."""

from __future__ import annotations

from jupyter_server.utils import url_path_join

from jupyter_wallaroo import errors
from jupyter_wallaroo.server.handlers.base import API_ROOT, ROOT_PATH, WallarooHandler


class UnknownHandler(WallarooHandler):
    """Answers 404 in the API's own shape, with the nearest routes there are, to whoever may call."""

    async def check(self) -> None:
        """Refuse whatever it is."""
        from jupyter_wallaroo.server.routes import ROUTES

        await super().check()
        address = self.request.path.removeprefix(url_path_join(self.base_url, ROOT_PATH)).strip("/")
        names = [route.address.removeprefix(f"{API_ROOT}/") for route in ROUTES]
        raise errors.not_found("Route", address.removeprefix(f"{API_ROOT}/"), names)
