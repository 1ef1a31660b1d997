"""Pickles of scikit-learn's kind, read with a list of what they may name (SECURITY C4).

A pickle can name any callable and have it called. While one is read here, every name goes through an audit hook, which
also sees pickles within pickles, as joblib writes them. What passes are the classes that fitted models are made of,
the few functions that pickles of these classes call, and numpy's own functions on numbers. Whole packages do not: both
scikit-learn and scipy hold functions, and classes, that run text as code or write files.

The list stops the usual attack; it is not a sandbox, so that pickles are read only in processes that hold nothing.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import pickle
import sys
from collections.abc import Iterator
from typing import Any

from jupyter_wallaroo.conversion.libraries import need, said
from jupyter_wallaroo.errors import InvalidModel

_SKLEARN = (
    "_loss",
    "calibration",
    "cluster",
    "compose",
    "covariance",
    "cross_decomposition",
    "decomposition",
    "discriminant_analysis",
    "dummy",
    "ensemble",
    "feature_extraction",
    "feature_selection",
    "frozen",
    "gaussian_process",
    "impute",
    "isotonic",
    "kernel_approximation",
    "kernel_ridge",
    "linear_model",
    "manifold",
    "metrics",
    "mixture",
    "model_selection",
    "multiclass",
    "multioutput",
    "naive_bayes",
    "neighbors",
    "neural_network",
    "pipeline",
    "preprocessing",
    "random_projection",
    "semi_supervised",
    "svm",
    "tree",
    "utils._bunch",
    "utils._metadata_requests",
)
_CLASSES = (
    *(f"sklearn.{package}" for package in _SKLEARN),
    "xgboost.sklearn",
    "xgboost.callback",
    "numpy.dtypes",
    "numpy.random",
    "scipy.sparse",
    "scipy.interpolate",
    "pandas.core.indexes",
    "pandas.core.arrays",
)
"""Packages whose classes pass."""
_FUNCTIONS = ("sklearn.feature_selection", "sklearn.metrics", "sklearn.preprocessing")
"""Packages whose functions pass too: scores and transformations, which models keep as parameters."""
_REBUILDERS = ("__pyx_unpickle_", "newObj")
"""How functions begin, or are called, by which Cython's classes are made again."""
_TESTS = "tests"

_NAMES = frozenset(
    {
        ("xgboost.core", "Booster"),
        ("joblib.numpy_pickle", "NumpyArrayWrapper"),
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        ("numpy", "mean"),
        ("numpy", "median"),
        *(
            (f"numpy.{core}.{module}", name)
            for core in ("core", "_core")
            for module, name in (
                ("multiarray", "_reconstruct"),
                ("multiarray", "scalar"),
                ("numeric", "_frombuffer"),
            )
        ),
        ("numpy.random._pickle", "__bit_generator_ctor"),
        ("numpy.random._pickle", "__generator_ctor"),
        ("numpy.random._pickle", "__randomstate_ctor"),
        ("numpy.ma", "MaskedArray"),
        ("numpy.ma.core", "MaskedArray"),
        ("numpy.ma.core", "_mareconstruct"),
        ("scipy._lib.array_api_compat.numpy._aliases", "asarray"),
        ("sklearn.cluster._kmeans", "_kmeans_single_elkan"),
        ("sklearn.cluster._kmeans", "_kmeans_single_lloyd"),
        ("pandas.core.indexes.base", "_new_Index"),
        ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"),
        ("_codecs", "encode"),
        ("copyreg", "_reconstructor"),
        ("copy_reg", "_reconstructor"),
        ("collections", "OrderedDict"),
        ("collections", "defaultdict"),
        ("functools", "partial"),
        *(
            (module, name)
            for module in ("builtins", "__builtin__")
            for name in (
                "bool",
                "bytearray",
                "bytes",
                "complex",
                "dict",
                "float",
                "frozenset",
                "int",
                "list",
                "long",
                "object",
                "range",
                "set",
                "slice",
                "str",
                "tuple",
                "unicode",
                "xrange",
            )
        ),
    }
)
_JOBLIB_COMPRESSED = (b"\x78", b"\x1f\x8b", b"BZ", b"\xfd7zXZ", b"\x5d\x00", b"\x04\x22\x4d\x18")

_reading: list[str] = []
"""How messages call the file that is read, while one is."""
_is_hooked = False


def read(body: bytes, label: str, extra: str) -> Any:
    """Return the object in a file that pickle or joblib wrote.

    Parameters
    ----------
    body
        The file.
    label, extra
        How messages call it, and the extra that brings its library.

    Raises
    ------
    InvalidModel
        It is no pickle, names something that a model does not need, or needs a library that is not there.
    """
    joblib = need("joblib", extra, label)
    if not (body[:1] == b"\x80" or body.startswith(_JOBLIB_COMPRESSED)):
        raise InvalidModel(
            f"{label} is not a pickle: it begins with {body[:8]!r}.",
            hint="Save the fitted model with pickle.dump or joblib.dump.",
        )
    try:
        with _listed(label):
            return joblib.load(io.BytesIO(body))
    except InvalidModel:
        raise
    except ModuleNotFoundError as error:
        raise InvalidModel(
            f"{label} needs the library {error.name!r}, which is not installed here.",
            hint="Name it in the model's requirements.",
        ) from None
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
        raise InvalidModel(
            f"{label} is a pickle that cannot be read: {said(error)}",
            hint="Save it again with the versions of Python and of its library that run here.",
        ) from None


@contextlib.contextmanager
def _listed(label: str) -> Iterator[None]:
    """Refuse, within the block, what is not on the list."""
    global _is_hooked  # noqa: PLW0603  an audit hook is for the whole process and cannot be removed

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if _reading and event == "pickle.find_class":
            _check(str(arguments[0]), str(arguments[1]), _reading[-1])

    if not _is_hooked:
        sys.addaudithook(hook)
        _is_hooked = True
    _reading.append(label)
    try:
        yield
    finally:
        _reading.pop()


def _check(module: str, name: str, label: str) -> None:
    if (module, name) in _NAMES or _is_part_of_a_model(module, name):
        return
    raise InvalidModel(
        f"{label} names {module}.{name}, which is not what a model is made of; it was not loaded.",
        hint="Save only the fitted model; code of your own belongs into a model of framework 'custom'.",
    )


def _is_part_of_a_model(module: str, name: str) -> bool:
    if "." in name or _TESTS in module.split(".") or not (module == "numpy" or _is_in(_CLASSES, module)):
        return False
    found = getattr(importlib.import_module(module), name, None)
    if module == "numpy":
        return _is_number(found)
    home = str(getattr(found, "__module__", None) or module)
    if isinstance(found, type):
        return _is_in(_CLASSES, home)
    return callable(found) and (_is_in(_FUNCTIONS, home) or (_is_in(_CLASSES, home) and name.startswith(_REBUILDERS)))


def _is_number(found: Any) -> bool:
    """Tell a type of numpy's numbers, or a function that takes them one by one."""
    import numpy as np

    return isinstance(found, np.ufunc) or (isinstance(found, type) and issubclass(found, np.generic))


def _is_in(packages: tuple[str, ...], module: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)
