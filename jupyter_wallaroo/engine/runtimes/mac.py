"""The module ``mac``, whose names the vendor's Python models are written with.

Models import ``mac.types.InferenceData`` and derive from ``mac.inference.Inference`` and
``mac.inference.creation.InferenceBuilder`` (WallarooLabs/Wallaroo_Tutorials, byop). `install` makes these modules
importable in a sidekick, unless the real ones are installed there.
"""

from __future__ import annotations

import importlib.util
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from jupyter_wallaroo.types.framework import Framework

InferenceData = dict[str, np.ndarray[Any, Any]]
"""Arrays by column name, rows first."""


@dataclass(frozen=True)
class CustomInferenceConfig:
    """What a builder is told: the folder of the artifacts, and the ``config`` of the upload."""

    model_path: Path
    framework: Framework = Framework.CUSTOM
    config: dict[str, Any] = field(default_factory=dict)


class Inference(ABC):
    """A model with its own way to answer; subclasses implement ``_predict`` and ``expected_model_types``."""

    def __init__(self) -> None:
        self._model: Any = None

    @property
    @abstractmethod
    def expected_model_types(self) -> set[Any]:
        """Classes that `model` may be of."""

    @property
    def model(self) -> Any:
        """What the builder loaded."""
        return self._model

    @model.setter
    def model(self, model: Any) -> None:
        self._raise_error_if_model_is_wrong_type(model)
        self._model = model

    def predict(self, input_data: InferenceData) -> InferenceData:
        """Return the outputs for a request's columns."""
        return self._predict(input_data)

    @abstractmethod
    def _predict(self, input_data: InferenceData) -> InferenceData: ...

    def _raise_error_if_model_is_wrong_type(self, model: Any) -> None:
        expected = tuple(self.expected_model_types)
        if not isinstance(model, expected):
            names = ", ".join(sorted(kind.__name__ for kind in expected))
            raise TypeError(f"the model is a {type(model).__name__}; expected {names}")

    def _raise_error_if_model_is_not_assigned(self) -> None:
        if self._model is None:
            raise ValueError("no model is assigned")


class InferenceBuilder(ABC):
    """Makes an `Inference` of the artifacts in a folder."""

    @property
    @abstractmethod
    def inference(self) -> Any:
        """The class, or an instance, that `create` fills."""

    @abstractmethod
    def create(self, config: CustomInferenceConfig) -> Inference:
        """Return an inference with its model loaded."""


def install() -> None:
    """Make ``mac`` importable; nothing when the vendor's own package is."""
    if "mac" in sys.modules or importlib.util.find_spec("mac") is not None:
        return
    names: dict[str, dict[str, Any]] = {
        "mac": {},
        "mac.types": {"InferenceData": InferenceData, "SupportedFrameworks": Framework},
        "mac.config": {},
        "mac.config.inference": {"CustomInferenceConfig": CustomInferenceConfig},
        "mac.inference": {"Inference": Inference},
        "mac.inference.creation": {"InferenceBuilder": InferenceBuilder},
    }
    for name, members in names.items():
        module = ModuleType(name)
        module.__dict__.update(members, __path__=[])
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
