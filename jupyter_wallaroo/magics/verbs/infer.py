"""``%wl infer`` and ``%%wl infer``: rows in, results out."""

from __future__ import annotations

from typing import Any

from jupyter_wallaroo.magics import data
from jupyter_wallaroo.magics.parser import Live, Parser
from jupyter_wallaroo.magics.usage import usage
from jupyter_wallaroo.magics.verb import Call, Verb
from jupyter_wallaroo.sdk import frames, waiting
from jupyter_wallaroo.sdk.inference import DEFAULT_TIMEOUT_S
from jupyter_wallaroo.sdk.object import InferenceInputError
from jupyter_wallaroo.sdk.pipeline import Pipeline

BATCH_ROWS = 10_000
"""Rows that are sent at once; more are sent in parts, with progress."""


def _configure(parser: Parser) -> None:
    parser.live("pipeline", Live.PIPELINE, metavar="PIPELINE", help="its name")
    parser.live(
        "data", Live.DATA, metavar="DATA", nargs="?",
        help="a frame, table or array in a variable, a .json, .csv, .parquet or .arrow file, or connection:NAME",
    )  # fmt: skip
    parser.add_argument("--timeout", type=float, default=DEFAULT_TIMEOUT_S, metavar="S", help="seconds for a request")


def _run(call: Call) -> Any:
    pipeline = call.client.get_pipeline(call.args.pipeline)
    if call.cell is None and call.args.data is None:
        raise usage("%wl infer: which DATA?", "Name a variable or a file, or write %%wl infer with rows in the cell.")
    if call.cell is not None and call.args.data is not None:
        raise usage(f"%%wl infer: the rows are in the cell, and {call.args.data!r} says others.")
    rows = data.resolve(call, call.args.data) if call.cell is None else data.of_text(call.cell)
    if data.is_array(rows):
        rows = data.as_matrix(call.client, pipeline, rows)
    try:
        return infer(pipeline, rows, call.args.timeout)
    except InferenceInputError:
        shaped = data.as_matrix(call.client, pipeline, rows)
        if shaped is None:
            raise
    return infer(pipeline, shaped, call.args.timeout)


def infer(pipeline: Pipeline, rows: Any, timeout_s: float) -> Any:
    """Return the results for rows, sent in parts where they are many."""
    is_frame = frames.is_frame(rows)
    if not (is_frame or frames.is_table(rows)) or len(rows) <= BATCH_ROWS:
        return pipeline.infer(rows, timeout=timeout_s)
    found = []
    with waiting.progress(f"Inferring {len(rows):,} rows") as advance:
        for start in range(0, len(rows), BATCH_ROWS):
            end = start + BATCH_ROWS
            part = rows.iloc[start:end] if is_frame else rows.slice(start, BATCH_ROWS)
            found.append(pipeline.infer(part, timeout=timeout_s))
            advance(min(1.0, end / len(rows)))
    if is_frame:
        import pandas as pd

        return pd.concat(found, ignore_index=True)
    import pyarrow as pa

    return pa.concat_tables(found)


VERB = Verb(
    "infer",
    "send rows to a pipeline and have the results",
    _run,
    _configure,
    cell="rows as JSON records or as CSV with a heading",
    examples=("%wl infer fraud df --out results", "%wl infer fraud rows.parquet", "%wl infer fraud connection:orders"),
)
