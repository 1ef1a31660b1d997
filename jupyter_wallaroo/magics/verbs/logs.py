"""``%wl logs``: what was asked of a pipeline."""

from __future__ import annotations

import re
import warnings
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyter_wallaroo.magics.parser import Live, Parser
from jupyter_wallaroo.magics.usage import usage
from jupyter_wallaroo.magics.verb import Call, Verb

DEFAULT_LIMIT = 100
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _configure(parser: Parser) -> None:
    parser.live("pipeline", Live.PIPELINE, metavar="PIPELINE", help="its name")
    parser.add_argument(
        "--limit", type=int, metavar="N", help=f"the most records; default: {DEFAULT_LIMIT}, the newest"
    )
    parser.add_argument(
        "--since", metavar="AGE", help="only those of the last 90s, 15m, 2h or 7d; the oldest come first"
    )
    parser.add_argument("--anomalies", action="store_true", help="only those that a validation marked")
    parser.add_argument("--arrow", action="store_true", help="as an Arrow table")


def _run(call: Call) -> Any:
    args = call.args
    pipeline = call.client.get_pipeline(args.pipeline)
    start = None if args.since is None else datetime.now(UTC) - _age(args.since)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there are more is said below, in one line
        found = pipeline.logs(
            limit=args.limit or DEFAULT_LIMIT,
            start_datetime=start,
            valid=False if args.anomalies else None,
            arrow=args.arrow,
        )
    if args.limit is None and len(found) == DEFAULT_LIMIT:
        call.say(f"These are {DEFAULT_LIMIT} records; --limit N shows more.")
    return found


def _age(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if found is None:
        raise usage(f"--since: expected an age such as 90s, 15m, 2h or 7d; got {text[:40]!r}.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


VERB = Verb(
    "logs",
    "what was asked of a pipeline, and what it answered",
    _run,
    _configure,
    examples=("%wl logs fraud --limit 20", "%wl logs fraud --since 1h --anomalies --out odd"),
)
