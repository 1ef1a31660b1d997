"""How long a page of a long inference log takes: ``python -m tests.benchmarks.log_pages``.

The log is written by the real journal and archived by the real archiver, in four sources (two replicas at a time) of
29 numbers in and one out per record; the last journal is left open, as a replica's always is.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from jupyter_wallaroo.segments.archive import archive
from jupyter_wallaroo.segments.journal import Extra, Journal
from jupyter_wallaroo.segments.journal_files import JournalFiles
from jupyter_wallaroo.segments.layout import Layout
from jupyter_wallaroo.segments.query import Log
from jupyter_wallaroo.types.inference_log import LogQuery
from jupyter_wallaroo.types.plan import Durability

WIDTH = 29
STEP_MS = 7
"""Between two inferences of a replica."""
BEGIN_MS = 1_700_000_000_000
_LAYOUT = Layout((), (), '{"model_name": "m", "model_sha": "0"}', "00000000-0000-0000-0000-000000000000", "engine")


def write(directory: Path, records: int, rows_each: int, *, open_records: int) -> tuple[Journal, int, int]:
    """Write a log and return its open journal and the times of its first and last record, in ms.

    Parameters
    ----------
    records
        All of them.
    rows_each
        Rows of one inference.
    open_records
        How many of them are in the journal that is still written to.
    """
    rng = np.random.default_rng(0)
    batch = {
        "in.tensor": rng.random((rows_each, WIDTH), np.float32),
        "out.dense_1": rng.random((rows_each, 1), np.float32),
    }
    extra = Extra([1000, 20_000], [])
    closed = (records - open_records) // rows_each // 4
    time_ms = BEGIN_MS
    for pair in range(2):
        files = directory / "journal"
        replicas = [Journal(JournalFiles(files, Durability.NEVER), f"r{pair}{index}") for index in range(2)]
        for _ in range(closed):
            time_ms += STEP_MS
            for replica in replicas:
                replica.append(_LAYOUT, rows_each, time_ms, extra, batch)
        for replica in replicas:
            replica.close()
    archive(directory)
    last = Journal(JournalFiles(directory / "journal", Durability.NEVER), "open")
    for _ in range(open_records // rows_each):
        time_ms += STEP_MS
        last.append(_LAYOUT, rows_each, time_ms, extra, batch)
    return last, BEGIN_MS + STEP_MS, time_ms


def measure(log: Log, query: LogQuery, rounds: int = 7) -> tuple[float, float, int]:
    """Return how long the page takes the first time, at best after that, both in ms, and its rows."""
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        _, page = log.page(query)
        taken.append((time.perf_counter() - begun) * 1000)
    return taken[0], min(taken[1:]), page.rows


def main() -> None:
    """Print a line for each kind of page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--open-records", type=int, default=50_000)
    options = parser.parse_args()
    for rows_each in (1, 1000):
        with tempfile.TemporaryDirectory() as folder:
            directory = Path(folder)
            begun = time.perf_counter()
            journal, first_ms, last_ms = write(directory, options.records, rows_each, open_records=options.open_records)
            print(
                f"{options.records} records, {rows_each} per inference; written in {time.perf_counter() - begun:.0f} s"
            )
            middle = (first_ms + last_ms) // 2
            cases = {
                "newest 100": {"descending": True, "page_size": 100},
                "newest 1000": {"descending": True, "page_size": 1000},
                "from the middle, 1000": {"start_ms": middle, "page_size": 1000},
                "from the middle, 10000": {"start_ms": middle, "page_size": 10_000},
                "oldest 1000": {"page_size": 1000},
                "last minute, 1000": {"start_ms": last_ms - 60_000, "page_size": 1000},
            }
            for arrow in (True, False):
                for name, changes in cases.items():
                    facts = {"directory": folder, "descending": False, "arrow": arrow, **changes}
                    cold, warm, rows = measure(Log(directory), LogQuery(**facts))
                    kind = "arrow" if arrow else "json"
                    print(f"{name:>24} {kind:>5}: {rows:>6} rows, first {cold:8.1f} ms, then {warm:8.1f} ms")
            journal.close()


if __name__ == "__main__":
    main()
