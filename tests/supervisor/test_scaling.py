"""How many replicas a load calls for: within bounds, never fewer for more load, at rest under a steady one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable

from hypothesis import given
from hypothesis import strategies as st

from jupyter_wallaroo.supervisor.scaling import Look, Trend, called_for, decide
from jupyter_wallaroo.supervisor.spec import Autoscale, Trigger

PERIOD_S = 0.25
WINDOW_S = 5.0


@st.composite
def policies(draw: st.DrawFn) -> Autoscale:
    trigger = draw(st.sampled_from(Trigger))
    up = draw(st.floats(0.5, 50))
    minimum = draw(st.integers(0 if trigger is Trigger.QUEUE else 1, 4))
    return Autoscale(
        trigger=trigger,
        minimum=minimum,
        maximum=draw(st.integers(max(1, minimum), 16)),
        cpu_utilization=draw(st.floats(10, 100)),
        scale_up_queue_depth=up,
        scale_down_queue_depth=draw(st.floats(0.1, up)),
        window_s=WINDOW_S,
    )


LOADS = st.floats(0, 40)
"""Requests in flight, or shares of processors in use."""


def look(at_s: float, load: float) -> Look:
    return Look(at_s=at_s, waiting=math.ceil(load), busy=load)


def counts(policy: Autoscale, loads: Iterable[float], first: int) -> list[int]:
    """Return how many replicas there are after each look, one every `PERIOD_S`."""
    replicas, trend, found = first, Trend(), []
    for number, load in enumerate(loads):
        replicas, trend = decide(policy, trend, look(number * PERIOD_S, load), replicas)
        found.append(replicas)
    return found


def changes(numbers: list[int]) -> int:
    return sum(before != after for before, after in itertools.pairwise(numbers))


@given(policies(), st.lists(LOADS, min_size=1, max_size=200), st.integers(0, 20))
def test_bounds_are_kept(policy: Autoscale, loads: list[float], first: int) -> None:
    """Whatever the load does, and however many there were before."""
    assert all(policy.minimum <= count <= policy.maximum for count in counts(policy, loads, first))


@given(policies(), LOADS, LOADS, st.integers(0, 16))
def test_more_load_never_calls_for_fewer(policy: Autoscale, one: float, other: float, replicas: int) -> None:
    """Monotone in the load, for any number of replicas."""
    less, more = sorted((one, other))
    assert called_for(policy, look(0, less), replicas) <= called_for(policy, look(0, more), replicas)


@given(policies(), LOADS, st.integers(0, 16))
def test_a_steady_load_comes_to_rest(policy: Autoscale, load: float, first: int) -> None:
    """In one direction, and for good: no replica is started to be ended, or ended to be started."""
    window = int(WINDOW_S / PERIOD_S) + 2
    found = counts(policy, [load] * (18 * window), policy.bounded(first))
    assert found in (sorted(found), sorted(found, reverse=True))
    assert changes(found[17 * window :]) == 0


@given(policies(), st.lists(LOADS, min_size=300, max_size=300))
def test_replicas_are_ended_only_after_a_window_of_calm(policy: Autoscale, loads: list[float]) -> None:
    """Between two changes of which the later one is downwards there is a whole window; so nothing flaps."""
    found = counts(policy, loads, policy.bounded(1))
    last = 0
    for number in range(1, len(found)):
        if found[number] < found[number - 1]:
            assert (number - last) * PERIOD_S >= WINDOW_S - PERIOD_S
        if found[number] != found[number - 1]:
            last = number


@given(policies(), st.integers(0, 50))
def test_a_burst_of_one_look_changes_nothing(policy: Autoscale, burst: int) -> None:
    """One late request among many, or a collection of garbage, starts no process."""
    calm = policy.bounded(1)
    assert counts(policy, [0.0, burst, 0.0], calm) == [calm] * 3


def queue(up: float, down: float = 1, minimum: int = 1, maximum: int = 8) -> Autoscale:
    return Autoscale(
        trigger=Trigger.QUEUE,
        minimum=minimum,
        maximum=maximum,
        cpu_utilization=50,
        scale_up_queue_depth=up,
        scale_down_queue_depth=down,
        window_s=WINDOW_S,
    )


def run(policy: Autoscale, load: Callable[[float, int], float], seconds: float) -> list[tuple[float, int]]:
    """Simulate: ``load`` says what is in flight by the time and the replicas; return the changes."""
    replicas, trend, told = policy.bounded(1), Trend(), []
    for number in range(int(seconds / PERIOD_S)):
        at_s = number * PERIOD_S
        wanted, trend = decide(policy, trend, look(at_s, load(at_s, replicas)), replicas)
        if wanted != replicas:
            told.append((at_s, wanted))
        replicas = wanted
    return told


def test_a_day_of_waves() -> None:
    """Load that comes and goes: up at once, down after the calm, one change each way a wave."""

    def wave(at_s: float, _: int) -> float:
        return 20 if at_s % 40 < 20 else 0

    told = run(queue(up=4), wave, 200)
    assert [count for _, count in told] == [5, 1] * 5
    ups = [at_s % 40 for at_s, count in told if count == 5]
    assert max(ups) <= 2 * PERIOD_S
    downs = [at_s % 40 - 20 for at_s, count in told if count == 1]
    assert all(WINDOW_S <= after_s <= WINDOW_S + PERIOD_S for after_s in downs)


def test_waves_shorter_than_the_window_do_not_flap() -> None:
    """A pause shorter than a window ends nothing."""
    told = run(queue(up=4), lambda at_s, _: 20 if at_s % 8 < 4 else 0, 200)
    assert [count for _, count in told] == [5]


def test_requests_that_work_goes_faster_with_do_not_flap() -> None:
    """More replicas leave fewer waiting; that is why there are so many, and not why there should be fewer."""
    told = run(queue(up=4, down=2), lambda _, replicas: 24 / replicas, 100)
    assert [count for _, count in told] == [6, 5, 4, 3]


def test_none_runs_when_nobody_asks_for_a_window() -> None:
    """A minimum of 0: requests that come now and then keep one."""
    policy = queue(up=4, minimum=0)
    assert run(policy, lambda at_s, _: at_s % 3 < PERIOD_S, 60) == []
    assert [count for _, count in run(policy, lambda *_: 0, 60)] == [0]


def test_processors_near_the_goal_change_nothing() -> None:
    """Within 10 percent of the goal."""
    policy = Autoscale(
        trigger=Trigger.CPU,
        minimum=1,
        maximum=8,
        cpu_utilization=50,
        scale_up_queue_depth=1,
        scale_down_queue_depth=1,
        window_s=WINDOW_S,
    )
    assert [called_for(policy, look(0, busy), 2) for busy in (0.4, 0.91, 1.0, 1.09, 1.2, 3.9)] == [1, 2, 2, 2, 3, 8]
    assert called_for(policy, Look(at_s=0, waiting=9), 2) == 2, "not known yet"
