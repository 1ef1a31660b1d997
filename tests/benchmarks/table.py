"""The table of a comparison."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

ALONE = "onnxruntime"
MLSERVER, FASTAPI = "MLServer", "FastAPI"


@dataclass(frozen=True)
class Case:
    """Format, rows per request, connections at once."""

    kind: str
    rows: int
    connections: int

    def __str__(self) -> str:
        plural = "" if self.connections == 1 else "s"
        rows = "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        return f"{rows} of {self.kind}, {self.connections} connection{plural}"


@dataclass(frozen=True)
class Line:
    """What one contender did in one case; ``faults`` are answers that were not right."""

    case: Case
    name: str
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    rss_mib: float | None = None
    busy: float | None = None
    faults: int = 0
    first_fault: str = ""
    ratios: dict[str, float] = field(default_factory=dict)
    """Its rate over that of others, by their names."""


def median(lines: Sequence[Line]) -> Line:
    """Return the line of the median rate, with the medians of the other figures and all faults."""
    middle = sorted(lines, key=lambda line: line.rate)[len(lines) // 2]
    names = ("p50_ms", "p99_ms", "cpu_ms", "rss_mib")
    medians = {name: statistics.median(getattr(line, name) for line in lines) for name in names}
    fault = next((line.first_fault for line in lines if line.faults), "")
    return replace(middle, **medians, faults=sum(line.faults for line in lines), first_fault=fault)


def with_ratios(lines: Sequence[Line], rounds: Iterable[Sequence[Line]]) -> list[Line]:
    """Return lines with their ratios to all others of their case, each the median of the ratios of the rounds."""
    runs: dict[Case, dict[str, Sequence[Line]]] = {}
    for of_one in rounds:
        runs.setdefault(of_one[0].case, {})[of_one[0].name] = of_one
    found = []
    for line in lines:
        others = runs.get(line.case, {})
        own = others.get(line.name)
        ratios = {}
        if own is not None:
            for name, other in others.items():
                pairs = [mine.rate / its.rate for mine, its in zip(own, other, strict=True) if its.rate]
                ratios[name] = statistics.median(pairs) if pairs else float("nan")
        found.append(replace(line, ratios=ratios))
    return found


def show(lines: Sequence[Line]) -> None:
    """Print the lines, a block for each case."""
    heads = ("requests/s", "× MLServer", "× FastAPI", "p50 ms", "p99 ms", "CPU ms/req", "RSS MiB", "load %")
    for case in dict.fromkeys(line.case for line in lines):
        print(f"\n{case!s:<34}" + "".join(f"{head:>12}" for head in heads))
        block = [line for line in lines if line.case == case]
        fastapi = _best(block)
        for line in block:
            cells = (
                f"{line.rate:,.0f}",
                _ratio(line, MLSERVER),
                _ratio(line, fastapi),
                f"{line.p50_ms:.3f}",
                f"{line.p99_ms:.3f}",
                f"{line.cpu_ms:.3f}",
                "" if line.rss_mib is None else f"{line.rss_mib:,.0f}",
                "" if line.busy is None else f"{line.busy * 100:.0f}",
            )
            said = f"  {line.faults} wrong: {line.first_fault}" if line.faults else ""
            print(f"  {line.name:<32}" + "".join(f"{cell:>12}" for cell in cells) + said)
        _show_times(block, fastapi)


def _best(block: Sequence[Line]) -> str:
    """Return the name of FastAPI's best way."""
    ways = [line for line in block if line.name.startswith(FASTAPI)]
    return max(ways, key=lambda line: line.rate).name if ways else FASTAPI


def _ratio(line: Line, name: str) -> str:
    return f"{line.ratios[name]:.2f}" if name in line.ratios else "–"


def _show_times(block: Sequence[Line], fastapi: str) -> None:
    """Print how many times longer ours take than others, for a single client that waits."""
    if block[0].case.connections > 1:
        return
    by_name = {line.name: line.p50_ms for line in block}
    ours = [name for name in by_name if name.startswith("ours")]
    against = [name for name in (ALONE, fastapi, "ours, direct") if name in by_name]
    for name in ours:
        times = [f"{by_name[name] / by_name[other]:.2f} × {other}" for other in against if other != name]
        print(f"    time at the median, {name}: {', '.join(times)}")
