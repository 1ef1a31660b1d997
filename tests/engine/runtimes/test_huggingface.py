"""Hugging Face pipelines: what their inputs may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from jupyter_wallaroo.engine.runtimes.huggingface import HuggingFacePipeline
from jupyter_wallaroo.errors import InvalidInput


class Called:
    """Stands where a pipeline of transformers does, and keeps what it is given."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def __call__(self, values: list[Any], **parameters: Any) -> list[dict[str, Any]]:
        self.values = values
        return [{"label": "a"} for _ in values]


@pytest.mark.parametrize(
    "task",
    ["image-classification", "image-to-text", "object-detection", "automatic-speech-recognition"],
)
@pytest.mark.parametrize("text", ["http://127.0.0.1:1/x.png", "https://example.org/x.png", "/etc/passwd", "x.wav"])
def test_files_and_addresses_are_not_read(task: str, text: str) -> None:
    """transformers would fetch them (SECURITY D9)."""
    pipe = Called()
    with pytest.raises(InvalidInput, match="takes numbers; got the text"):
        HuggingFacePipeline(pipe, task, "m").run({"inputs": pa.array([text])})
    assert pipe.values == []


def test_numbers_become_sound() -> None:
    """As single floats, which the models are trained on."""
    pipe = Called()
    HuggingFacePipeline(pipe, "automatic-speech-recognition", "m").run({"inputs": pa.array([[0.5, 0.25]])})
    np.testing.assert_array_equal(pipe.values, [np.array([0.5, 0.25], np.float32)])
