"""Pipelines as they are written down: planned, applied, waited for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, TypeAlias

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.sdk.deployment import Deployment
from jupyter_wallaroo.sdk.model_version import ModelVersion
from jupyter_wallaroo.types import apply as wire
from jupyter_wallaroo.types.difference import Action

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client

Item: TypeAlias = Mapping[str, Any]


class Applied:
    """What became of pipelines that were applied, or would become of them; prints as the plan.

    Parameters
    ----------
    facts
        What the server said.
    """

    def __init__(self, facts: wire.AppliedPipelines) -> None:
        self._facts = facts

    def results(self) -> list[wire.AppliedPipeline]:
        """Return what became of each pipeline, in the order in which they were given."""
        return list(self._facts.results)

    def versions(self) -> dict[str, str | None]:
        """Return each pipeline's newest version: what ``expected_version`` may say next time."""
        return {result.name: result.version for result in self._facts.results}

    def has_changes(self) -> bool:
        """Tell whether anything is not as it was written."""
        return any(result.action is not Action.SAME for result in self._facts.results)

    def is_dry_run(self) -> bool:
        """Tell whether it only says what would be."""
        return self._facts.dry_run

    def __str__(self) -> str:
        return display.visible_lines(self._facts.plan.text)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"


def apply(
    client: Client, items: Item | Sequence[Item] | str, *, dry_run: bool, atomic: bool, wait_for_status: bool
) -> Applied:
    """Apply pipelines, see `Client.apply`."""
    if isinstance(items, str):
        said: dict[str, Any] = {"yaml": items}
    else:
        said = {"pipelines": _plain([items] if isinstance(items, Mapping) else items, "pipelines")}
    options = {"workspace": client.get_current_workspace().id(), "atomic": atomic, "dry_run": dry_run}
    facts = client.api.call("pipelines/apply", said | options, wire.AppliedPipelines)
    if wait_for_status and not dry_run:
        for result in facts.results:
            _wait(client, result)
    return Applied(facts)


def _wait(client: Client, result: wire.AppliedPipeline) -> None:
    changed = result.action in (Action.ADD, Action.CHANGE)
    if changed and result.deployment is not None and result.version is not None:
        deployment = Deployment(client, result.deployment.id, result.deployment.name)
        replacing = frozenset(result.deployment.replacing)
        deployment.wait_until_running(result.name, result.version, replacing=replacing)


def _plain(value: Any, place: str) -> Any:
    """Return a value as JSON has it; model versions become their name and UUID."""
    if isinstance(value, ModelVersion):
        return {"name": value.name(), "version": value.version()}
    if isinstance(value, Mapping):
        return {_key(key): _plain(item, f"{place}.{key}") for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_plain(item, f"{place}[{number}]") for number, item in enumerate(value)]
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise InvalidRequest(f"{place}: expected what JSON has, or a model version; got {type(value).__name__}.")


def _key(key: Any) -> Any:
    return f"{key.name()}@{key.version()}" if isinstance(key, ModelVersion) else key
