"""Tab: verbs, flags, names; at once, even when the server is gone or says nothing."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pandas as pd
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.magics import names
from tests.kernel import Kernel
from tests.magics.shell import Shell

LIMIT_S = 0.050
FRESH_LIMIT_S = 30.0
LINES = (
    "%wl ", "%wl de", "x = %wl ls ", "%wl deploy --re", "%wl status ", "%wl deploy p ", "%%wl deploy ", "%wl infer p ",
    "%wl connection ", "%wl connection get ", "%wl connection create c P", "%wl workspace ", "%%wl deploy p\nste", "%wl task ",
    "%wl task logs ", "%%wl task n --", "%wl panel ",
)  # fmt: skip


def offered(shell: Shell, text: str, wanted: str) -> list[str]:
    """Press Tab until the names have come from the server."""
    until = time.monotonic() + FRESH_LIMIT_S
    found = shell.tab(text)
    while wanted not in found and time.monotonic() < until:
        found = shell.tab(text)
    return found


def test_verbs_flags_and_choices(shell: Shell) -> None:
    """What fits at the place, in the order of help, and nothing of Python's."""
    assert shell.tab("%wl ")[:3] == ["connect", "workspace", "ls"]
    assert shell.tab("%wl de") == ["deploy"]
    assert shell.tab("%%wl inf") == ["infer"]
    assert shell.tab("mine = %wl ls pi") == ["pipelines"]
    assert shell.tab("%wl connection cr") == ["create"]
    assert shell.tab("%wl deploy p --re") == ["--replicas"]
    assert "--replicas" not in shell.tab("%wl deploy p --replicas 2 --")
    assert shell.tab("%wl upload m --framework skl") == ["sklearn"]
    assert shell.tab("%wl deploy p --replicas ") == []
    assert shell.tab("%wl deplyo ") == []
    assert shell.tab("%%wl deploy p\nimpor") == []


def test_other_lines_are_ipythons_own(shell: Shell) -> None:
    """Python's names, other magics, and a variable that only looks like us."""
    shell.give(wl_something=1)
    assert "wl_something" in shell.tab("wl_some")
    assert "%timeit" in shell.tab("%timei")
    assert "%wl" in shell.tab("%w")
    assert shell.tab("import o") != []


def test_live_names(shell: Shell, deployed: str) -> None:
    """Pipelines, models, workspaces, connections, variables and files; with quotes where a name has spaces."""
    assert offered(shell, "%wl status ", deployed) == [deployed]
    assert offered(shell, f"%wl deploy {deployed} ", "fraud") == ["fraud"]
    here = shell.run("%wl workspace").title.split("'")[1]
    shell.run("%wl workspace 'a room of mine' --create")
    shell.run(f"%wl workspace {here}")
    assert offered(shell, "%wl workspace a", "'a room of mine'") == ["'a room of mine'"]
    assert offered(shell, "%wl workspace 'a r", "'a room of mine'") == ["'a room of mine'"]
    shell.give(houses=pd.DataFrame({"x": [1]}), classifier=shell.value("model"))
    assert "houses" in shell.tab("%wl infer p ho")
    assert "classifier" in shell.tab("%wl upload cl") and "houses" not in shell.tab("%wl upload ")


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/wallaroo"


@pytest.fixture
def gone() -> str:
    """The address of no server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/wallaroo"


@pytest.mark.parametrize("kind", ["gone", "silent"])
def test_tab_does_not_wait_for_a_server(
    environment: None, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, kind: str
) -> None:
    """Every line, three times each: the best of them counts, for the machine may be busy with something else."""
    monkeypatch.setenv("WALLAROO_URL", request.getfixturevalue(kind))
    monkeypatch.setenv("WALLAROO_REQUEST_TIMEOUT", "5")
    lost = Shell()
    try:
        lost.run("%wl -h")
        for line in LINES:
            taken = min(_seconds(lambda line=line: lost.tab(line)) for _ in range(3))
            assert taken < LIMIT_S, line
        assert lost.tab("%wl de") == ["deploy"]
    finally:
        lost.close()


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def test_names_are_asked_for_once_in_a_while(shell: Shell, deployed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at every Tab, and anew when a line was run."""
    asked: list[str] = []
    monkeypatch.setitem(names._FETCH, names.Live.PIPELINE, lambda _: asked.append("pipelines") or ["p"])
    shell.run("%wl ls tags")
    for _ in range(5):
        assert offered(shell, "%wl status ", "p") == ["p"]
    assert len(asked) == 1
    shell.run("%wl ls tags")
    assert offered(shell, "%wl status ", "p") == ["p"] and len(asked) == 2


def test_a_kernel_completes_and_draws_bars(server: PrivateServer) -> None:
    """As JupyterLab asks: the completions of a running kernel, and progress as a bar that is drawn in its place."""
    with Kernel(server) as kernel:
        kernel.run("%load_ext jupyter_wallaroo")
        kernel.run("%wl -h")
        code = "get_ipython().kernel.do_complete('%wl dep', 7)['matches']"
        assert kernel.value(code) == ["deploy"]
        shown = kernel.run(
            "from jupyter_wallaroo.sdk import waiting\n"
            "from jupyter_wallaroo.sdk.progress import Bar\n"
            "with waiting.shown_by(Bar), waiting.progress('Counting <b>') as advance:\n    advance(0.5)"
        )
        assert "Counting &lt;b&gt;" in shown.html and "<progress" in shown.html and "Counting <b>" in shown.plain
