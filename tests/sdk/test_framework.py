"""Frameworks are told by the file where that is certain, and asked for where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.framework import Framework, infer_framework
from tests import models


def test_values_are_those_of_the_contract() -> None:
    """contract/deployment_config.md lists them; the tutorials use the names."""
    assert Framework.HUGGING_FACE_SUMMARIZATION == "hugging-face-summarization"
    assert Framework.HUGGING_FACE_STABLE_DIFFUSION_TEXT_2_IMG == "hugging-face-stable-diffusion-text-2-img"
    assert len([item for item in Framework if item.startswith("hugging-face-")]) == 16
    assert {"onnx", "tensorflow", "python", "keras", "sklearn", "pytorch", "xgboost", "custom", "vllm", "sglang"} < set(
        Framework
    )


def test_s5_16_onnx_is_told_by_the_suffix(tmp_path: Path) -> None:
    assert infer_framework(tmp_path / "a.ONNX") is Framework.ONNX


def test_a27_onnx_is_told_by_the_content(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(models.row_sum(3))
    assert infer_framework(path) is Framework.ONNX


@pytest.mark.parametrize(
    ("name", "content", "likely"),
    [
        ("model.pkl", b"\x80\x04", "Framework.SKLEARN, Framework.XGBOOST"),
        ("model.pt", b"PK", "Framework.PYTORCH"),
        ("model.keras", b"PK", "Framework.KERAS"),
        ("search.yaml", b"components:", "Framework.HAYSTACK"),
        ("model.zip", b"PK", "Framework.HUGGING_FACE_SUMMARIZATION"),
        ("model.bin", b"", "Framework.ONNX, Framework.TENSORFLOW"),
        ("model.bin", b"text", "Framework.ONNX, Framework.TENSORFLOW"),
        ("missing", None, "Framework.ONNX, Framework.TENSORFLOW"),
    ],
)
def test_a27_else_the_likely_ones_are_listed(tmp_path: Path, name: str, content: bytes | None, likely: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidRequest) as caught:
        infer_framework(tmp_path / name)
    assert name in caught.value.message
    assert likely in caught.value.hint
    assert likely in str(caught.value)
