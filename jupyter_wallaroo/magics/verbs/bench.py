"""``%wl bench``: how fast a pipeline answers a person's own rows, and what the numbers say about its resources."""

from __future__ import annotations

import os
from collections.abc import Sequence

from jupyter_wallaroo.magics import data
from jupyter_wallaroo.magics.parser import Live, Parser
from jupyter_wallaroo.magics.results import Sections, Shown, Table
from jupyter_wallaroo.magics.usage import usage
from jupyter_wallaroo.magics.verb import Call, Verb
from jupyter_wallaroo.sdk import batch_source, display, frames, measuring, waiting
from jupyter_wallaroo.sdk.connection import BATCH_ROWS
from jupyter_wallaroo.sdk.measuring import Measurement
from jupyter_wallaroo.sdk.pipeline import Pipeline

CONNECTIONS = "1,2,4,8"
SECONDS = 2.0
MANY_ROWS = 100
"""Rows of a request that shows what sending many at once brings."""
MATTERS = 1.2
"""A throughput is said to be better when it is so many times the other: less is noise in seconds of measuring."""


def _configure(parser: Parser) -> None:
    parser.live("pipeline", Live.PIPELINE, metavar="PIPELINE", help="its name")
    parser.live("data", Live.DATA, metavar="DATA", help="rows as %%wl infer takes them")
    parser.add_argument("--rows", type=int, default=1, metavar="N", help="rows of a request; default: 1")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, metavar="S", help=f"for each figure; default: {SECONDS:g}"
    )
    parser.add_argument(
        "--connections", default=CONNECTIONS, metavar="N,…", help=f"requests at once; default: {CONNECTIONS}"
    )


class Bench(Sections):
    """What was measured, and what it suggests.

    Parameters
    ----------
    pipeline
        The name.
    figures
        By rows of a request and requests at once.
    suggestions
        In words.
    """

    def __init__(self, pipeline: str, figures: Sequence[Measurement], suggestions: Sequence[str]) -> None:
        self.figures = list(figures)
        self.suggestions = list(suggestions)
        super().__init__(
            f"Pipeline {pipeline!r} under load", [("figures", table(figures)), ("suggestions", Lines(suggestions))]
        )


class Lines(Shown):
    """Sentences, a line each."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = list(lines)

    def text(self) -> str:
        """Return them."""
        return "\n".join(display.visible(line) for line in self._lines)

    def html(self) -> str:
        """Return them as a list."""
        return "<ul>" + "".join(f"<li>{display.cell(line)}</li>" for line in self._lines) + "</ul>"


def table(figures: Sequence[Measurement]) -> Table[Measurement]:
    """Return measurements as a table."""
    columns = {
        "rows": lambda item: item.rows,
        "at once": lambda item: item.connections,
        "requests/s": lambda item: round(item.requests_per_s),
        "rows/s": lambda item: round(item.rows_per_s),
        "p50 ms": lambda item: round(item.quantile_ms(0.50), 2),
        "p95 ms": lambda item: round(item.quantile_ms(0.95), 2),
        "p99 ms": lambda item: round(item.quantile_ms(0.99), 2),
        "failed": lambda item: item.failed,
    }
    return Table(figures, columns, "Nothing was measured.")


def _run(call: Call) -> Bench:
    args = call.args
    levels = _levels(args.connections)
    if args.rows < 1 or not args.seconds > 0:
        raise usage("%wl bench: --rows and --seconds are more than 0.")
    pipeline = call.client.get_pipeline(args.pipeline)
    rows = data.resolve(call, args.data)
    if data.is_place(rows):
        rows = next(batch_source.source_of(call.client, rows, BATCH_ROWS).tables, None)  # the first are enough
    if data.is_array(rows):
        rows = data.as_matrix(call.client, pipeline, rows)
    if not (frames.is_frame(rows) or frames.is_table(rows)):
        raise usage("%wl bench takes rows: a frame, a table, an array, or a file of them.")
    table_of = rows if frames.is_table(rows) else frames.to_table(rows)
    pipeline.infer(table_of.slice(0, 1))  # a mistake in the rows is said before anything is measured
    cases = [(args.rows, level) for level in levels]
    if args.rows < MANY_ROWS <= table_of.num_rows:
        cases.append((MANY_ROWS, 1))
    figures = []
    with waiting.progress(f"Measuring {args.pipeline}") as advance:
        for done, (count, connections) in enumerate(cases):
            figures.append(
                measuring.measure(pipeline, table_of, rows=count, connections=connections, seconds=args.seconds)
            )
            advance((done + 1) / len(cases))
    call.say("Every request of the measurement is in the pipeline's log.")
    return Bench(pipeline.name(), figures, suggest(figures, replicas_of(pipeline), os.cpu_count() or 1))


def _levels(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and 0 < int(word) <= 256 for word in words):
        raise usage(f"--connections: expected numbers from 1 to 256 such as {CONNECTIONS}; got {text[:40]!r}.")
    return [int(word) for word in words]


def suggest(figures: Sequence[Measurement], replicas: int, cpus: int) -> list[str]:
    """Return what the measurements say, each sentence with the figures that say it.

    Parameters
    ----------
    figures
        First those of one number of rows by rising connections, then perhaps one of more rows.
    replicas
        Engines of the pipeline.
    cpus
        Processors of this machine, which client, server and engines share.
    """
    alike = [item for item in figures if item.rows == figures[0].rows]
    first, last = alike[0], alike[-1]
    best = max(alike, key=lambda item: item.requests_per_s)
    said = [f"Most: {best.requests_per_s:.0f} requests/s with {best.connections} at once."]
    slower = last.quantile_ms(0.5) / first.quantile_ms(0.5)
    grown = (
        f"The median is {first.quantile_ms(0.5):.1f} ms with {first.connections} at once and "
        f"{last.quantile_ms(0.5):.1f} ms with {last.connections}"
    )
    if slower <= MATTERS:
        said.append(f"{grown}: {_engines(replicas)} kept up; more would not be faster.")
    elif replicas < cpus:
        said.append(
            f"{grown}: requests waited for each other. --replicas {replicas + 1} is worth measuring "
            f"({_engines(replicas)} now, {cpus} CPUs here for client, server and engines)."
        )
    else:
        said.append(f"{grown}: requests waited for {cpus} CPUs, which {_engines(replicas)}, client and server share.")
    many = next((item for item in figures if item.rows > first.rows), None)
    if many is not None and many.rows_per_s > MATTERS * best.rows_per_s:
        said.append(
            f"{many.rows} rows in a request: {many.rows_per_s / best.rows_per_s:.0f} times the rows/s. Where rows need "
            "not be answered one by one, send them together."
        )
    failed = sum(item.failed for item in figures)
    if failed:
        said.append(f"{failed} requests failed: see %wl status and the server's log before trusting the rest.")
    return said


def _engines(replicas: int) -> str:
    return f"{replicas} replica{'' if replicas == 1 else 's'}"


def replicas_of(pipeline: Pipeline) -> int:
    """Return how many engines a pipeline has."""
    deployment = pipeline.known_deployment()
    return len(deployment.engines()) if deployment is not None else 1


VERB = Verb(
    "bench",
    "measure a pipeline with your own rows, and say what to change",
    _run,
    _configure,
    examples=("%wl bench fraud df", "%wl bench fraud rows.parquet --rows 100 --connections 1,4 --seconds 5"),
)
