"""Finds the connector of a connection's type."""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.errors import MAX_SHOWN, InvalidRequest
from jupyter_wallaroo.sdk.connectors.failures import ConnectorError
from jupyter_wallaroo.sdk.connectors.guarded import Guarded

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "jupyter_wallaroo.connectors"
"""Entry points of this group add types: the name is the type, the object a class called without arguments."""

_OURS = {
    "BIGQUERY": "bigquery:BigQuery",
    "DUCKDB": "duckdb:DuckDB",
    "FILE": "files:Files",
    "HTTP": "http:HTTP",
    "HTTPFILE": "http:HTTP",
    "HTTPS": "http:HTTP",
    "KAFKA": "kafka:Kafka",
    "POSTGRES": "postgres:Postgres",
    "POSTGRESQL": "postgres:Postgres",
    "S3": "s3:S3",
    "SQLITE": "sqlite:SQLite",
}


def connector_for(connection_type: str) -> Guarded:
    """Return the connector of a type, in any case.

    Our own types come first, so that no package that happens to be installed takes one over.

    Raises
    ------
    InvalidRequest
        There is no connector of that type; names those there are and how to add one.
    ConnectorError
        The package that registered the type cannot be imported.

    Examples
    --------
    >>> connector_for("http")
    <connector HTTP by jupyter_wallaroo.sdk.connectors.http.HTTP>
    """
    name = connection_type.strip().upper()
    try:
        connector = _class_of(name)()
    except (ImportError, AttributeError) as error:
        raise ConnectorError(
            f"The connector of type {name!r} cannot be loaded: {error}.",
            hint="Install again the package that brings it.",
        ) from None
    return Guarded(name, connector)


def _class_of(name: str) -> Any:
    ours = _OURS.get(name)
    if ours is None:
        point = _added().get(name)
        if point is None:
            raise _unknown(name)
        return point.load()
    module, _, attribute = ours.partition(":")
    return getattr(importlib.import_module(f"{__package__}.{module}"), attribute)


def connection_types() -> list[str]:
    """Return the types that have a connector, in alphabetical order."""
    return sorted({*_OURS, *_added()})


def _added() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name.upper(): point for point in entry_points(group=GROUP)}


def _unknown(name: str) -> InvalidRequest:
    types = connection_types()
    close = difflib.get_close_matches(name, types, n=1, cutoff=0.6)
    meant = f"Did you mean {close[0]!r}? " if close else ""
    return InvalidRequest(
        f"No connector is for connections of type {name[:MAX_SHOWN]!r}; there are: {', '.join(types)}.",
        hint=f"{meant}Your own code can use connection.details() as it is. A package adds a type by naming a class "
        f"with read and write in its entry points, group {GROUP!r}.",
    )
