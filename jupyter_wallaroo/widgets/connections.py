"""The connections panel: what there is, new ones, and which workspaces have them. Details are never shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from msgspec import Struct

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import InvalidRequest, WallarooError
from jupyter_wallaroo.sdk.connectors.registry import connection_types
from jupyter_wallaroo.secret import Secret
from jupyter_wallaroo.widgets import assets, plain
from jupyter_wallaroo.widgets.panel import Answer, Panel

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client
    from jupyter_wallaroo.sdk.connection import Connection
    from jupyter_wallaroo.widgets.work import Work


class _Ask(Struct, frozen=True, kw_only=True, tag_field="verb"):
    """What the browser may ask."""


class Look(_Ask, frozen=True, kw_only=True, tag="look"):
    """The connections as they are."""


class Detail(Struct, frozen=True, kw_only=True):
    """One of a new connection's details: a name and what is not to be shown."""

    name: str
    value: str

    def __repr__(self) -> str:
        """Return it without its value."""
        return f"Detail(name={self.name!r})"


class Create(_Ask, frozen=True, kw_only=True, tag="create"):
    """A new connection, attached to the current workspace if that is wanted."""

    name: str
    type: str
    details: list[Detail]
    attach: bool = True


class Attach(_Ask, frozen=True, kw_only=True, tag="attach"):
    """A connection, by UUID, for the workspace with an id."""

    id: str
    workspace_id: int


class Detach(_Ask, frozen=True, kw_only=True, tag="detach"):
    """A connection no longer for a workspace."""

    id: str
    workspace_id: int


class Remove(_Ask, frozen=True, kw_only=True, tag="remove"):
    """A connection no more."""

    id: str


class Line(Struct, frozen=True, kw_only=True):
    """One connection, without its details."""

    id: str
    name: str
    type: str
    created_at: str
    workspaces: list[str]


class Place(Struct, frozen=True, kw_only=True):
    """A workspace."""

    id: int
    name: str


class Overview(Struct, frozen=True, kw_only=True):
    """What the panel shows."""

    connections: list[Line]
    workspaces: list[Place]
    here: int
    types: list[str]


class ConnectionsPanel(Panel):
    """Makes, attaches and removes connections.

    Parameters
    ----------
    client
        Whose server, and whose current workspace.
    """

    _esm = assets.module("connections")
    _css = assets.style()
    asks: ClassVar[Any] = Look | Create | Attach | Detach | Remove

    def __init__(self, client: Client) -> None:
        self._client = client
        super().__init__()

    def answer(self, ask: Any, work: Work) -> Answer:  # noqa: ARG002  nothing here lasts
        """Return the connections as they are once what was asked is done."""
        match ask:
            case Create():
                self._create(ask)
            case Attach(id=number, workspace_id=workspace_id):
                self._connection(number).add_to(workspace_id)
            case Detach(id=number, workspace_id=workspace_id):
                self._connection(number).remove_from(workspace_id)
            case Remove(id=number):
                self._connection(number).delete_connection()
        return Answer(value=self.overview())

    def overview(self) -> Overview:
        """Return the connections of the server, and what a new one can be."""
        return Overview(
            connections=[
                Line(
                    id=item.id(),
                    name=item.name(),
                    type=item.connection_type(),
                    created_at=item.created_at()[:19].replace("T", " "),
                    workspaces=item.workspace_names(),
                )
                for item in self._client.list_connections()
            ],
            workspaces=[Place(id=item.id(), name=item.name()) for item in self._client.list_workspaces()],
            here=self._client.get_current_workspace().id(),
            types=connection_types(),
        )

    def facts_text(self) -> str:
        """Return the connections as text."""
        found = self.overview().connections
        rows = [[item.name, item.type, item.created_at, ", ".join(item.workspaces) or "-"] for item in found]
        if not rows:
            return "Connections: none"
        return "Connections\n\n" + plain.table(["name", "type", "created (UTC)", "workspaces"], rows)

    def _connection(self, number: str) -> Connection:
        found = next((item for item in self._client.list_connections() if item.id() == number), None)
        if found is None:
            raise errors.NotFound("The connection is no longer there.", hint="Somebody removed it.")
        return found

    def _create(self, ask: Create) -> None:
        details = _details(ask.details)
        try:
            made = self._client.create_connection(ask.name.strip(), ask.type.strip(), details.reveal())
        except WallarooError as error:
            from jupyter_wallaroo.sdk.connectors.masking import masked

            message = masked(error.message, details.reveal())
            raise type(error)(message, hint=masked(error.hint, details.reveal())) from None
        if ask.attach:
            made.add_to(self._client.get_current_workspace().id())


def _details(given: list[Detail]) -> Secret[dict[str, Any]]:
    """Return details as the server takes them; a value that is a JSON object or list stands for what it says."""
    found: dict[str, Any] = {}
    for item in given:
        name = item.name.strip()
        if not name:
            raise InvalidRequest("A detail has a value and no name.", hint="Name it, such as 'password', or remove it.")
        if name in found:
            raise InvalidRequest(f"The detail {name!r:.60} is there twice.")
        found[name] = _value(item.value)
    return Secret(found)


def _value(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
