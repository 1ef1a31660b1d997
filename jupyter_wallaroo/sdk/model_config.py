"""How a model version is to be run."""

from __future__ import annotations

from jupyter_wallaroo.types import model as wire


class ModelConfig:
    """One configuration of a model version; the newest counts.

    Parameters
    ----------
    facts
        What the server said.
    """

    def __init__(self, facts: wire.ModelConfig) -> None:
        self._facts = facts

    def id(self) -> int:
        """Return the configuration's id."""
        return self._facts.id

    def runtime(self) -> str:
        """Return what runs the model, such as ``onnx``."""
        return self._facts.runtime

    def tensor_fields(self) -> list[str] | None:
        """Return the columns that are the model's inputs, in order; None: as its file calls them."""
        return self._facts.tensor_fields

    def batch_config(self) -> str | None:
        """Return ``list`` or ``single``; None: as the model's shape allows."""
        return self._facts.batch_config

    def __repr__(self) -> str:
        return f"ModelConfig(id={self.id()}, runtime={self.runtime()!r}, tensor_fields={self.tensor_fields()!r})"
