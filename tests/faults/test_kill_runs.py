"""The server is killed, and stopped, at random moments while runs of step graphs are under way and wait."""

from __future__ import annotations

import random
import time
from pathlib import Path

import psutil
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests.faults import drill
from tests.graphs import ended, script, statuses, submit

TURNS = drill.kills(2)
STOP_LIMIT_S = 15.0
INTERRUPTED = "interrupted by a restart of the server"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("way", ["killed", "stopped"])
def test_states_are_true_after_the_server_was(way: str, tmp_path: Path) -> None:
    """What was under way is ABORTED and says why, what waited runs after all, nothing runs twice, nothing is left."""
    rng = random.Random(7)
    evidence = tmp_path / "evidence"
    options = (*drill.EXTENSION_ONLY, "--WallarooApp.background_runs=1", "--WallarooApp.interactive_runs=2")
    server = PrivateServer(tmp_path / "server", options=options)
    server.start()
    runs: list[str] = []
    try:
        for _ in range(TURNS):
            with server.client as client:
                steps = {"a": script("import time\ntime.sleep(0.3)"), "b": script("", "a")}
                for number in range(4):
                    parameters = {"evidence": f"{evidence}-{len(runs)}"}
                    runs.append(submit(client, steps, parameters=parameters, background=number % 2 == 1)["id"])
            drill.pause(rng, 0.0, 2.5)
            processes = drill.children(server)
            if way == "killed":
                server.kill()
            else:
                begun = time.monotonic()
                server.stop()
                assert time.monotonic() - begun < STOP_LIMIT_S
            drill.assert_gone(processes)
            server.start()
        with server.client as client:
            states = [ended(client, {"id": run}) for run in runs]
        assert psutil.Process(server.pid).children() != [], "the archivist"
    finally:
        server.stop()
    for number, state in enumerate(states):
        path = Path(f"{evidence}-{number}")
        ran = [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []
        assert len(ran) == len(set(ran)), "no step ran twice"
        if state["outcome"] == "ok":
            assert ran == ["a", "b"]
        else:
            assert (state["status"], state["reason"]) == ("ABORTED", INTERRUPTED), state["steps"]
            assert set(statuses(state).values()) <= {"SUCCESS", "ABORTED"}
            done = [key for key, status in statuses(state).items() if status == "SUCCESS"]
            assert ran[: len(done)] == done
    assert list((tmp_path / "server" / "data" / "steps").iterdir()) == []
    drill.assert_sound(tmp_path / "server")
    interrupted = sum(state["outcome"] == "aborted" for state in states)
    assert 0 < interrupted < len(states)
    print(f"{way} {TURNS} times: of {len(states)} runs {interrupted} interrupted and marked, the others ran once")
