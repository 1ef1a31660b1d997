"""``pipelines/apply``: definitions of pipelines as JSON or as YAML."""

from __future__ import annotations

import asyncio

from tornado.web import stream_request_body

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.server.handlers.json_body import PostHandler, document
from jupyter_wallaroo.types.apply import ApplyPipelines

YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml")


@stream_request_body
class ApplyHandler(PostHandler):
    """A body that may hold YAML, which is slow to read: always in a thread."""

    async def decode(self) -> ApplyPipelines:
        """Return what is to be applied.

        Raises
        ------
        InvalidRequest
            Neither JSON nor YAML, or a key that nobody knows; names the place.
        """
        self.refuse_forms()
        read = _from_yaml if self.media_type in YAML_TYPES else _from_json
        return await asyncio.to_thread(read, self.body)


def _from_json(body: bytes) -> ApplyPipelines:
    from jupyter_wallaroo.services import manifest

    return manifest.read(document(body or b"{}"))


def _from_yaml(body: bytes) -> ApplyPipelines:
    from jupyter_wallaroo.services import manifest

    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The request body is not valid UTF-8 (byte {error.start}).") from None
    return manifest.read(manifest.from_yaml(text))
