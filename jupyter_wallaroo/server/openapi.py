"""The OpenAPI 3.1 document, made from the table of routes and the structs of the wire."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import msgspec

from jupyter_wallaroo import __version__
from jupyter_wallaroo.server.routes import ROUTES, Route
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


@cache
def document(server_url: str) -> dict[str, Any]:
    """Return the description of every route below ``server_url``."""
    kinds = [kind for route in ROUTES for kind in (route.request, route.response)]
    schemas, components = msgspec.json.schema_components(kinds, ref_template="#/components/schemas/{name}")
    pairs = zip(schemas[::2], schemas[1::2], strict=True)
    return {
        "openapi": "3.1.0",
        "info": {"title": "jupyter-wallaroo", "version": __version__, "license": {"name": "BSD-3-Clause"}},
        "servers": [{"url": server_url}],
        "security": [{"token": []}],
        "paths": {
            f"/{route.path}": {route.method.lower(): _operation(route, request, response)}
            for route, (request, response) in zip(ROUTES, pairs, strict=True)
        },
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route, request: dict[str, Any], response: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.path.replace("/", "_").replace("{", "").replace("}", ""),
        "tags": [route.resource],
        "summary": (inspect.getdoc(route.request) or route.path).splitlines()[0],
        "responses": {
            "200": {"description": "Done.", "content": {"application/json": {"schema": response}}},
            "default": _ERROR,
        },
        "x-action": str(route.action),
    }
    parameters = [
        {"name": part.strip("{}"), "in": "path", "required": True, "schema": {"type": "string"}}
        for part in route.path.replace("}-{", "}/{").split("/")
        if part.startswith("{")
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.is_public:
        operation["security"] = []
    if route.method == "POST":
        operation["requestBody"] = {"required": True, "content": _content(route, request)}
    return operation


def _content(route: Route, request: dict[str, Any]) -> dict[str, Any]:
    binary = {"type": "string", "format": "binary"}
    if route.path == "models/upload":
        form = {"type": "object", "required": ["metadata", "file"], "properties": {"metadata": request, "file": binary}}
        return {"multipart/form-data": {"schema": form}}
    if route.path == "models/upload_stream":
        return {"application/octet-stream": {"schema": binary}}
    if route.resource == "inference":
        return {
            MediaType.RECORDS.value: {"schema": {"type": "array", "items": {"type": "object"}}},
            MediaType.TENSORS.value: {"schema": {"type": "object"}},
            MediaType.ARROW.value: {"schema": binary},
        }
    return {"application/json": {"schema": request}}
