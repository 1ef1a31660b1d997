"""Looking into uploads, in a process that is thrown away whatever the file makes of it."""

from __future__ import annotations

import asyncio
import pickle
from pathlib import Path
from typing import Any

import psutil
import pytest

from jupyter_wallaroo.errors import InvalidModel
from jupyter_wallaroo.supervisor import inspection
from jupyter_wallaroo.types.framework import Framework
from jupyter_wallaroo.types.plan import Inspect, Inspected


def _inspect(tmp_path: Path, body: bytes, framework: Framework, **more: Any) -> Inspected:
    path = tmp_path / "upload"
    path.write_bytes(body)
    (tmp_path / "work").mkdir()
    request = Inspect(path=str(path), label="'upload'", framework=framework, artifact=str(tmp_path / "a"), **more)
    before = set(psutil.Process().children())
    try:
        return asyncio.run(inspection.inspect(request, tmp_path / "work"))
    finally:
        assert set(psutil.Process().children()) <= before


class Rows:
    """Unpickled, this makes a collection of 10¹¹ numbers out of what a model may name."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def __reduce__(self) -> Any:
        return (self._kind, (range(10**11),))


def test_a_file_that_eats_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that looks is ended before this machine has none left."""
    monkeypatch.setattr(inspection, "RESIDENT_SHARE", 2**30 / psutil.virtual_memory().total)
    with pytest.raises(InvalidModel, match="was lost: it used more than its memory limit of 1024 MiB"):
        _inspect(tmp_path, pickle.dumps(Rows(set)), Framework.SKLEARN)


def test_a_file_that_asks_for_too_much_at_once(tmp_path: Path) -> None:
    """The address space is limited too."""
    with pytest.raises(InvalidModel, match="needs more memory than it may use"):
        _inspect(tmp_path, pickle.dumps(Rows(list)), Framework.SKLEARN)


def test_a_file_that_takes_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended at the limit."""
    monkeypatch.setattr(inspection, "CONVERSION_TIME_LIMIT_S", 2.0)
    with pytest.raises(InvalidModel, match="could not be loaded"):
        _inspect(tmp_path, pickle.dumps(Rows(frozenset)), Framework.SKLEARN)


def test_a_schema_that_is_none(tmp_path: Path) -> None:
    """Told before the model is looked at."""
    with pytest.raises(InvalidModel, match="input_schema of 'upload' is not an Arrow schema"):
        _inspect(tmp_path, b"no python (", Framework.PYTHON, input_schema="AAAA")
