"""The autoscaling block of a deployment configuration: what each builder writes, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.deployment_config import DeploymentConfigBuilder
from jupyter_wallaroo.services.autoscale import autoscale
from jupyter_wallaroo.services.resources import resources, with_resources
from jupyter_wallaroo.supervisor.spec import Autoscale, Resources, Trigger

MOST = 64
DEFAULTS = Resources(replicas=1, cpus=1.0, memory_bytes=0)


def read(**block: Any) -> Autoscale | None:
    return autoscale(block, MOST)


def built(builder: DeploymentConfigBuilder) -> Autoscale | None:
    return resources(builder.build(), DEFAULTS).autoscale


def test_what_the_builder_says_by_processors() -> None:
    """The vendor's defaults: 50 percent, and one replica at least, though its builder says 0."""
    found = built(DeploymentConfigBuilder().replica_autoscale_min_max(maximum=5))
    assert found is not None
    assert (
        found.trigger,
        found.minimum,
        found.maximum,
        found.cpu_utilization,
        found.window_s,
    ) == (Trigger.CPU, 1, 5, 50.0, 300.0)
    found = built(DeploymentConfigBuilder().replica_autoscale_min_max(5, 2).autoscale_cpu_utilization(75))
    assert found is not None
    assert (found.minimum, found.cpu_utilization) == (2, 75.0)


@pytest.mark.parametrize("queue_first", [True, False])
def test_what_the_builder_says_by_queue(*, queue_first: bool) -> None:
    """In any order of the calls; none may run when nobody asks."""
    builder = DeploymentConfigBuilder()
    if queue_first:
        builder.scale_up_queue_depth(5).replica_autoscale_min_max(3)
    else:
        builder.replica_autoscale_min_max(3).scale_up_queue_depth(5)
    found = built(builder.scale_down_queue_depth(2).autoscaling_window(60))
    expected = Autoscale(
        trigger=Trigger.QUEUE,
        minimum=0,
        maximum=3,
        cpu_utilization=50.0,
        scale_up_queue_depth=5.0,
        scale_down_queue_depth=2.0,
        window_s=60.0,
    )
    assert expected == found


@pytest.mark.parametrize("block", [{}, {"replica_min": 2}, {"type": "none", "replica_max": 4}])
def test_no_autoscaling(block: dict[str, Any]) -> None:
    """Nothing said, a number only, or said not to."""
    assert read(**block) is None


@pytest.mark.parametrize(
    ("block", "key"),
    [
        ({"replica_min": 3, "replica_max": 2}, "replica_min should be at most replica_max, 2; got 3"),
        ({"replica_min": -1, "replica_max": 2}, "replica_min should be a whole number from 0 to 64; got -1"),
        ({"replica_max": 0}, "replica_max should be a whole number from 1 to 64; got 0"),
        ({"replica_max": 65}, "replica_max should be a whole number from 1 to 64; got 65"),
        ({"replica_max": True}, "replica_max should be a whole number"),
        ({"replica_max": "9"}, "replica_max should be a whole number"),
        ({"type": "cpu"}, "replica_max should say"),
        ({"cpu_utilization": 75}, "replica_max should say"),
        ({"type": "gpu", "replica_max": 2}, "type should be 'cpu', 'queue' or 'none' here; got 'gpu'"),
        ({"type": [], "replica_max": 2}, "type should be"),
        ({"type": "queue", "replica_max": 2}, "scale_up_queue_depth should say"),
        *(
            ({"replica_max": 2, "cpu_utilization": value}, "cpu_utilization should be a number above 0, at most 100")
            for value in (0, -1, 101, "50", True, float("nan"), float("inf"), [])
        ),
        *(
            ({"replica_max": 2, name: value}, f"{name} should be a number above 0")
            for name in ("scale_up_queue_depth", "scale_down_queue_depth", "autoscaling_window")
            for value in (0, -1, "1", 10**30)
        ),
        (
            {"replica_max": 2, "scale_up_queue_depth": 2, "scale_down_queue_depth": 3},
            "scale_down_queue_depth should be at most scale_up_queue_depth, 2; got 3",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_key(block: dict[str, Any], key: str) -> None:
    """The caller is told which key, what it should be and what it is."""
    with pytest.raises(InvalidRequest) as caught:
        read(**block)
    assert caught.value.message.startswith(f"'engine_config': engine.autoscale.{key}")


def test_a_number_of_replicas_ends_autoscaling() -> None:
    """``apply`` and ``%wl deploy --replicas`` mean a number that stays."""
    config = DeploymentConfigBuilder().replica_autoscale_min_max(5).build()
    fixed = resources(with_resources(config, replicas=3), DEFAULTS)
    assert (fixed.replicas, fixed.autoscale) == (3, None)
    assert resources(with_resources(config, cpus=2), DEFAULTS).autoscale is not None


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("autoscale_cpu_utilization", 0),
        ("autoscale_cpu_utilization", 101),
        ("scale_up_queue_depth", 0),
        ("scale_down_queue_depth", -1),
        ("autoscaling_window", 0),
    ],
)
def test_the_builder_refuses_what_the_server_would(call: str, value: float) -> None:
    """A mistake is told where it is made."""
    with pytest.raises(InvalidRequest, match=call):
        getattr(DeploymentConfigBuilder(), call)(value)
