"""Pictures of a run: its graph in Mermaid's words, and drawn as SVG that needs nothing from anywhere.

A status is told by a sign and a word; colour only helps. Everything that people named is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from msgspec import Struct

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 168, 52, 48, 18, 10
MAX_SHOWN = 20

_ABSENT = "not in this run"
_LOOKS = {
    "PENDING": ("○", "#f3f4f6", "#6b7280"),
    "STARTED": ("▶", "#dbeafe", "#1d4ed8"),
    "SUCCESS": ("✔", "#dcfce7", "#15803d"),
    "FAILURE": ("✘", "#fee2e2", "#b91c1c"),
    "ABORTED": ("⊘", "#fef3c7", "#92400e"),
    _ABSENT: ("·", "#ffffff", "#9ca3af"),
}


class Node(Struct, frozen=True):
    """A step in a picture; ``status`` is None for one that the run does not execute."""

    key: str
    kind: str
    parents: Sequence[str]
    status: str | None
    note: str = ""

    @property
    def words(self) -> str:
        """Its status, as it is told."""
        return self.status or _ABSENT


def mermaid(nodes: Sequence[Node]) -> str:
    """Return the graph as a Mermaid flowchart."""
    numbers = {node.key: f"s{number}" for number, node in enumerate(nodes)}
    lines = ["flowchart LR"]
    for node in nodes:
        sign, *_ = _LOOKS[node.words]
        lines.append(f'    {numbers[node.key]}["{_quoted(node.key)}<br/>{sign} {node.words}"]:::{_class(node)}')
    lines.extend(f"    {numbers[parent]} --> {numbers[node.key]}" for node in nodes for parent in node.parents)
    shown = sorted({node.words for node in nodes})
    for words in shown:
        _, fill, stroke = _LOOKS[words]
        lines.append(f"    classDef {words.replace(' ', '_')} fill:{fill},stroke:{stroke},color:#111827")
    return "\n".join(lines)


def _class(node: Node) -> str:
    return node.words.replace(" ", "_")


def _quoted(text: str) -> str:
    """Return a text as it may stand in a Mermaid label, where ``#code;`` is a character."""
    return "".join(sign if sign.isalnum() or sign in " ._-" else f"#{ord(sign)};" for sign in text)


def svg(nodes: Sequence[Node]) -> str:
    """Return the graph drawn from left to right, each step right of its parents."""
    places = _places(nodes)
    columns = 1 + max(x for x, _ in places.values())
    rows = 1 + max(y for _, y in places.values())
    width = 2 * MARGIN + columns * WIDTH + (columns - 1) * GAP_X
    height = 2 * MARGIN + rows * HEIGHT + (rows - 1) * GAP_Y
    arrows = "".join(_arrow(places[parent], places[node.key]) for node in nodes for parent in node.parents)
    boxes = "".join(_box(node, places[node.key]) for node in nodes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="Graph of steps" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" style="max-width:100%" font-family="sans-serif">'
        '<defs><marker id="wl-arrow" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
        f'<path d="M0,0 L8,4 L0,8 z" fill="#6b7280"/></marker></defs>{arrows}{boxes}</svg>'
    )


def _places(nodes: Sequence[Node]) -> dict[str, tuple[int, int]]:
    """Return the column and row of each step: a column right of all its parents, rows as they come."""
    parents: Mapping[str, Sequence[str]] = {node.key: node.parents for node in nodes}
    columns: dict[str, int] = {}

    def column(key: str) -> int:
        if key not in columns:
            columns[key] = 1 + max((column(parent) for parent in parents[key]), default=-1)
        return columns[key]

    taken: dict[int, int] = {}
    found = {}
    for node in sorted(nodes, key=lambda node: column(node.key)):
        at = column(node.key)
        found[node.key] = (at, taken.get(at, 0))
        taken[at] = taken.get(at, 0) + 1
    return found


def _corner(place: tuple[int, int]) -> tuple[int, int]:
    return MARGIN + place[0] * (WIDTH + GAP_X), MARGIN + place[1] * (HEIGHT + GAP_Y)


def _arrow(source: tuple[int, int], target: tuple[int, int]) -> str:
    x1, y1 = _corner(source)[0] + WIDTH, _corner(source)[1] + HEIGHT // 2
    x2, y2 = _corner(target)[0], _corner(target)[1] + HEIGHT // 2
    bend = GAP_X // 2
    return (
        f'<path d="M{x1},{y1} C{x1 + bend},{y1} {x2 - bend},{y2} {x2 - 1},{y2}" fill="none" stroke="#6b7280" '
        'stroke-width="1.4" marker-end="url(#wl-arrow)"/>'
    )


def _box(node: Node, place: tuple[int, int]) -> str:
    x, y = _corner(place)
    sign, fill, stroke = _LOOKS[node.words]
    title = node.key if len(node.key) <= MAX_SHOWN else node.key[: MAX_SHOWN - 1] + "…"
    dashes = ' stroke-dasharray="5 4"' if node.status is None else ""
    told = f"{node.key} ({node.kind}): {node.words}" + (f". {node.note}" if node.note else "")
    return (
        f"<g><title>{escape(told)}</title>"
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="7" fill="{fill}" stroke="{stroke}" '
        f'stroke-width="1.6"{dashes}/>'
        f'<text x="{x + 10}" y="{y + 21}" font-size="13" font-weight="600" fill="#111827">{escape(title)}</text>'
        f'<text x="{x + 10}" y="{y + 40}" font-size="12" fill="{stroke}">{sign} {escape(node.words)}</text></g>'
    )
