"""Models with scikit-learn's methods, run as they are: their columns in, predictions out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from jupyter_wallaroo.codec.batch import Batch
from jupyter_wallaroo.conversion.outputs import answers
from jupyter_wallaroo.engine.runtimes import arrays


class Estimator:
    """A fitted estimator or transformer.

    Parameters
    ----------
    model
        Anything with ``predict``, or else ``transform``.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._names = [str(name) for name in getattr(model, "feature_names_in_", ())]

    def run(self, columns: Mapping[str, pa.Array]) -> Batch:
        """Return ``predictions``, and ``probabilities`` where the model has them (see `ColumnRuntime.run`)."""
        return arrays.to_columns(answers(self._model, self._features(columns)))

    def _features(self, columns: Mapping[str, pa.Array]) -> Any:
        """Return the matrix or frame: one column of lists holds all features, else each column is one."""
        given = arrays.from_columns(columns)
        only = next(iter(given.values()))
        is_matrix = len(given) == 1 and only.ndim > 1
        if not self._names:
            return only if is_matrix else np.column_stack(list(given.values()))
        import pandas as pd

        frame = pd.DataFrame(only, columns=self._names) if is_matrix else pd.DataFrame(given)
        return frame[self._names]
