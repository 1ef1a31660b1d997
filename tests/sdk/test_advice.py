"""What measurements say: each state of a machine has its own advice, and every figure that is quoted was measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_wallaroo.sdk.advice import BUSY, MATTERS, Setup, advice
from jupyter_wallaroo.sdk.measuring import Measurement

SETUP = Setup(replicas=1, cpus=1, processors=4)


def measured(
    connections: int,
    per_s: int,
    ms: float,
    replicas: float | None,
    machine: float | None,
    rows: int = 1,
    failed: int = 0,
) -> Measurement:
    """A second's measurement: ``replicas`` and ``machine`` are processors that computed; nobody else did."""
    around = None if machine is None or replicas is None else machine - replicas
    return Measurement(rows, connections, 1.0, [ms / 1000] * per_s, failed, replicas, around, 0.0, machine)


@pytest.mark.parametrize(
    ("figures", "setup", "said"),
    [
        ([measured(1, 900, 1.0, 0.4, 1), measured(4, 2000, 2.0, 0.98, 2)], SETUP, "It still grew"),
        ([measured(1, 1900, 1.0, 0.5, 1), measured(4, 2000, 2.0, 0.98, 2)], SETUP, "Try --replicas 2."),
        ([measured(1, 90, 10.0, 0.95, 1), measured(4, 95, 40.0, 0.98, 2)], SETUP, "try --cpus 2, with which"),
        (
            [measured(1, 90, 10.0, 0.9, 3), measured(4, 95, 40.0, 3.8, 3.9)],
            Setup(4, 1, 4),
            "cores are all busy: see README, 'When to move to Ray'",
        ),
        ([measured(1, 1500, 1.0, 0.3, 3.9), measured(4, 1600, 2.0, 0.4, 3.9)], SETUP, "send more rows in one"),
        ([measured(1, 1500, 1.0, 0.3, 1), measured(4, 1600, 2.0, 0.4, 1)], SETUP, "would not be faster"),
        ([measured(1, 1500, 1.0, None, None)], SETUP, "does not say what was busy"),
        ([measured(1, 1500, 1.0, 0.9, None)], Setup(1, 1, None), "one request alone keeps"),
    ],
)
def test_the_limit_is_what_was_busy(figures: list[Measurement], setup: Setup, said: str) -> None:
    assert said.lower() in advice(figures, setup)[1].lower()


def test_somebody_elses_work_is_told_apart() -> None:
    """From that of the server and the client, which have a say in it."""
    figure = Measurement(1, 4, 1.0, [0.001] * 500, 0, replicas_s=0.5, server_s=0.6, client_s=0.4, machine_s=3.9)
    assert "Something else took 2.4 of them: measure again" in advice([figure], SETUP)[1]


def test_the_knee_is_named() -> None:
    """The fewest connections with which about as much is reached, and what the others cost in time."""
    figures = [measured(1, 500, 1.0, 0.1, 1), measured(2, 950, 1.1, 0.2, 1), measured(8, 1000, 4.0, 0.2, 1)]
    assert advice(figures, SETUP)[0] == (
        "Most: 1000 requests/s with 8 at once; 2 reach 950 already, where half of them take 1.1 ms, not 4.0."
    )


def test_rows_together_and_rows_that_wait_for_each_other() -> None:
    """The second only where replicas are the limit and rows are cheaper together."""
    many = measured(1, 500, 2.0, 0.5, 1, rows=100)
    busy = [measured(1, 1900, 1.0, 0.9, 1), measured(4, 2000, 2.0, 0.98, 2), many]
    assert advice(busy, SETUP)[2].startswith("100 rows in a request: 25 times the rows/s.")
    assert "A row costs a replica 490 µs alone and 10 µs among 100" in advice(busy, SETUP)[3]
    idle = [measured(1, 1900, 1.0, 0.2, 1), measured(4, 2000, 2.0, 0.2, 2), many]
    assert len(advice(idle, SETUP)) == 3
    alike = measured(1, 21, 2.0, 0.5, 1, rows=100)
    assert len(advice([*busy[:2], alike], SETUP)) == 2


def test_failures_are_said() -> None:
    """They spoil the rest."""
    assert "3 requests failed" in advice([measured(1, 10, 1.0, 0.1, 1, failed=3)], SETUP)[-1]
    assert "2 requests failed" in advice([measured(1, 0, 1.0, 0.1, 1, failed=2)], SETUP)[-1]


levels = st.lists(
    st.tuples(st.integers(1, 64), st.integers(1, 300), st.floats(0.1, 50), st.floats(0, 8), st.floats(0, 8)),
    min_size=1,
    max_size=5,
    unique_by=lambda level: level[0],
)


@given(levels, st.integers(1, 8), st.floats(0.25, 8), st.integers(1, 8))
def test_advice_follows_from_the_figures(
    levels: list[tuple[int, int, float, float, float]], replicas: int, cpus: float, processors: int
) -> None:
    """More replicas are only asked for where these were busy and the machine was not; another machine where both were."""
    setup = Setup(replicas, cpus, processors)
    figures = [measured(*level) for level in levels]
    _, said = advice(figures, setup)
    best = max(sorted(figures, key=lambda item: item.connections), key=lambda item: item.requests_per_s)
    assert best.replicas_s is not None and best.machine_s is not None
    is_busy = best.replicas_s / replicas / setup.threads >= BUSY
    is_full = best.machine_s / processors >= BUSY
    if "--replicas" in said:
        assert is_busy and not is_full
    if "Ray" in said:
        assert is_busy and is_full
    assert MATTERS > 1
