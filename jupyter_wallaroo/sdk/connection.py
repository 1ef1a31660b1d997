"""Connections: what is needed to reach other systems, kept by the server and shown by nobody (S2-01 … S2-17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_wallaroo.errors import NotFound
from jupyter_wallaroo.sdk import display, frames
from jupyter_wallaroo.sdk.noun import Noun
from jupyter_wallaroo.sdk.object import ConnectionNotFound
from jupyter_wallaroo.secret import MASK, Secret
from jupyter_wallaroo.types import connection as wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    import pyarrow as pa

    from jupyter_wallaroo.sdk.client import Client
    from jupyter_wallaroo.sdk.connectors.guarded import Guarded


PREFIX = "connection:"
"""Begins a text that names a connection, and perhaps what is meant there: ``connection:NAME:TABLE``."""

BATCH_ROWS = 10_000
"""Rows that are read, sent or written at once where there are many."""


class Connection(Noun[wire.Connection]):
    """A connection of this server; its facts are without the details, which `details` asks for."""

    def id(self) -> str:
        """Return the connection's UUID."""
        return self._facts.id

    def name(self) -> str:
        """Return the connection's name."""
        return self._facts.name

    def connection_type(self) -> str:
        """Return the connection's type, as whoever made it called it."""
        return self._facts.type

    def created_at(self) -> str:
        """Return when it was made, in ISO 8601 with microseconds and offset (S2-15)."""
        return self._facts.created_at

    def workspace_names(self) -> list[str]:
        """Return the names of the workspaces it is attached to, in that order."""
        return list(self._facts.workspace_names)

    def details(self) -> dict[str, Any]:
        """Return the details in clear, from the server (S2-08).

        Raises
        ------
        Forbidden
            The caller may not read them.
        """
        return self._details().reveal()

    def _details(self) -> Secret[dict[str, Any]]:
        request = wire.GetConnectionById(id=self.id())
        found = self._client.api.call("connections/get_by_id", request, dict[str, Any])
        return Secret(found.get("details") or {})

    def read(
        self,
        source: str | None = None,
        *,
        arrow: bool = False,
        **options: Any,
    ) -> pd.DataFrame | pa.Table:
        """Return data from where the connection leads, as a frame or (``arrow``) a table.

        Parameters
        ----------
        source
            What to read there: a query, a path, a topic; None: what the details say.
        options
            As the connector of this type documents them.
        """
        table = self._connector().read(self.details(), source, **options)
        return table if arrow else frames.to_frame(table)

    def batches(self, source: str | None = None, *, most: int = BATCH_ROWS, **options: Any) -> Iterator[pa.Table]:
        """Yield what `read` returns in tables of about ``most`` rows, without holding more where the connector can.

        PostgreSQL, DuckDB, SQLite and BigQuery can; of files (FILE, S3) Parquet, Arrow, CSV and JSON lines. Others come
        as one table.
        """
        return self._connector().batches(self.details(), source, most, **options)

    def write(self, data: pd.DataFrame | pa.Table, target: str | None = None, **options: Any) -> int:
        """Write data to where the connection leads and return how many rows that were."""
        table = frames.to_table(data) if frames.is_frame(data) else data
        if not frames.is_table(table):
            raise TypeError(f"write takes a pandas DataFrame or a pyarrow Table; got {type(data).__name__}.")
        return self._connector().write(self.details(), table, target, **options)

    def adds(self) -> bool:
        """Tell whether `write` adds to what is there, as to tables and topics; files are replaced."""
        return self._connector().adds()

    def has_modes(self) -> bool:
        """Tell whether `write` has the option ``mode``: append, create or replace."""
        return self._connector().has_modes()

    def _connector(self) -> Guarded:
        from jupyter_wallaroo.sdk.connectors import connector_for

        return connector_for(self.connection_type())

    def delete_connection(self) -> None:
        """Delete it, from every workspace too."""
        self._client.api.post("connections/delete", wire.DeleteConnection(name=self.name()))

    def add_to(self, workspace_id: int) -> None:
        """Attach it to a workspace; once more is fine (A25)."""
        request = wire.LinkConnection(workspace_id=workspace_id, connection_id=self.id())
        self._client.api.post("connections/add_to_workspace", request)

    def remove_from(self, workspace_id: int) -> None:
        """Detach it from a workspace."""
        request = wire.UnlinkConnection(workspace_id=workspace_id, connection_id=self.id())
        self._client.api.post("connections/remove_from_workspace", request)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Connection) and other.id() == self.id()

    def __hash__(self) -> int:
        return hash(self.id())

    def __repr__(self) -> str:
        return (
            f"Connection(name={self.name()!r}, connection_type={self.connection_type()!r}, details={MASK!r}, "
            f"created_at={self.created_at()!r}, workspace_names={self.workspace_names()!r})"
        )

    def pretty_rows(self) -> list[tuple[str, object]]:
        """Return what tables show, never the details (S2-13)."""
        return [
            ("Name", self.name()),
            ("Connection Type", self.connection_type()),
            ("Details", MASK),
            ("Created At", self.created_at()),
            ("Linked Workspaces", self.workspace_names()),
        ]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001  IPython's signature
        display.pretty(printer, self.pretty_rows(), repr(self))

    def _repr_html_(self) -> str:
        return display.fields(self.pretty_rows())


class Connections(display.Listing[Connection]):
    """Connections: all as they were made, a workspace's as they were attached."""

    headings = ("name", "connection type", "details", "created at", "linked workspaces")
    nothing = "(no connections)"

    def line(self, item: Connection) -> tuple[object, ...]:
        """Return the cells of one connection."""
        return item.name(), item.connection_type(), MASK, item.created_at(), item.workspace_names()


def fetch(client: Client, name: str) -> Connection:
    """Return the connection called ``name``.

    Raises
    ------
    ConnectionNotFound
        There is none; the tutorials catch it as `EntityNotFoundError` or `RequiredAttributeMissing` (A26).
    """
    try:
        found = client.api.call("connections/get", wire.GetConnection(name=name), dict[str, Any])
    except NotFound as error:
        raise ConnectionNotFound(error.message, hint=error.hint, details=error.details) from None
    found.pop("details", None)
    return Connection(client, msgspec.convert(found, wire.Connection))


def fetch_all(client: Client, *, workspace_id: int | None) -> Connections:
    """Return the connections of a workspace, or all."""
    request = wire.ListConnections(workspace_id=workspace_id)
    found = client.api.call("connections/list", request, wire.ConnectionList).connections
    return Connections(Connection(client, facts) for facts in found)


def create(client: Client, name: str, connection_type: str, details: dict[str, Any]) -> Connection:
    """Make a connection and return it.

    Raises
    ------
    Conflict
        The name is taken: names are unique on the whole server (S2-03).
    """
    body = {"name": name, "type": connection_type, "details": details}
    client.api.call("connections/create", body, wire.ConnectionId)
    return fetch(client, name)
