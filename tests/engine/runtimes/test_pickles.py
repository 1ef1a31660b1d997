"""Pickles: fitted models of every kind are read, and nothing that could do more is even called."""

from __future__ import annotations

import copyreg
import functools
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import joblib.numpy_pickle
import numpy as np
import pytest
import scipy.sparse
import scipy.stats
import sklearn.datasets
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import _testing as sklearn_testing
from sklearn.utils import all_estimators

from jupyter_wallaroo.engine.runtimes import pickles
from jupyter_wallaroo.errors import InvalidModel

pytestmark = pytest.mark.filterwarnings("ignore")

PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)
FEATURES = np.abs(np.random.default_rng(0).normal(size=(40, 4)))
LABELS = (FEATURES[:, 0] > 0.6).astype(int)


def _read(body: bytes) -> Any:
    return pickles.read(body, "'m.pkl'", "sklearn")


class Calls:
    """Pickled, this has a function called."""

    def __init__(self, function: Callable[..., Any], *arguments: Any, state: Any = None) -> None:
        self.reduced = (function, arguments, state) if state else (function, arguments)

    def __reduce__(self) -> Any:
        return self.reduced


def _estimators() -> list[tuple[str, type[BaseEstimator]]]:
    return all_estimators()


def _made(kind: type[BaseEstimator]) -> BaseEstimator | None:
    for arguments in ((), (LogisticRegression(),), ([("inner", LogisticRegression())],)):
        try:
            return kind(*arguments)
        except TypeError:
            continue
    return None


@pytest.mark.parametrize(("name", "kind"), _estimators(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_estimator_is_read(name: str, kind: type[BaseEstimator]) -> None:
    """Fitted where it takes numbers, whatever the protocol."""
    model = _made(kind)
    if model is None:
        assert name in ("GridSearchCV", "RandomizedSearchCV", "SparseCoder")
        return
    for data in ((FEATURES, LABELS), (FEATURES[:, 0], FEATURES[:, 0]), (LABELS,), (["a b", "c"] * 20,)):
        try:
            model.fit(*data)
            break
        except Exception:  # noqa: BLE001, S112  not what it is fitted on
            continue
    for protocol in PROTOCOLS:
        assert type(_read(pickle.dumps(model, protocol))) is kind


@pytest.mark.parametrize(
    "model",
    [
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, scoring="accuracy", cv=2),
        make_pipeline(FunctionTransformer(np.log1p), StandardScaler(), LogisticRegression()),
        make_pipeline(FunctionTransformer(functools.partial(np.power, 2)), LogisticRegression()),
        HistGradientBoostingClassifier(max_iter=3),
        RandomForestClassifier(3, random_state=np.random.RandomState(0)),
    ],
)
def test_models_within_models_are_read(model: Any) -> None:
    """And predict what they did; by joblib too, compressed and not."""
    model.fit(FEATURES, LABELS)
    expected = model.predict(FEATURES)
    bodies = [pickle.dumps(model, protocol) for protocol in PROTOCOLS]
    for compress in (0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3)):
        sink = io.BytesIO()
        joblib.dump(model, sink, compress=compress)
        bodies.append(sink.getvalue())
    for body in bodies:
        np.testing.assert_array_equal(_read(body).predict(FEATURES), expected)


def _instance_with_code(marker: Path) -> Any:
    """Unpickled, scipy's distributions run a part of their state as Python."""
    state = {"_parse_arg_template": f"open({str(marker)!r}, 'w')", "shapes": None}
    return Calls(copyreg._reconstructor, type(scipy.stats.norm), object, None, state=state)


ATTACKS: dict[str, Callable[[Path], Any]] = {
    "os.mkdir": lambda marker: Calls(os.mkdir, str(marker)),
    "open": lambda marker: Calls(open, str(marker), "w"),
    "eval": lambda marker: Calls(eval, f"open({str(marker)!r}, 'w')"),
    "partial": lambda marker: Calls(functools.partial(os.mkdir, str(marker))),
    "sklearn runs text": lambda marker: Calls(
        sklearn_testing.assert_run_python_script_without_output, f"open({str(marker)!r}, 'w')"
    ),
    "sklearn removes a folder": lambda marker: Calls(sklearn.datasets.clear_data_home, str(marker.parent / "home")),
    "sklearn writes a file": lambda marker: Calls(sklearn.datasets.dump_svmlight_file, [[1.0]], [1.0], str(marker)),
    "joblib writes a file": lambda marker: Calls(joblib.numpy_pickle.dump, [1], str(marker)),
    "joblib reads a file": lambda marker: Calls(joblib.numpy_pickle.load, str(marker.parent / "inner.pkl")),
    "scipy writes a file": lambda marker: Calls(scipy.sparse.save_npz, str(marker), scipy.sparse.csr_matrix([[1]])),
    "scipy runs its state": _instance_with_code,
    "numpy maps a file": lambda marker: Calls(np.memmap, str(marker), "u1", "w+", 0, (8,)),
    "numpy writes a file": lambda marker: Calls(np.save, str(marker), np.zeros(1)),
    "a method of a class": lambda marker: Calls(Path.touch, marker),
    "in an array of objects": lambda marker: np.array([Calls(os.mkdir, str(marker))], object),
    "in a model": lambda marker: LogisticRegression(C=Calls(os.mkdir, str(marker))),
    "in a pickle within": lambda marker: Calls(pickle.loads, pickle.dumps(Calls(os.mkdir, str(marker)))),
}


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """What is there only when an attack went through; beside it, something that one may remove."""
    (tmp_path / "home").mkdir()
    (tmp_path / "inner.pkl").write_bytes(pickle.dumps(Calls(os.mkdir, str(tmp_path / "marker"))))
    return tmp_path / "marker"


