"""The draft of a pipeline's next version: its steps, before they are deployed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import steps
from jupyter_wallaroo.sdk.steps import Step

if TYPE_CHECKING:
    from typing import Self

    from jupyter_wallaroo.sdk.model_version import ModelVersion


class Draft(ABC):
    """What can be done to the steps of a pipeline; nothing changes on the server until they are deployed (S5-17).

    Adding the first step to a pipeline that was fetched begins a new definition: a notebook that fetches its pipeline
    and adds its step runs twice with the same result, as the seeds do.
    """

    _draft: list[Step] | None = None

    @abstractmethod
    def _stored_steps(self) -> list[Step]:
        """Return the steps of the newest version on the server."""

    def steps(self) -> list[Step]:
        """Return the steps: of the draft, else of the newest version."""
        return list(self._stored_steps() if self._draft is None else self._draft)

    def _edit(self) -> list[Step]:
        if self._draft is None:
            self._draft = []
        return self._draft

    def clear(self) -> Self:
        """Begin a draft without steps, and return the pipeline (S2-25)."""
        self._draft = []
        return self

    def add_model_step(self, model_version: ModelVersion) -> Self:
        """Add a step that runs a model on the results of the step before, and return the pipeline (S2-25)."""
        step = steps.inference(model_version)
        self._edit().append(step)
        return self

    def add_multi_model_step(self, model_version_list: Sequence[ModelVersion]) -> Self:
        """Add a step that runs several models on the same input."""
        step = steps.inference(*model_version_list)
        self._edit().append(step)
        return self

    def add_random_split(self, weighted: Sequence[tuple[float, ModelVersion]], hash_key: str | None = None) -> Self:
        """Add a step that runs one of several models, chosen by weight (or by the hash of a column)."""
        step = steps.random_split(weighted, hash_key)
        self._edit().append(step)
        return self

    def add_key_split(self, default: ModelVersion, meta_key: str, options: Mapping[str, ModelVersion]) -> Self:
        """Add a step that runs the model that a column's value names, else ``default``."""
        step = steps.key_split(default, meta_key, options)
        self._edit().append(step)
        return self

    def add_shadow_deploy(self, champion: ModelVersion, challengers: Sequence[ModelVersion]) -> Self:
        """Add a champion, whose results are answered, and challengers, whose results are only logged."""
        added = steps.shadow_deploy(champion, challengers)
        self._edit().extend(added)
        return self

    def add_validations(self, **rules: Any) -> Self:
        """Add rules: polars expressions by name that are true for an anomaly."""
        step = steps.checks(rules)
        self._edit().append(step)
        return self

    def remove_step(self, index: int) -> Self:
        """Remove the step at ``index``, counted from 0."""
        kept = self.steps()
        del kept[_place(index, kept)]
        self._draft = kept
        return self

    def replace_with_model_step(self, index: int, model_version: ModelVersion) -> Self:
        """Put a model in the place of the step at ``index``, counted from 0."""
        changed = self.steps()
        changed[_place(index, changed)] = steps.inference(model_version)
        self._draft = changed
        return self


def _place(index: int, present: Sequence[Step]) -> int:
    if not 0 <= index < len(present):
        raise InvalidRequest(f"There is no step {index}: the pipeline has {len(present)} steps, counted from 0.")
    return index
