"""Journals written by tests: one made-up replica each, times as the test says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from jupyter_wallaroo.codec.batch import Batch
from jupyter_wallaroo.segments.archive import JOURNALS
from jupyter_wallaroo.segments.journal import Extra, Journal, JournalReader
from jupyter_wallaroo.segments.journal_files import JournalFiles
from jupyter_wallaroo.segments.layout import Layout
from jupyter_wallaroo.segments.tables import tables
from jupyter_wallaroo.types.plan import Durability

COMMON = Layout((), False, "last model", "pipeline version", "replica")


def open_journal(log: Path, replica: str = "r0", durability: Durability = Durability.NEVER) -> Journal:
    """A journal of a pipeline's log directory, without threads or fsync unless asked for."""
    return Journal(JournalFiles(log / JOURNALS, durability), replica)


def append(journal: Journal, batch: Batch, time_ms: int, elapsed_ns: int = 1) -> None:
    """Append one inference."""
    rows = len(next(iter(batch.values())))
    journal.append(COMMON, rows, time_ms, Extra([elapsed_ns], []), batch)


def numbers(*values: float, output: str = "y") -> Batch:
    """A batch with one row for each value: ``in.x`` and ``out.y`` of float32."""
    column = np.array(values, np.float32)
    return {"in.x": column, f"out.{output}": column * 2}


def texts(*values: str) -> Batch:
    """A batch of text, which lies in the journal's Arrow part."""
    return {"in.x": pa.array(values), "out.y": np.zeros(len(values), np.int64)}


def written(log: Path) -> list[Path]:
    """The journal files, oldest first."""
    return sorted((log / JOURNALS).glob("*.journal"))


def rows_of(path: Path) -> list[dict[str, Any]]:
    """All whole records of a journal as nested rows."""
    reader = JournalReader(path)
    return [row for table in tables(reader, reader.read()) for row in table.to_pylist()]