def _went_through(marker: Path) -> bool:
    return bool(list(marker.parent.glob("marker*"))) or not (marker.parent / "home").exists()


def _bodies(attack: Any) -> list[bytes]:
    bodies = [pickle.dumps(attack, protocol) for protocol in PROTOCOLS]
    for compress in (0, 3):
        sink = io.BytesIO()
        joblib.dump(attack, sink, compress=compress)
        bodies.append(sink.getvalue())
    return bodies


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_would_work(name: str, marker: Path) -> None:
    """Otherwise the next test would show nothing."""
    body = pickle.dumps(ATTACKS[name](marker))
    assert not _went_through(marker)
    try:
        pickle.loads(body)  # noqa: S301  ours
    except KeyError:
        assert name == "scipy runs its state"
    assert _went_through(marker)


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_refused(name: str, marker: Path) -> None:
    """By every protocol, and as joblib writes them."""
    for body in _bodies(ATTACKS[name](marker)):
        with pytest.raises(InvalidModel, match="not what a model is made of"):
            _read(body)
        assert not _went_through(marker)


def _global(module: str, name: str) -> bytes:
    """A pickle that only names something, as the newer opcode does, which takes dots."""
    text = b"".join(b"\x8c" + bytes([len(part)]) + part.encode() for part in (module, name))
    return b"\x80\x04" + text + b"\x93."


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("sklearn.linear_model._base", "np.save"),
        ("sklearn.linear_model", "LogisticRegression.fit"),
        ("sklearn.tree._classes", "np"),
        ("sklearn.preprocessing._data", "sparse"),
        ("sklearn.metrics._scorer", "copy"),
        ("sklearn.ensemble._forest", "Parallel"),
        ("sklearn.ensemble._forest", "threading"),
        ("sklearn.pipeline", "check_memory"),
        ("sklearn.datasets._base", "load_files"),
        ("sklearn.externals._packaging.version", "Version"),
        ("sklearn.tree.tests.test_tree", "check_ccp_alpha"),
        ("sklearn.utils._testing", "TempMemmap"),
        ("sklearn", "clone"),
        ("scipy.sparse._matrix_io", "load_npz"),
        ("xgboost.core", "DMatrix"),
        ("xgboost.tracker", "RabitTracker"),
        ("joblib.numpy_pickle", "NumpyPickler"),
        ("joblib.numpy_pickle_compat", "NDArrayWrapper"),
        ("numpy", "load"),
        ("numpy", "fromfile"),
        ("numpy", "memmap"),
        ("numpy", "frompyfunc"),
        ("numpy._core._multiarray_umath", "fromfile"),
        ("numpy._core.multiarray", "fromfile"),
        ("numpy.random._pickle", "Generator.__init__"),
        ("numpy.ma.core", "inspect"),
        ("pandas.core.arrays", "np"),
        ("builtins", "getattr"),
        ("builtins", "__import__"),
        ("__builtin__", "execfile"),
        ("os", "system"),
        ("posix", "system"),
        ("no_such_module", "anything"),
    ],
)
def test_names_that_are_not_what_a_model_is_made_of(module: str, name: str) -> None:
    """Functions elsewhere, what a listed module has imported, dotted names, and modules themselves."""
    with pytest.raises(InvalidModel, match="not what a model is made of"):
        _read(_global(module, name))


def test_the_older_opcodes_are_looked_at_too() -> None:
    """GLOBAL, INST and OBJ, and the names that Python 2 had."""
    for body in (b"\x80\x02cos\nsystem\n.", b"\x80\x02(S'true'\nios\nsystem\n.", b"\x80\x02c__builtin__\neval\n."):
        with pytest.raises(InvalidModel, match="not what a model is made of"):
            _read(body)


@pytest.mark.parametrize(
    "body", [b"", b"no pickle", b"\x80", b"\x80\x04.", b"\x80\x04K\x01", b"\x80\x09.", b"\x78\x9c", b"\x1f\x8b", b"BZ"]
)
def test_what_is_no_pickle(body: bytes) -> None:
    """Cut short, of a protocol to come, or nothing."""
    with pytest.raises(InvalidModel, match=r"'m\.pkl'"):
        _read(body)


def test_a_message_names_the_file_that_is_read() -> None:
    """Of each, one after the other, and nothing is refused when none is."""
    for label in ("'first.pkl'", "'second.pkl'"):
        with pytest.raises(InvalidModel, match=f"^{label} names"):
            pickles.read(pickle.dumps(Calls(os.getpid)), label, "sklearn")
    assert pickle.loads(pickle.dumps(Calls(os.getpid))) == os.getpid()  # noqa: S301  ours
