"""The OpenAPI 3.1 document, made from the table of routes and the structs of the wire."""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import Any

import msgspec

from jupyter_wallaroo import __version__
from jupyter_wallaroo.secret import Secret
from jupyter_wallaroo.server.handlers.base import API_ROOT
from jupyter_wallaroo.server.handlers.json_body import ResourceHandler
from jupyter_wallaroo.server.handlers.upload import FormUploadHandler
from jupyter_wallaroo.server.route import Route
from jupyter_wallaroo.server.routes import ROUTES
from jupyter_wallaroo.types.plan import MediaType

_ERROR = {
    "description": "What went wrong, in one shape for every route.",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["code", "message", "msg", "hint", "details", "request_id"],
                "properties": {
                    "code": {"type": "integer"},
                    "message": {"type": "string"},
                    "msg": {"type": "string"},
                    "hint": {"type": "string"},
                    "details": {"type": "object"},
                    "request_id": {"type": "string"},
                },
            }
        }
    },
}

_BINARY = {"type": "string", "format": "binary"}


@cache
def document(server_url: str) -> dict[str, Any]:
    """Return the description of every route below ``server_url``, which ends with ``/wallaroo``."""
    kinds = [kind for route in ROUTES for kind in (route.request, route.response, route.query)]
    schemas, components = msgspec.json.schema_components(
        kinds, schema_hook=_secret, ref_template="#/components/schemas/{name}"
    )
    described = zip(schemas[::3], schemas[1::3], schemas[2::3], strict=True)
    paths: dict[str, dict[str, Any]] = {}
    for route, (request, response, query) in zip(ROUTES, described, strict=True):
        operation = _operation(route, request, response, _parameters(route, components, query))
        paths.setdefault(f"/{route.address}", {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "jupyter-wallaroo", "version": __version__, "license": {"name": "BSD-3-Clause"}},
        "servers": [{"url": server_url}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _parameters(route: Route, components: dict[str, Any], query: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what stands in a route's path and in its query."""
    parts = route.path.replace("}-{", "}/{").split("/")
    found: list[dict[str, Any]] = [
        {"name": part.strip("{}"), "in": "path", "required": True, "schema": {"type": "string"}}
        for part in parts
        if part.startswith("{")
    ]
    if route.query is not None:
        fields = components[query["$ref"].rpartition("/")[2]]["properties"]
        found.extend({"name": name, "in": "query", "schema": schema} for name, schema in fields.items())
    return found


def _operation(
    route: Route, request: dict[str, Any], response: dict[str, Any], parameters: list[dict[str, Any]]
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "tags": [route.resource],
        "summary": (inspect.getdoc(route.query or route.request) or route.path).splitlines()[0],
        "responses": {**_success(route, response), "default": _ERROR},
        "x-action": str(route.action),
    }
    if parameters:
        operation["parameters"] = parameters
    if route.is_public:
        operation["security"] = []
    if route.method in ("POST", "PUT"):
        operation["requestBody"] = {"required": True, "content": _content(route, request)}
    return operation


def _operation_id(route: Route) -> str:
    name = re.sub(r"\W+", "_", route.path if route.root == API_ROOT else route.address).strip("_")
    return f"{route.method.lower()}_{name}" if issubclass(route.handler, ResourceHandler) else name


def _success(route: Route, response: dict[str, Any]) -> dict[str, Any]:
    if route.response is None:
        return {"204": {"description": "Done; there is nothing to say."}}
    if route.response is bytes:
        return {"200": {"description": "The file.", "content": {"application/octet-stream": {"schema": _BINARY}}}}
    status = str(int(getattr(route.handler, "status", route.status)))
    return {status: {"description": "Done.", "content": {"application/json": {"schema": response}}}}


def _secret(kind: Any) -> dict[str, Any]:
    """Describe a secret (msgspec calls this for types that are not its own): an object, or JSON text of one."""
    assert kind is Secret, f"{kind} is no type of the wire"
    return {"type": ["object", "string"], "writeOnly": True}


def _content(route: Route, request: dict[str, Any]) -> dict[str, Any]:
    if issubclass(route.handler, FormUploadHandler):
        parts = {"metadata": request, "file": _BINARY}
        form = {"type": "object", "required": ["metadata", "file"], "properties": parts}
        return {"multipart/form-data": {"schema": form}}
    if route.path == "models/upload_stream":
        return {"application/octet-stream": {"schema": _BINARY}}
    if route.resource == "inference":
        return {
            MediaType.RECORDS.value: {"schema": {"type": "array", "items": {"type": "object"}}},
            MediaType.TENSORS.value: {"schema": {"type": "object"}},
            MediaType.ARROW.value: {"schema": _BINARY},
        }
    if route.path == "pipelines/apply":
        return {kind: {"schema": request} for kind in ("application/json", "application/yaml")}
    return {"application/json": {"schema": request}}
