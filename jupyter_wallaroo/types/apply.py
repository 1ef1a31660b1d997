"""Definitions of pipelines as people write them down, and what becomes of them (S3, A15 … A17)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta, Struct

from jupyter_wallaroo.types.deployment import EngineConfig
from jupyter_wallaroo.types.difference import Action, Difference
from jupyter_wallaroo.types.pipeline import Definition
from jupyter_wallaroo.types.steps import Weight

MAX_ITEMS = 100
"""Pipelines of one request."""


class State(StrEnum):
    """How a pipeline is to be."""

    DEPLOYED = "deployed"
    """There, and running."""
    PRESENT = "present"
    """There, and not running."""
    ABSENT = "absent"
    """Not there: not running, not listed, its name free. Its log and its audit records are kept."""


class Mode(StrEnum):
    """Whether a pipeline may or must be there already (A16)."""

    CREATE = "create"
    UPDATE = "update"
    UPSERT = "upsert"


class ChosenModel(Struct, frozen=True, kw_only=True):
    """A version of a model, by UUID; the newest ready one when it does not say."""

    name: str
    version: str | None = None


WrittenModel = str | ChosenModel
"""``name``, ``name@version`` or `ChosenModel`."""


class Split(Struct, frozen=True, kw_only=True):
    """One of several models for each row: by weight, or always the same for a value of the column ``hash_key``.

    The keys of ``weights`` are ``name`` or ``name@version``.
    """

    weights: Annotated[dict[str, Weight], Meta(min_length=1)]
    hash_key: str | None = None


class KeySplit(Struct, frozen=True, kw_only=True):
    """The model that the value of the column ``key`` names, else ``default``."""

    key: str
    default: WrittenModel
    routes: dict[str, WrittenModel]


class Shadow(Struct, frozen=True, kw_only=True):
    """A champion, which answers, and challengers, whose results are only logged."""

    champion: WrittenModel
    challengers: Annotated[list[WrittenModel], Meta(min_length=1)]


class WrittenStep(Struct, frozen=True, kw_only=True):
    """A step as people write it: exactly one of the four."""

    model: WrittenModel | None = None
    split: Split | None = None
    key_split: KeySplit | None = None
    shadow: Shadow | None = None


class WrittenResources(Struct, frozen=True, kw_only=True):
    """What a deployment may use; ``cpus`` and ``memory`` (``"512Mi"``) are of each replica."""

    replicas: int | None = None
    cpus: float | None = None
    memory: str | None = None


class ApplyPipeline(Struct, frozen=True, kw_only=True):
    """One pipeline as it is to be; what is left out stays as it is.

    ``definition`` (the form of the wire) or ``steps``; ``resources``, which change a deployment's configuration, or
    ``engine_config``, which takes its place. ``expected_version`` is the newest version that the caller saw (A17).
    """

    name: str
    workspace: int | str | None = None
    """By id or name; default: the request's."""
    state: State = State.DEPLOYED
    mode: Mode = Mode.UPSERT
    expected_version: str | None = None
    definition: Definition | None = None
    steps: list[WrittenStep] | None = None
    resources: WrittenResources | None = None
    engine_config: EngineConfig | None = None


class ApplyPipelines(Struct, frozen=True, kw_only=True):
    """``pipelines/apply``: as JSON or, with the media type ``application/yaml``, as YAML.

    ``yaml`` holds ``pipelines`` as YAML text: a list, or a document like this one. ``workspace`` (id or name; default:
    the caller's default one) is for the pipelines that do not say. ``atomic`` (the default) applies all or none;
    ``dry_run`` only says what would become of them.
    """

    pipelines: Annotated[list[ApplyPipeline], Meta(min_length=1, max_length=MAX_ITEMS)] = []
    yaml: str | None = None
    workspace: int | str | None = None
    atomic: bool = True
    dry_run: bool = False


class AppliedDeployment(Struct, frozen=True, kw_only=True):
    """What is to run; ``replacing`` names the engines that go on until the new ones are ready."""

    id: int
    name: str
    replacing: list[str]


class AppliedPipeline(Struct, frozen=True, kw_only=True):
    """What became of one pipeline, or would.

    ``version`` is its newest version now: what ``expected_version`` should say next time. ``error`` has the keys of
    every error: ``code``, ``message``, ``hint``, ``details``.
    """

    name: str
    workspace_id: int | None
    action: Action | None
    version: str | None = None
    deployment: AppliedDeployment | None = None
    diff: list[Difference] = []
    error: dict[str, Any] | None = None


class PlanText(Struct, frozen=True, kw_only=True):
    """A plan for a reader, and how many pipelines it has of each kind."""

    text: str
    add: int
    change: int
    remove: int
    same: int
    failed: int


class AppliedPipelines(Struct, frozen=True, kw_only=True):
    """``pipelines/apply``'s answer; the results are in the order of the request."""

    dry_run: bool
    results: list[AppliedPipeline]
    plan: PlanText
