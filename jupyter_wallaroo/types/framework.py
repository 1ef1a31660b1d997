"""The frameworks of models, by the names of the wire (contract/deployment_config.md)."""

from __future__ import annotations

from enum import StrEnum


class Framework(StrEnum):
    """What made a model, which decides how it is looked into and what runs it."""

    ONNX = "onnx"
    TENSORFLOW = "tensorflow"
    PYTHON = "python"
    CUSTOM = "custom"
    SKLEARN = "sklearn"
    XGBOOST = "xgboost"
    PYTORCH = "pytorch"
    KERAS = "keras"
    HAYSTACK = "haystack"
    HUGGING_FACE_AUTOMATIC_SPEECH_RECOGNITION = "hugging-face-automatic-speech-recognition"
    HUGGING_FACE_FEATURE_EXTRACTION = "hugging-face-feature-extraction"
    HUGGING_FACE_IMAGE_CLASSIFICATION = "hugging-face-image-classification"
    HUGGING_FACE_IMAGE_SEGMENTATION = "hugging-face-image-segmentation"
    HUGGING_FACE_IMAGE_TO_TEXT = "hugging-face-image-to-text"
    HUGGING_FACE_OBJECT_DETECTION = "hugging-face-object-detection"
    HUGGING_FACE_QUESTION_ANSWERING = "hugging-face-question-answering"
    HUGGING_FACE_SENTIMENT_ANALYSIS = "hugging-face-sentiment-analysis"
    HUGGING_FACE_STABLE_DIFFUSION_TEXT_2_IMG = "hugging-face-stable-diffusion-text-2-img"
    HUGGING_FACE_SUMMARIZATION = "hugging-face-summarization"
    HUGGING_FACE_TEXT_CLASSIFICATION = "hugging-face-text-classification"
    HUGGING_FACE_TEXT_GENERATION = "hugging-face-text-generation"
    HUGGING_FACE_TRANSLATION = "hugging-face-translation"
    HUGGING_FACE_ZERO_SHOT_CLASSIFICATION = "hugging-face-zero-shot-classification"
    HUGGING_FACE_ZERO_SHOT_IMAGE_CLASSIFICATION = "hugging-face-zero-shot-image-classification"
    HUGGING_FACE_ZERO_SHOT_OBJECT_DETECTION = "hugging-face-zero-shot-object-detection"
    MLFLOW = "mlflow"
    VLLM = "vllm"
    SGLANG = "sglang"


UNSUPPORTED = frozenset(
    {Framework.HUGGING_FACE_STABLE_DIFFUSION_TEXT_2_IMG, Framework.MLFLOW, Framework.VLLM, Framework.SGLANG}
)
"""Frameworks that have a name on the wire and no runtime here."""

CODE = frozenset({Framework.PYTHON, Framework.CUSTOM, Framework.SKLEARN, Framework.PYTORCH, Framework.TENSORFLOW})
"""Frameworks whose files run code of their own when they are loaded or asked (SECURITY C4).

The graph of a SavedModel may read and write files.
"""


class Runtime(StrEnum):
    """What runs a model version: the engine itself, or a sidekick process beside it."""

    ONNX = "onnx"
    FLIGHT = "flight"


class ModelStatus(StrEnum):
    """How far an upload has come; only a ready one can be deployed."""

    PENDING = "pending_conversion"
    CONVERTING = "converting"
    READY = "ready"
    ERROR = "error"
