"""``%wl infer`` and ``%%wl infer``: rows in, results out."""

from __future__ import annotations

from typing import Any

from jupyter_wallaroo.magics import data
from jupyter_wallaroo.magics.parser import Live, Parser
from jupyter_wallaroo.magics.usage import usage
from jupyter_wallaroo.magics.verb import Call, Verb
from jupyter_wallaroo.sdk import frames
from jupyter_wallaroo.sdk.connection import BATCH_ROWS
from jupyter_wallaroo.sdk.connectors.sql import MODES
from jupyter_wallaroo.sdk.inference import DEFAULT_TIMEOUT_S
from jupyter_wallaroo.sdk.object import InferenceInputError
from jupyter_wallaroo.sdk.pipeline import Pipeline


def _configure(parser: Parser) -> None:
    parser.live("pipeline", Live.PIPELINE, metavar="PIPELINE", help="its name")
    parser.live(
        "data", Live.DATA, metavar="DATA", nargs="?",
        help="a frame, table or array in a variable, a .json, .jsonl, .csv, .parquet or .arrow file, connection:NAME"
        " or connection:NAME:SOURCE",
    )  # fmt: skip
    parser.add_argument(
        "--to", metavar="TARGET", help="write the results there as they come: a file, or connection:NAME:TABLE"
    )
    parser.add_argument("--mode", choices=MODES, help="of the table that --to names; default: append")
    parser.add_argument(
        "--chunk-rows", type=int, default=BATCH_ROWS, metavar="N", help=f"rows of a request; default: {BATCH_ROWS}"
    )
    parser.add_argument("--keep-errors", action="store_true", help="rows that fail stay, with the reason in 'error'")
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
        return _infer(call, pipeline, rows)
    except InferenceInputError as error:
        shaped = None if error.details.get("first_row") else data.as_matrix(call.client, pipeline, rows)
        if shaped is None:
            raise
    return _infer(call, pipeline, shaped)


def _infer(call: Call, pipeline: Pipeline, rows: Any) -> Any:
    args = call.args
    is_json, is_table = isinstance(rows, dict | list), frames.is_table(rows)
    is_plain = args.to is None and not args.keep_errors
    if is_json and not is_plain:
        raise usage("--to and --keep-errors take rows: a frame, a table, an array, a file of them or a connection.")
    is_few = (is_table or frames.is_frame(rows)) and len(rows) <= args.chunk_rows
    if is_json or (is_few and is_plain):
        return pipeline.infer(rows, timeout=args.timeout)
    found = pipeline.infer_batches(
        rows,
        chunk_rows=args.chunk_rows,
        timeout=args.timeout,
        on_error="keep" if args.keep_errors else "raise",
    )
    if args.to is None:
        return found.to_table() if is_table else found.to_pandas()
    written = found.write(args.to, **({"mode": args.mode} if args.mode else {}))
    call.say(f"{written:,} rows of results are in {args.to}.")
    return written if args.out is not None else None


VERB = Verb(
    "infer",
    "send rows to a pipeline and have the results",
    _run,
    _configure,
    cell="rows as JSON records or as CSV with a heading",
    examples=(
        "%wl infer fraud df --out results",
        "%wl infer fraud connection:orders",
        "%wl infer fraud rows.parquet --to results.parquet",
        "%wl infer fraud connection:orders:SALES --to connection:orders:SCORES --mode create",
    ),
)
