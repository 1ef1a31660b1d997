"""Inference by this server and by its peers, side by side.

    python -m tests.benchmarks.serving [--contenders ours,fastapi,mlserver] [--seconds 2] [--rounds 3] [--build] [--json FILE]

All serve one model, 29 floats to one, from one worker process with one thread. Every round runs each of them once per
case, so that all meet the same machine; the medians over the rounds are shown, ratios being medians of the rounds' own.
Every answer is checked. ``onnxruntime`` is the model alone on an array that is there already. "load" is the share of a
core that the client took: near 100 the client was the limit.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import httpx

from tests.benchmarks import forms, load, table
from tests.benchmarks.contenders import ARROW, CONTENDERS, JSON, Contender, Endpoint, Place
from tests.benchmarks.load_process import LoadProcess
from tests.benchmarks.process_tree import used
from tests.benchmarks.table import Case, Line
from tests.benchmarks.yardstick import Yardstick
from tests.counterparts import environments
from tests.counterparts.processes import Missing

CASES = (
    Case(JSON, 1, 1),
    Case(JSON, 1, 8),
    Case(JSON, 1, 32),
    Case(JSON, 1000, 1),
    Case(JSON, 1000, 8),
    Case(ARROW, 10_000, 1),
)
READY_LIMIT_S = 90.0
WARM_UP_S = 0.3


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--contenders", help=f"of {','.join(CONTENDERS)}; default: all that are built")
    parser.add_argument("--seconds", type=float, default=2.0, help="of load per contender, case and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--build", action="store_true", help="install contenders that are missing, from the package index"
    )
    parser.add_argument("--json", type=Path, help="where to write all figures")
    options = parser.parse_args()
    cache = Path(os.environ.get(environments.CACHE) or ".pytest_cache/d/counterparts").resolve()
    names = options.contenders.split(",") if options.contenders else list(CONTENDERS)
    chosen = [CONTENDERS[name] for name in names if _is_there(CONTENDERS[name], cache, options.build)]
    lines = measure(chosen, CASES, cache=cache, seconds=options.seconds, rounds=options.rounds)
    table.show(lines)
    if options.json:
        options.json.write_text(json.dumps([asdict(line) for line in lines], indent=1))
    if any(line.faults for line in lines):
        sys.exit("Some answers were not right.")


def _is_there(contender: Contender, cache: Path, build: bool) -> bool:
    if not contender.is_built(cache):
        if not build:
            print(f"{contender.name} is left out: it is not built in {cache} (--build)", file=sys.stderr)
            return False
        try:
            contender.python(cache)
        except Missing as missing:
            print(missing, file=sys.stderr)
            return False
    return True


def measure(
    contenders: Iterable[Contender], cases: Sequence[Case], *, cache: Path, seconds: float, rounds: int
) -> list[Line]:
    """Run every contender in every case that it takes, and return a line for each."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wallaroo-benchmark-")))
        process = stack.enter_context(LoadProcess())
        endpoints = []
        for contender in contenders:
            place = Place(folder / contender.name, cache)
            place.folder.mkdir()
            place.model.write_bytes(forms.model())
            endpoints += contender.start(place, stack)
        yardstick = Yardstick()
        for endpoint in endpoints:
            _wait(endpoint, yardstick)
        runs = [
            _Run(case, endpoint, yardstick.job(case, endpoint, seconds))
            for case in cases
            for endpoint in endpoints
            if endpoint.kind == case.kind
        ]
        for run in runs:
            process.run(replace(run.job, seconds=WARM_UP_S))
        cases = [case for case in cases if any(run.case == case for run in runs)]
        lines = {case: [yardstick.alone(case, rounds)] for case in cases}
        measured: dict[int, list[Line]] = {number: [] for number in range(len(runs))}
        for _ in range(rounds):
            for number, run in enumerate(runs):
                measured[number].append(run.line(process))
        for number, run in enumerate(runs):
            lines[run.case].append(table.median(measured[number]))
    return table.with_ratios([line for case in cases for line in lines[case]], measured.values())


@dataclass(frozen=True)
class _Run:
    """One endpoint in one case."""

    case: Case
    endpoint: Endpoint
    job: load.Job

    def line(self, process: LoadProcess) -> Line:
        """Run it once."""
        before = used(self.endpoint.pid)
        result = process.run(self.job)
        after = used(self.endpoint.pid)
        return Line(
            case=self.case,
            name=self.endpoint.name,
            rate=result.rate,
            p50_ms=result.p50_ms,
            p99_ms=result.p99_ms,
            cpu_ms=(after.cpu_s - before.cpu_s) * 1000 / result.requests,
            rss_mib=after.rss_mib,
            busy=result.busy,
            faults=result.refused + result.wrong,
            first_fault=result.first_fault,
        )


def _wait(endpoint: Endpoint, yardstick: Yardstick) -> None:
    """Wait until a server gives the right answer: many listen before they can."""
    rows = forms.rows(1, 0)
    headers = {"Content-Type": endpoint.form.media, "Accept": endpoint.form.media, **endpoint.headers}
    until = time.monotonic() + READY_LIMIT_S
    said: object = None
    while time.monotonic() < until:
        try:
            response = httpx.post(
                endpoint.url, content=endpoint.form.write(rows), headers=headers, trust_env=False, timeout=30
            )
            said = response.status_code, response.text[:500]
            if response.status_code == httpx.codes.OK:
                value, expected = endpoint.form.read(response.content), yardstick.answer(rows)
                assert abs(float(value.reshape(-1)[0]) - float(expected[0, 0])) < 1e-5, f"{endpoint.name}: {said}"
                return
        except httpx.TransportError as error:
            said = error
        time.sleep(0.2)
    raise RuntimeError(f"{endpoint.name} does not answer: {said}")


if __name__ == "__main__":
    main()
