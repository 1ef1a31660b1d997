"""Steps as people write them, made into those of the wire: a model named alone is its newest ready version now."""

from __future__ import annotations

from typing import Any

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import Conflict, InvalidRequest, NotFound
from jupyter_wallaroo.store import models
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.types.apply import ChosenModel, KeySplit, Shadow, Split, WrittenModel, WrittenStep
from jupyter_wallaroo.types.framework import ModelStatus

WireStep = dict[str, Any]
Reference = dict[str, str]


class WrittenSteps:
    """Makes steps of the wire.

    Parameters
    ----------
    store
        Where models are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def wire(self, workspace_id: int, steps: list[WrittenStep], where: str) -> list[WireStep]:
        """Return steps as definitions have them (contract/steps.md).

        Parameters
        ----------
        where
            What the list is called in messages, as ``pipelines[0].steps``.

        Raises
        ------
        InvalidRequest
            A step is none of the four, or several; a model is named as it cannot be.
        NotFound, Conflict
            A model or a version does not exist, or none is ready.
        """
        finder = _ModelFinder(self._store, workspace_id)
        found: list[WireStep] = []
        for number, step in enumerate(steps):
            found += await _wire(finder, step, f"{where}[{number}]")
        return found


async def _wire(finder: _ModelFinder, step: WrittenStep, where: str) -> list[WireStep]:
    said = [name for name in step.__struct_fields__ if getattr(step, name) is not None]
    if len(said) != 1:
        raise InvalidRequest(
            f"'{where}': expected one of {', '.join(step.__struct_fields__)}; got {' and '.join(said) or 'none'}."
        )
    if step.model is not None:
        return [_inference(await finder.find(step.model, f"{where}.model"))]
    if step.split is not None:
        return [await _split(finder, step.split, f"{where}.split")]
    if step.key_split is not None:
        return [await _key_split(finder, step.key_split, f"{where}.key_split")]
    assert step.shadow is not None
    return await _shadow(finder, step.shadow, f"{where}.shadow")


def _inference(*models: Reference) -> WireStep:
    return {"ModelInference": {"models": list(models)}}


async def _split(finder: _ModelFinder, split: Split, where: str) -> WireStep:
    weights = [
        {"model": await finder.find(name, f"{where}.weights[{name!r}]"), "weight": weight}
        for name, weight in split.weights.items()
    ]
    return {"RandomSplit": {"hash_key": split.hash_key, "weights": weights}}


async def _key_split(finder: _ModelFinder, split: KeySplit, where: str) -> WireStep:
    control = await finder.find(split.default, f"{where}.default")
    routes = {value: await finder.find(model, f"{where}.routes[{value!r}]") for value, model in split.routes.items()}
    return {"MetaValueSplit": {"split_key": split.key, "control": control, "routes": routes}}


async def _shadow(finder: _ModelFinder, shadow: Shadow, where: str) -> list[WireStep]:
    champion = await finder.find(shadow.champion, f"{where}.champion")
    challengers = [
        await finder.find(model, f"{where}.challengers[{number}]") for number, model in enumerate(shadow.challengers)
    ]
    return [_inference(champion, *challengers), {"AuditResults": {"from": 1, "to": None}}, {"MultiOut": {}}]


class _ModelFinder:
    """Finds the models of one workspace."""

    def __init__(self, store: Store, workspace_id: int) -> None:
        self._store = store
        self._workspace_id = workspace_id

    async def find(self, model: WrittenModel, where: str) -> Reference:
        """Return the reference to a version of a model; ``where`` is the place of its name."""
        chosen = model if isinstance(model, ChosenModel) else _chosen(model)
        called = await self._store.read(models.by_name, chosen.name)
        found = next((item for item in called if item.workspace_id == self._workspace_id), None)
        if found is None:
            names = await self._store.read(models.names, self._workspace_id)
            refusal = errors.not_found("Model", chosen.name, names)
            raise NotFound(f"'{where}': {refusal.message}", hint=refusal.hint, details=refusal.details)
        versions = [item.model_version for item in await self._store.read(models.versions, found.id)]
        if chosen.version is not None:
            version = next((item for item in versions if item.file_info.version == chosen.version), None)
            if version is None:
                raise NotFound(
                    f"'{where}': model {found.name!r} has no version {chosen.version!r:.60}.",
                    hint="models/list_versions shows a model's versions.",
                )
        else:
            version = next((item for item in reversed(versions) if item.status is ModelStatus.READY), None)
            if version is None:
                raise Conflict(
                    f"'{where}': none of the {len(versions)} versions of model {found.name!r} is ready.",
                    hint="models/get_version_by_id says how a version is.",
                )
        return {"name": version.name, "version": version.file_info.version, "sha": version.file_info.sha}


def _chosen(text: str) -> ChosenModel:
    name, at, version = text.partition("@")
    return ChosenModel(name=name, version=version if at else None)
