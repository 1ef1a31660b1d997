"""Tags: words on pipelines and model versions, by which they are found again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.sdk.model_version import ModelVersion
from jupyter_wallaroo.sdk.noun import Noun
from jupyter_wallaroo.sdk.pages import walk
from jupyter_wallaroo.sdk.pipeline import Pipeline
from jupyter_wallaroo.types import tag as wire
from jupyter_wallaroo.types.config import Nothing

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client


class Tag(Noun[wire.Tag]):
    """A tag of this server."""

    def id(self) -> int:
        """Return the tag's id."""
        return self._facts.id

    def tag(self) -> str:
        """Return its words."""
        return self._facts.tag

    def add_to_pipeline(self, pipeline: Pipeline | int) -> None:
        """Put it on a pipeline (or the one with an id); once more is fine."""
        self._call("tags/assign", wire.AssignTag(tag_id=self.id(), pipeline_id=_pipeline_id(pipeline)))

    def remove_from_pipeline(self, pipeline: Pipeline | int) -> None:
        """Take it from a pipeline (or the one with an id)."""
        self._call("tags/remove", wire.RemoveTag(tag_id=self.id(), pipeline_id=_pipeline_id(pipeline)))

    def add_to_model(self, model: ModelVersion | int) -> None:
        """Put it on a model version (or the one with an id); once more is fine."""
        self._call("tags/assign", wire.AssignTag(tag_id=self.id(), model_version_id=_version_id(model)))

    def remove_from_model(self, model: ModelVersion | int) -> None:
        """Take it from a model version (or the one with an id)."""
        self._call("tags/remove", wire.RemoveTag(tag_id=self.id(), model_version_id=_version_id(model)))

    def _call(self, path: str, request: wire.AssignTag | wire.RemoveTag) -> None:
        self._client.api.call(path, request, Nothing)

    def list_pipelines(self) -> list[Pipeline]:
        """Return the pipelines that have it, oldest first."""
        return list(reversed(self._client.search_pipelines(tag=self.tag())))

    def list_models(self) -> list[ModelVersion]:
        """Return the model versions that have it, oldest first."""
        return list(reversed(self._client.search_models(tag=self.tag())))

    def _listed(self) -> wire.ListedTag:
        """Return it with what has it: as it was listed, else as it is."""
        if isinstance(self._facts, wire.ListedTag):
            return self._facts
        request = wire.ListTags(after=self.id() - 1, limit=1)
        return self._client.api.call("tags/list", request, wire.TagList).tags[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tag) and other.id() == self.id()

    def __hash__(self) -> int:
        return hash(self.id())

    def __repr__(self) -> str:
        return f"Tag(id={self.id()}, tag={self.tag()!r})"

    def _repr_html_(self) -> str:
        return display.facts([("id", self.id()), ("tag", self.tag())])


class Tags(display.Listing[Tag]):
    """Tags, oldest first."""

    headings = ("id", "tag", "models", "pipelines")
    nothing = "(no tags)"

    def line(self, item: Tag) -> tuple[object, ...]:
        """Return the cells of one tag."""
        listed = item._listed()
        models = [f"{model.name} ({model.version})" for model in listed.models]
        return item.id(), item.tag(), ", ".join(models), ", ".join(pipeline.name for pipeline in listed.pipelines)


def create(client: Client, words: str) -> Tag:
    """Make a tag, or return the one with these words."""
    return Tag(client, client.api.call("tags/create", wire.CreateTag(tag=words), wire.Tag))


def fetch_all(client: Client) -> Tags:
    """Return all tags."""

    def page(size: int, after: int | None) -> tuple[list[wire.ListedTag], int | None]:
        found = client.api.call("tags/list", wire.ListTags(after=after or 0, limit=size), wire.TagList)
        return found.tags, found.next

    return Tags(Tag(client, facts) for facts in walk(page))


def _pipeline_id(pipeline: Pipeline | int) -> int:
    return pipeline.id() if isinstance(pipeline, Pipeline) else _number("a Pipeline", pipeline)


def _version_id(model: ModelVersion | int) -> int:
    return model.id() if isinstance(model, ModelVersion) else _number("a ModelVersion", model)


def _number(kind: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected {kind} or the id of one; got {type(value).__name__}.")
    return value
