"""Where the steps of a graph stand: properties of any graph, of the very code that the page runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FRONT = Path(__file__).parents[2] / "labextension"
PROGRAM = """
const ts = require("typescript");
const source = require("fs").readFileSync("src/graph/layout.ts", "utf8");
const options = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 };
const made = { exports: {} };
new Function("exports", ts.transpileModule(source, { compilerOptions: options }).outputText)(made.exports);
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const begun = performance.now();
  const { places, ...found } = made.exports.layout(new Map(JSON.parse(line)));
  const took_ms = performance.now() - begun;
  console.log(JSON.stringify({ ...found, places: [...places], took_ms }));
});
"""
WIDTH, HEIGHT = 180, 50
LIMIT_MS = 5000.0


class Layouts:
    """The layout code in a node process."""

    def __init__(self) -> None:
        node = shutil.which("node")
        assert node is not None, "node comes with npm"
        self._node = subprocess.Popen(
            [node, "-e", PROGRAM], cwd=FRONT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def of(self, graph: dict[str, list[str]]) -> dict[str, Any]:
        assert self._node.stdin is not None and self._node.stdout is not None
        self._node.stdin.write(json.dumps(list(graph.items())) + "\n")
        self._node.stdin.flush()
        found: dict[str, Any] = json.loads(self._node.stdout.readline())
        return found | {"places": dict(found["places"])}

    def close(self) -> None:
        self._node.communicate(timeout=30)


@pytest.fixture(scope="module")
def layouts(everything_is_there: None) -> Any:
    running = Layouts()
    yield running
    running.close()


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, list[str]]:
    """Graphs without circles, their steps in any order, under any name."""
    keys = draw(st.lists(st.text(min_size=1, max_size=6), unique=True, max_size=24))
    graph = {
        key: draw(st.lists(st.sampled_from(keys[:at]), unique=True, max_size=4)) if at else []
        for at, key in enumerate(keys)
    }
    return {key: graph[key] for key in draw(st.permutations(keys))}


def points(path: str) -> list[tuple[float, float]]:
    """Points along an arrow, near enough to each other to see what it runs through."""
    at = (0.0, 0.0)
    found: list[tuple[float, float]] = []
    for letter, text in re.findall(r"([MCHml])([^MCHml]*)", path):
        n = [float(item) for item in re.findall(r"-?[\d.]+", text)]
        if letter == "C":
            for turn in range(1, 21):
                t, s = turn / 20, 1 - turn / 20
                found.append(
                    tuple(  # type: ignore[arg-type]
                        s**3 * at[i] + 3 * s * s * t * n[i] + 3 * s * t * t * n[2 + i] + t**3 * n[4 + i] for i in (0, 1)
                    )
                )
            at = (n[4], n[5])
        elif letter == "H":
            found += [(at[0] + (n[0] - at[0]) * turn / 20, at[1]) for turn in range(1, 21)]
            at = (n[0], at[1])
        elif letter == "M":
            at = (n[0], n[1])
            found.append(at)
        else:
            break  # the head of the arrow
    return found


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=graphs())
def test_any_graph_is_a_picture_that_can_be_read(layouts: Layouts, graph: dict[str, list[str]]) -> None:
    """Each step right of what it needs, no box over another, each arrow from box to box and through none."""
    found = layouts.of(graph)
    places = found["places"]
    assert places.keys() == graph.keys()
    boxes = {key: (place["x"], place["y"]) for key, place in places.items()}
    for key, (x, y) in boxes.items():
        assert 0 <= x <= found["width"] - WIDTH and 0 <= y <= found["height"] - HEIGHT
        for other, (left, top) in boxes.items():
            assert key == other or abs(x - left) >= WIDTH or abs(y - top) >= HEIGHT, (key, other)
    assert sorted((arrow["from"], arrow["to"]) for arrow in found["arrows"]) == sorted(
        (parent, key) for key, parents in graph.items() for parent in parents
    )
    for arrow in found["arrows"]:
        begin, end = boxes[arrow["from"]], boxes[arrow["to"]]
        assert begin[0] + WIDTH < end[0]
        way = points(arrow["path"])
        assert way[0] == (begin[0] + WIDTH, begin[1] + HEIGHT / 2) and way[-1] == (end[0], end[1] + HEIGHT / 2)
        for x, y in way:
            for left, top in boxes.values():
                assert not (left + 1 < x < left + WIDTH - 1 and top + 1 < y < top + HEIGHT - 1), arrow


def test_chains_and_trees_are_straight_and_even(layouts: Layouts) -> None:
    """What is simple looks simple: a chain is a line, and what joins a fork stands in its middle."""
    chain = layouts.of({str(number): [str(number - 1)] if number else [] for number in range(6)})["places"]
    assert len({place["y"] for place in chain.values()}) == 1
    fork = layouts.of({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]})["places"]
    assert fork["a"]["y"] == fork["d"]["y"] == (fork["b"]["y"] + fork["c"]["y"]) / 2


def test_large_and_broken_graphs_are_quick(layouts: Layouts) -> None:
    """A thousand steps; as many arrows as there can be; parents that are not there; a circle, which no server takes."""
    large = {str(at): [str(parent) for parent in {at // 2, at // 3, at - 7} if 0 <= parent < at] for at in range(1000)}
    dense = {str(at): [str(parent) for parent in range(at)] for at in range(100)}
    for graph in (large, dense, {"a": ["gone"]}, {"a": ["b"], "b": ["a"], "c": ["c"]}, {}):
        found = layouts.of(graph)
        assert found["places"].keys() == graph.keys()
        print(f"{len(graph)} steps: {found['took_ms']:.0f} ms")
        assert found["took_ms"] < LIMIT_MS
