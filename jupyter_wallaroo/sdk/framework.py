"""The frameworks a model can come from, and how to tell one by its file."""

from __future__ import annotations

from pathlib import Path

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.types.framework import UNSUPPORTED, Framework

__all__ = ["Framework", "infer_framework"]

_SUPPORTED = tuple(framework for framework in Framework if framework not in UNSUPPORTED)
_HUGGING_FACE = tuple(framework for framework in _SUPPORTED if framework.startswith("hugging-face-"))

LIKELY: dict[str, tuple[Framework, ...]] = {
    ".onnx": (Framework.ONNX,),
    ".zip": (Framework.CUSTOM, Framework.TENSORFLOW, *_HUGGING_FACE, Framework.HAYSTACK),
    ".pkl": (Framework.SKLEARN, Framework.XGBOOST),
    ".pickle": (Framework.SKLEARN, Framework.XGBOOST),
    ".joblib": (Framework.SKLEARN, Framework.XGBOOST),
    ".json": (Framework.XGBOOST,),
    ".ubj": (Framework.XGBOOST,),
    ".pt": (Framework.PYTORCH,),
    ".pth": (Framework.PYTORCH,),
    ".keras": (Framework.KERAS,),
    ".pb": (Framework.TENSORFLOW,),
    ".py": (Framework.PYTHON,),
    ".yaml": (Framework.HAYSTACK,),
    ".yml": (Framework.HAYSTACK,),
}
"""By the suffix of a file, the frameworks that write such files."""

_IR_VERSION_TAG = 0x08
_MAX_IR_VERSION = 0x1F
_NEXT_TAGS = frozenset((0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42))


def infer_framework(path: Path) -> Framework:
    """Return the framework of a file that is certain without being told: ONNX, by suffix or content (A27).

    Raises
    ------
    InvalidRequest
        It is not certain; lists the frameworks that write such files.

    Examples
    --------
    >>> infer_framework(Path("models/rf_model.onnx"))
    <Framework.ONNX: 'onnx'>
    """
    suffix = path.suffix.lower()
    if suffix == ".onnx" or (suffix not in LIKELY and _begins_like_onnx(path)):
        return Framework.ONNX
    likely = LIKELY.get(suffix, _SUPPORTED)
    raise InvalidRequest(
        f"The framework of {path.name!r} cannot be told from the file: expected 'framework'.",
        hint="Likely ones: " + ", ".join(f"Framework.{framework.name}" for framework in likely) + ".",
    )


def _begins_like_onnx(path: Path) -> bool:
    """Tell whether a file begins as an ONNX model does: the IR version, a small number, then another field of it."""
    try:
        with path.open("rb") as file:
            head = file.read(3)
    except OSError:
        return False
    return len(head) == 3 and head[0] == _IR_VERSION_TAG and 0 < head[1] <= _MAX_IR_VERSION and head[2] in _NEXT_TAGS
