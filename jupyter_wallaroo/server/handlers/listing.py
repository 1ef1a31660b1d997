"""Routes that answer lists, of any length."""

from __future__ import annotations

from typing import Any

import msgspec
from tornado.web import stream_request_body

from jupyter_wallaroo.server.handlers.json_body import PostHandler
from jupyter_wallaroo.types.listing import Page

PAGE = 200
"""Entries of a whole list that are read and sent at once: some milliseconds of the reading thread, one of the loop."""

_encode = msgspec.json.Encoder().encode


@stream_request_body
class ListHandler(PostHandler):
    """A route whose request has ``limit`` and ``after`` or ``before``; its answer is a list, bare or with ``next``.

    A request without a limit, as the vendor's clients send it, is answered with the whole list, which goes out while it
    is read page by page: neither memory nor the loop's time depends on its length.
    """

    async def answer_to(self, request: Any) -> None:
        """Finish with the page that is asked for, or with all."""
        call = self.route.service(self.app.services)
        is_whole = request.limit is None
        page = await call(self.caller, msgspec.structs.replace(request, limit=PAGE) if is_whole else request)
        is_bare = isinstance(page, Page)
        if not is_whole or page.next is None:
            self.answer(page.entries if is_bare else page)
            return
        name = msgspec.structs.fields(page)[0].name
        behind = "after" if hasattr(request, "after") else "before"
        self.set_header("Content-Type", "application/json")
        self.write(b"[" if is_bare else b'{"%b":[' % name.encode())
        while True:
            self.write(_encode(getattr(page, name))[1:-1])
            if page.next is None:
                break
            self.write(b",")
            await self.flush()
            page = await call(self.caller, msgspec.structs.replace(request, limit=PAGE, **{behind: page.next}))
        self.finish(b"]" if is_bare else b'],"next":null}')
