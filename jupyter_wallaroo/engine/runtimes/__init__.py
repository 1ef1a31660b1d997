"""What can run a model: one module per runtime, each giving a `Runtime`."""

from __future__ import annotations

from typing import Protocol

from jupyter_wallaroo.codec.batch import Tensor
from jupyter_wallaroo.types.model import Signature


class Runtime(Protocol):
    """A loaded model."""

    @property
    def signature(self) -> Signature:
        """What the model takes and gives."""
        ...

    def run(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the outputs by name for inputs by name, rows first in all of them.

        Raises
        ------
        InvalidInput
            The model refused the values.
        """
        ...
