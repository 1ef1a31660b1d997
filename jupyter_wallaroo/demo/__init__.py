"""The demo that `jupyter wallaroo demo` ships: a small real classifier and the data to ask it about."""

from __future__ import annotations

from pathlib import Path

MODEL_PATH = Path(__file__).with_name("breast_cancer.onnx")
"""Tells benign from malignant tumours by 30 measurements (`train` made it)."""
DATA_PATH = Path(__file__).with_name("breast_cancer.arrow")
"""Measurements of 569 tumours, an Arrow file with the model's input as its column."""
