"""Workspaces: rooms that hold models, pipelines, connections and users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.sdk import connection, display, model, pipeline
from jupyter_wallaroo.sdk.connection import Connections
from jupyter_wallaroo.sdk.model import Model, Models
from jupyter_wallaroo.sdk.noun import Noun
from jupyter_wallaroo.sdk.pipeline import Pipelines
from jupyter_wallaroo.sdk.user import User
from jupyter_wallaroo.types import workspace as wire
from jupyter_wallaroo.types.config import Nothing
from jupyter_wallaroo.types.user import QueryUsers, UsersById

if TYPE_CHECKING:
    from typing import Self

    from jupyter_wallaroo.sdk.client import Client


class Workspace(Noun[wire.WorkspaceContents]):
    """A workspace."""

    def id(self) -> int:
        """Return the workspace's id."""
        return self._facts.id

    def name(self) -> str:
        """Return the workspace's name."""
        return self._facts.name

    def archived(self) -> bool:
        """Tell whether it is archived."""
        return self._facts.archived

    def created_at(self) -> str:
        """Return when it was made, in ISO 8601."""
        return self._facts.created_at

    def created_by(self) -> str:
        """Return the id of the user who made it."""
        return self._facts.created_by

    def models(self, name: str | None = None) -> Models:
        """Return its models, oldest first; with ``name``, the one called so, in any case."""
        found = model.fetch_all(self._client, workspace_id=self.id(), name=name)
        return Models(Model(self._client, facts) for facts in found)

    def pipelines(self) -> Pipelines:
        """Return its pipelines, oldest first."""
        return pipeline.fetch_all(self._client, workspace_id=self.id())

    def users(self) -> list[User]:
        """Return its users: who made it first, then the others as they were added."""
        return [user for user, _ in self._members()]

    def owners(self) -> list[User]:
        """Return those of its users who own it."""
        return [user for user, kind in self._members() if kind is wire.UserType.OWNER]

    def _members(self) -> list[tuple[User, wire.UserType]]:
        request = wire.ListWorkspaceUsers(workspace_id=self.id())
        listed = self._client.api.call("workspaces/list_users", request, wire.WorkspaceUserList).users
        ids = [item.user_id for item in listed]
        known = self._client.api.call("users/query", QueryUsers(user_ids=ids), UsersById).users
        return [(User(known[item.user_id]), item.user_type) for item in listed if item.user_id in known]

    def add_user(self, user_email: str) -> Self:
        """Let somebody who has called this server work in it, and return the workspace."""
        return self._add(user_email, wire.UserType.COLLABORATOR)

    def add_owner(self, user_email: str) -> Self:
        """Make somebody who has called this server an owner, and return the workspace."""
        return self._add(user_email, wire.UserType.OWNER)

    def _add(self, email: str, kind: wire.UserType) -> Self:
        request = wire.AddWorkspaceUser(workspace_id=self.id(), email=email, user_type=kind)
        self._client.api.call("workspaces/add_user", request, Nothing)
        return self

    def remove_user(self, user_email: str) -> Self:
        """End somebody's work in it, and return the workspace."""
        request = wire.RemoveWorkspaceUser(workspace_id=self.id(), email=user_email)
        self._client.api.call("workspaces/remove_user", request, wire.AffectedRows)
        return self

    def add_connection(self, name: str) -> Self:
        """Attach the connection called ``name``, once, and return the workspace (S2-09, A25)."""
        connection.fetch(self._client, name).add_to(self.id())
        return self

    def remove_connection(self, name: str) -> Self:
        """Detach the connection called ``name``, and return the workspace; the connection stays."""
        connection.fetch(self._client, name).remove_from(self.id())
        return self

    def list_connections(self) -> Connections:
        """Return the connections attached to it, the one attached last at the end (S2-10)."""
        return connection.fetch_all(self._client, workspace_id=self.id())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Workspace) and other.id() == self.id()

    def __hash__(self) -> int:
        return hash(self.id())

    def __repr__(self) -> str:
        shown: dict[str, Any] = {
            "name": self.name(),
            "id": self.id(),
            "archived": self.archived(),
            "created_by": self.created_by(),
            "created_at": self.created_at(),
            "models": [item.summary() for item in self.models()],
            "pipelines": [item.summary() for item in self.pipelines()],
        }
        return repr(shown)


class Workspaces(display.Listing[Workspace]):
    """Workspaces, oldest first."""

    headings = ("ID", "Name", "Created At", "Users", "Models", "Pipelines")
    nothing = "(no workspaces)"

    def line(self, item: Workspace) -> tuple[object, ...]:
        """Return the cells of one workspace."""
        users = [user.email() for user in item.users()]
        return item.id(), item.name(), item.created_at(), users, len(item._facts.models), len(item._facts.pipelines)


def fetch(client: Client, *, id: int | None = None, name: str | None = None) -> Workspace:
    """Return the workspace with an id or a name; without either, the user's default one."""
    return Workspace(
        client, client.api.call("workspaces/get", wire.GetWorkspace(id=id, name=name), wire.WorkspaceContents)
    )


def fetch_all(client: Client) -> Workspaces:
    """Return all workspaces."""
    found = client.api.call("workspaces/list", wire.ListWorkspaces(), wire.WorkspaceList).workspaces
    return Workspaces(Workspace(client, facts) for facts in found)


def create(client: Client, name: str) -> Workspace:
    """Make a workspace and return it.

    Raises
    ------
    Conflict
        The name is taken.
    """
    request = wire.CreateWorkspace(workspace_name=name)
    return fetch(client, id=client.api.call("workspaces/create", request, wire.WorkspaceCreated).workspace_id)
