"""What a client finds pipelines and model versions by: tags and searches."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast

from msgspec.structs import replace

from jupyter_wallaroo.sdk import tag as tags
from jupyter_wallaroo.sdk.instants import wire_instant
from jupyter_wallaroo.sdk.model_version import ModelVersion, ModelVersions
from jupyter_wallaroo.sdk.pages import walk
from jupyter_wallaroo.sdk.pipeline import Pipeline, Pipelines
from jupyter_wallaroo.types.search import ModelVersionsFound, PipelinesFound, SearchModels, SearchPipelines

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client


class Catalog:
    """A client as those see it who look for something."""

    @property
    def _client(self) -> Client:
        return cast("Client", self)

    def create_tag(self, tag_text: str) -> tags.Tag:
        """Return the tag with these words, made when it is not there."""
        return tags.create(self._client, tag_text)

    def list_tags(self) -> tags.Tags:
        """Return all tags, oldest first."""
        return tags.fetch_all(self._client)

    def search_pipelines(  # noqa: PLR0917  the vendor's signature
        self,
        search_term: str | None = None,
        deployed: bool | None = None,  # noqa: FBT001
        created_start: datetime | None = None,
        created_end: datetime | None = None,
        updated_start: datetime | None = None,
        updated_end: datetime | None = None,
        *,
        tag: str | None = None,
        workspace_id: int | None = None,
        limit: int | None = None,
    ) -> Pipelines:
        """Return the pipelines for which everything holds that is given, in all workspaces, the newest first.

        Parameters
        ----------
        search_term
            In the name or a tag, in any case.
        deployed
            Whether it is deployed.
        created_start, created_end, updated_start, updated_end
            From (inclusive) and to (exclusive), aware or in local time.
        tag
            The whole of a tag's words, in any case.
        workspace_id
            Only of this workspace.
        limit
            The most pipelines; None: all.
        """
        request = SearchPipelines(
            search_term=search_term,
            tag=tag,
            deployed=deployed,
            created_start=wire_instant("created_start", created_start),
            created_end=wire_instant("created_end", created_end),
            updated_start=wire_instant("updated_start", updated_start),
            updated_end=wire_instant("updated_end", updated_end),
            workspace_id=workspace_id,
        )

        def page(size: int, before: int | None) -> tuple[list[Pipeline], int | None]:
            asked = replace(request, limit=size, before=before)
            found = self._client.api.call("pipelines/search", asked, PipelinesFound)
            return [Pipeline(self._client, facts) for facts in found.pipelines], found.next

        return Pipelines(walk(page, limit))

    def search_models(
        self,
        search_term: str | None = None,
        uploaded_time_start: datetime | None = None,
        uploaded_time_end: datetime | None = None,
        *,
        tag: str | None = None,
        deployed: bool | None = None,
        workspace_id: int | None = None,
        limit: int | None = None,
    ) -> ModelVersions:
        """Return the model versions for which everything holds that is given, in all workspaces, the newest first.

        Parameters
        ----------
        search_term
            In the model's name, the file's name, the version's UUID or a tag, in any case.
        uploaded_time_start, uploaded_time_end
            From (inclusive) and to (exclusive), aware or in local time.
        tag
            The whole of a tag's words, in any case.
        deployed
            Whether a deployment runs it.
        workspace_id
            Only of this workspace.
        limit
            The most versions; None: all.
        """
        request = SearchModels(
            search_term=search_term,
            tag=tag,
            deployed=deployed,
            uploaded_start=wire_instant("uploaded_time_start", uploaded_time_start),
            uploaded_end=wire_instant("uploaded_time_end", uploaded_time_end),
            workspace_id=workspace_id,
        )

        def page(size: int, before: int | None) -> tuple[list[ModelVersion], int | None]:
            asked = replace(request, limit=size, before=before)
            found = self._client.api.call("models/search", asked, ModelVersionsFound)
            return [ModelVersion(self._client, facts) for facts in found.model_versions], found.next

        return ModelVersions(walk(page, limit))
