"""Differences between two states of a pipeline, for a program and for a reader."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct, field


class Sign(StrEnum):
    """How a plan marks what becomes of something."""

    ADD = "+"
    CHANGE = "~"
    REMOVE = "-"
    SAME = "="
    ERROR = "!"


class Action(StrEnum):
    """What becomes of a thing, or of a part of it."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"
    SAME = "same"

    @property
    def sign(self) -> Sign:
        """The mark of the action in a plan."""
        return Sign[self.name]


class Difference(Struct, frozen=True, kw_only=True):
    """One part that differs: where, from what, to what; ``text`` says it in words.

    ``path`` is as in ``steps[1].weights['b']``, ``replicas``, ``author``.
    """

    action: Action
    path: str
    before: Any = None
    after: Any = None
    text: str

    @property
    def line(self) -> str:
        """The difference as plans show it."""
        return f"{self.action.sign} {self.text}"


class ComparePipelineVersions(Struct, frozen=True, kw_only=True):
    """``pipelines/diff``: two versions by UUID."""

    from_version: str = field(name="from")
    to_version: str = field(name="to")


class ComparedVersion(Struct, frozen=True, kw_only=True):
    """A version that was compared; ``author`` is a user name, ``was_deployed`` tells whether it ever was to run."""

    pipeline: str
    version: str
    author: str
    created_at: str
    was_deployed: bool


class VersionDifferences(Struct, frozen=True, kw_only=True):
    """``pipelines/diff``'s answer: steps and models, configuration when both ran, author; none when they are equal."""

    from_version: ComparedVersion = field(name="from")
    to_version: ComparedVersion = field(name="to")
    differences: list[Difference]
    text: str
