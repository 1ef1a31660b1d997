"""Whether a model may be given the rows of several requests at once: whether each row's outputs are its own.

A free first dimension does not say so: a softmax over it, or a mean of the batch that is taken off, mixes its rows. So
a model is tried when it is loaded: made-up rows are run one by one, and together in two orders.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from jupyter_wallaroo.codec.batch import Tensor
from jupyter_wallaroo.errors import InvalidInput
from jupyter_wallaroo.types.model import Signature, TensorSpec

TOLERANCE = 1e-6
"""How far two ways of running a row may lie apart, as a part of the output's largest value."""
_ROWS = 5
_OPEN_LENGTH = 4
"""What stands for a length that the model leaves open."""
_MOST_CELLS = 4_000_000
"""Of the made-up rows; trying a model with larger ones would take longer than loading it."""
_LONGEST_S = 1.0
"""Of processor time; a trial that takes longer is given up: a model so slow gains nothing from more rows at once."""
_SPREADS = (0.1, 1.0, 100.0)


class Runtime(Protocol):
    """What can be tried."""

    signature: Signature

    def run(self, feeds: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the outputs for the inputs."""
        ...


def mixed(runtime: Runtime) -> str | None:
    """Return why rows of different requests must not be run together, in words; None when they may."""
    for spec in (*runtime.signature.inputs, *runtime.signature.outputs):
        if not spec.shape or spec.shape[0] is not None:
            return f"the first dimension of {spec.name!r} is not free: {spec.shape}"
    cells = sum(
        _ROWS * int(np.prod([length or _OPEN_LENGTH for length in spec.shape[1:]])) for spec in runtime.signature.inputs
    )
    if cells > _MOST_CELLS:
        return f"its rows are too large to be tried: {cells // _ROWS} values each"
    until = time.process_time() + _LONGEST_S
    try:
        for feeds in _made_up(runtime.signature.inputs):
            singly = []
            for row in range(_ROWS):
                singly.append(runtime.run({name: feed[row : row + 1] for name, feed in feeds.items()}))
                if time.process_time() > until:
                    return f"trying it took longer than {_LONGEST_S:g} s"
            for order in (slice(None), slice(None, None, -1)):
                together = runtime.run({name: np.ascontiguousarray(feed[order]) for name, feed in feeds.items()})
                for name, output in together.items():
                    if not _alike(output[order], [single[name] for single in singly]):
                        return f"its output {name!r} of a row depends on the rows beside it"
    except InvalidInput as error:
        return f"it could not be tried: {error.message}"
    return None


def _made_up(inputs: list[TensorSpec]) -> Iterator[dict[str, Tensor]]:
    """Yield rows that differ, some near zero, some large; whole numbers are 0 or 1, which any table has a place for."""
    random = np.random.default_rng(0)
    for spread in _SPREADS:
        feeds: dict[str, Tensor] = {}
        for spec in inputs:
            shape = [_ROWS, *(length or _OPEN_LENGTH for length in spec.shape[1:])]
            if spec.dtype == "string":
                feeds[spec.name] = random.choice(np.array(["a", "b", ""], object), shape)
            elif spec.dtype.startswith("float"):
                feeds[spec.name] = random.normal(0, spread, shape).astype(spec.dtype)
            else:
                feeds[spec.name] = random.integers(0, 2, shape).astype(spec.dtype)
        yield feeds


def _alike(together: Tensor, singly: list[Tensor]) -> bool:
    if len(together) != len(singly) or any(part.shape != (1, *together.shape[1:]) for part in singly):
        return False
    stacked = np.concatenate(singly)
    if together.dtype.kind != "f":
        return bool((together == stacked).all())
    finite = stacked[np.isfinite(stacked)]
    bound = TOLERANCE * float(np.abs(finite).max(initial=0.0))
    return bool(np.isclose(together, stacked, rtol=TOLERANCE, atol=bound, equal_nan=True).all())
