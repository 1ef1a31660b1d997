"""``%wl bench``: how fast a pipeline answers a person's own rows, and what the numbers say about its resources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from jupyter_wallaroo.magics import data
from jupyter_wallaroo.magics.parser import Live, Parser
from jupyter_wallaroo.magics.results import Sections, Shown, Table
from jupyter_wallaroo.magics.usage import usage
from jupyter_wallaroo.magics.verb import Call, Verb
from jupyter_wallaroo.sdk import batch_source, display, frames, measuring, waiting
from jupyter_wallaroo.sdk.advice import Setup, advice
from jupyter_wallaroo.sdk.connection import BATCH_ROWS
from jupyter_wallaroo.sdk.measuring import Measurement

if TYPE_CHECKING:
    import pandas as pd

CONNECTIONS = "1,2,4,8"
SECONDS = 2.0
MANY_ROWS = 100
"""Rows of a request that shows what sending many at once brings."""


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

    def to_pandas(self) -> pd.DataFrame:
        """Return the figures as a frame, a row each."""
        import pandas as pd

        return pd.DataFrame([{name: of(item) for name, of in COLUMNS.items()} for item in self.figures])


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
    return Table(figures, COLUMNS, "Nothing was measured.")


def _cores(used_s: float | None, item: Measurement) -> object:
    """Return how many processors computed at a time."""
    return "-" if used_s is None else round(used_s / item.elapsed_s, 2)


COLUMNS: dict[str, Callable[[Measurement], object]] = {
    "rows": lambda item: item.rows,
    "at once": lambda item: item.connections,
    "requests/s": lambda item: round(item.requests_per_s),
    "rows/s": lambda item: round(item.rows_per_s),
    "p50 ms": lambda item: round(item.quantile_ms(0.50), 2),
    "p95 ms": lambda item: round(item.quantile_ms(0.95), 2),
    "p99 ms": lambda item: round(item.quantile_ms(0.99), 2),
    "replicas' cores": lambda item: _cores(item.replicas_s, item),
    "all cores": lambda item: _cores(item.machine_s, item),
    "failed": lambda item: item.failed,
}
"""What is shown of a measurement, by heading."""


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
    deployment = pipeline.deployment()
    assert deployment is not None, "it answered a row"
    setup = Setup.of(deployment.facts())
    figures = []
    with waiting.progress(f"Measuring {args.pipeline}") as advance:
        for done, (count, connections) in enumerate(cases):
            figures.append(
                measuring.measure(pipeline, table_of, rows=count, connections=connections, seconds=args.seconds)
            )
            advance((done + 1) / len(cases))
    call.say("Every request of the measurement is in the pipeline's log.")
    return Bench(pipeline.name(), figures, advice(figures, setup))


def _levels(text: str) -> list[int]:
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and 0 < int(word) <= 256 for word in words):
        raise usage(f"--connections: expected numbers from 1 to 256 such as {CONNECTIONS}; got {text[:40]!r}.")
    return [int(word) for word in words]


VERB = Verb(
    "bench",
    "measure a pipeline with your own rows, and say what to change",
    _run,
    _configure,
    examples=("%wl bench fraud df", "%wl bench fraud rows.parquet --rows 100 --connections 1,4 --seconds 5"),
)
