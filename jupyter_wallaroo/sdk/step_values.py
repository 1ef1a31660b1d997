"""What steps hand to each other ⇄ files: tables as Arrow, plain values as JSON, bytes and files as they are."""

from __future__ import annotations

import json
import re
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import frames
from jupyter_wallaroo.types.run import OutputKind
from jupyter_wallaroo.types.run_plan import WrittenOutput
from jupyter_wallaroo.types.step_order import INDEX_NAME

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")


def write(folder: Path, name: str, value: object) -> None:
    """Store a value as the output ``name`` of a step; a second one of that name takes the place of the first.

    Raises
    ------
    InvalidRequest
        It cannot be stored, or not under that name; says what can.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidRequest(
            f"{name!r:.60} cannot be the name of an output: expected 1 to 100 letters, digits, spaces, '.', '_' or "
            "'-', starting with a letter or digit.",
            hint="The name comes first: wallaroo.step.output('clean', frame).",
        )
    stored = folder / uuid.uuid4().hex
    kind = _store(stored, name, value)
    file_name = value.name if isinstance(value, Path) else None
    line = WrittenOutput(name=name, kind=kind, stored=stored.name, file_name=file_name)
    with open(folder / INDEX_NAME, "ab") as index:
        index.write(msgspec.json.encode(line) + b"\n")


def _store(path: Path, name: str, value: object) -> OutputKind:
    """Write a value to a file and say what it is."""
    if isinstance(value, Path):
        if not value.is_file():
            raise InvalidRequest(f"Output {name!r}: there is no file {str(value)!r}.")
        shutil.copyfile(value, path)
        return OutputKind.FILE
    if frames.is_frame(value):
        value = frames.to_table(value)
    if frames.is_table(value):
        _write_table(path, value)
        return OutputKind.ARROW
    if isinstance(value, bytes | bytearray | memoryview):
        path.write_bytes(value)
        return OutputKind.BYTES
    try:
        path.write_text(json.dumps(value, allow_nan=False), encoding="utf-8")
    except (TypeError, ValueError) as error:
        raise InvalidRequest(
            f"Output {name!r} cannot be stored: {error}.",
            hint="A DataFrame, an Arrow table, bytes, a pathlib.Path of a file, or what JSON can say.",
        ) from None
    return OutputKind.JSON


def _write_table(path: Path, table: pa.Table) -> None:
    import pyarrow as pa

    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)


def read(kind: OutputKind, body: bytes) -> pd.DataFrame | bytes | Any:
    """Return what an output holds: a DataFrame, bytes (of a file, too), or what the JSON says."""
    if kind is OutputKind.ARROW:
        return frames.to_frame(frames.from_bytes(body))
    return json.loads(body) if kind is OutputKind.JSON else body
