"""Models: a name in a workspace, with versions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo import errors
from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.sdk.model_version import ModelVersion, ModelVersions
from jupyter_wallaroo.sdk.noun import Noun
from jupyter_wallaroo.sdk.pages import walk
from jupyter_wallaroo.types import model as wire

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client


class Model(Noun[wire.ListedModel]):
    """A model of a workspace."""

    def id(self) -> int:
        """Return the model's id."""
        return self._facts.id

    def name(self) -> str:
        """Return the model's name."""
        return self._facts.name

    def owner_id(self) -> str:
        """Return the id of the user who uploaded its first version."""
        return self._facts.owner_id

    def created_at(self) -> datetime:
        """Return when its first version was uploaded."""
        return display.moment(self._facts.created_at)

    def last_update_time(self) -> datetime:
        """Return when its newest version was uploaded."""
        return display.moment(self._facts.updated_at)

    def workspace_id(self) -> int:
        """Return the id of its workspace."""
        return self._facts.workspace.id

    def workspace_name(self) -> str:
        """Return the name of its workspace."""
        return self._facts.workspace.name

    def versions(self) -> ModelVersions:
        """Return its versions, oldest first (S2-21)."""
        facts = fetch_all(self._client, workspace_id=self.workspace_id(), name=self.name())
        found = next((item for item in facts if item.id == self.id()), self._facts)
        return ModelVersions(ModelVersion(self._client, version) for version in found.model_versions)

    def version(self, version: str) -> ModelVersion:
        """Return the version with a UUID.

        Raises
        ------
        EntityNotFoundError
            There is none; names those there are.
        """
        versions = self.versions()
        for found in versions:
            if found.version() == version:
                return found
        raise errors.not_found(f"Version of model {self.name()!r}", version, [item.version() for item in versions])

    def summary(self) -> dict[str, Any]:
        """Return the facts by which a workspace shows it (S2-19)."""
        return {
            "name": self.name(),
            "versions": len(self._facts.model_versions),
            "owner_id": self.owner_id(),
            "last_update_time": self.last_update_time(),
            "created_at": self.created_at(),
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and other.id() == self.id()

    def __hash__(self) -> int:
        return hash(self.id())

    def __repr__(self) -> str:
        return repr(self.summary())

    def _repr_html_(self) -> str:
        return Models([self])._repr_html_()


class Models(display.Listing[Model]):
    """Models, oldest first."""

    headings = ("Name", "# of Versions", "Owner ID", "Last Updated", "Created At", "Workspace id", "Workspace name")
    nothing = "(no models)"

    def line(self, item: Model) -> tuple[object, ...]:
        """Return the cells of one model."""
        shown = item.summary()
        return (
            shown["name"],
            shown["versions"],
            shown["owner_id"],
            shown["last_update_time"],
            shown["created_at"],
            item.workspace_id(),
            item.workspace_name(),
        )


def fetch_all(client: Client, *, workspace_id: int | None, name: str | None = None) -> Iterator[wire.ListedModel]:
    """Yield what the server says of the models of a workspace, or of all; with ``name``, of those called so."""

    def page(size: int, after: int | None) -> tuple[list[wire.ListedModel], int | None]:
        request = wire.ListModels(workspace_id=workspace_id, name=name, after=after, limit=size)
        found = client.api.call("models/list", request, wire.ModelList)
        return found.models, found.next

    return walk(page)
