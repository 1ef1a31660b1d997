"""An answer as a pipeline gives it, for the tests of the encoders."""

from __future__ import annotations

from typing import Any

import numpy as np

from jupyter_wallaroo.codec.batch import Answer


def answer(**changes: Any) -> Answer:
    """Two rows, two inputs (given in no order), two outputs."""
    facts: dict[str, Any] = {
        "rows": 2,
        "request": {"tensor": [[1.0, 2.0], [3.0, 4.0]], "index": [7, 8]},
        "outputs": {"y": np.array([[0.1], [0.2]], np.float32), "label": np.array([5, 6], np.int64)},
        "time_ms": 1_696_537_545_560,
        "elapsed_ns": [11, 22],
        "last_model": '{"model_name":"m","model_sha":"s"}',
        "pipeline_version": "v-uuid",
        "partition": "replica-0",
        "model_name": "m",
        "model_version": "m-uuid",
        "pipeline_name": "p",
    }
    return Answer(**{**facts, **changes})
