"""The builder gives the JSON of contract/deployment_config.md, call by call."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import Acceleration, Architecture, Client, DeploymentConfigBuilder
from jupyter_wallaroo.sdk.model_version import ModelVersion

BASE: dict[str, Any] = {"engine": {}, "enginelb": {}, "engineAux": {"images": {}}}


def both(**values: Any) -> dict[str, Any]:
    named = {name.replace("__", "/").replace("_", "."): value for name, value in values.items()}
    return {"limits": dict(named), "requests": dict(named)}


@pytest.fixture(autouse=True)
def _no_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEPLOYMENT_CONFIG", raising=False)


def test_nothing_said_is_the_base() -> None:
    assert DeploymentConfigBuilder().build() == BASE


@pytest.mark.parametrize(
    ("calls", "engine"),
    [
        ([("image", "i")], {"image": "i"}),
        ([("replica_count", 2)], {"replicas": 2}),
        (
            [("replica_autoscale_min_max", 5, 1)],
            {"autoscale": {"replica_min": 1, "replica_max": 5, "type": "cpu"}},
        ),
        ([("replica_autoscale_min_max", 5)], {"autoscale": {"replica_min": 0, "replica_max": 5, "type": "cpu"}}),
        ([("autoscale_cpu_utilization", 75)], {"autoscale": {"cpu_utilization": 75}}),
        (
            [("scale_up_queue_depth", 5)],
            {
                "autoscale": {
                    "scale_up_queue_depth": 5,
                    "type": "queue",
                    "scale_down_queue_depth": 1,
                    "autoscaling_window": 300,
                }
            },
        ),
        ([("cpus", 0.25)], {"cpu": 0.25, "resources": both(cpu=0.25)}),
        ([("memory", "1Gi")], {"resources": both(memory="1Gi")}),
        ([("gpus", 1)], {"gpu": 1, "resources": both(nvidia_com__gpu=1)}),
        (
            [("gpus", 1), ("accel", Acceleration.OpenVINO)],
            {"gpu": 1, "accel": "openvino", "resources": both(gpu_intel_com__i915=1)},
        ),
        (
            [("accel", "rocm"), ("gpus", 2)],
            {"gpu": 2, "accel": "rocm", "resources": both(amd_com__gpu=2)},
        ),
        ([("deployment_label", "k=v")], {"node_selector": "k=v"}),
        ([("arch", Architecture.ARM)], {"arch": "arm"}),
        ([("python_load_timeout_secs", 30)], {"python": {"load_timeout_millis": 30_000}}),
    ],
)
def test_s2_26_each_call_has_its_place(calls: list[tuple[Any, ...]], engine: dict[str, Any]) -> None:
    builder = DeploymentConfigBuilder()
    for name, *arguments in calls:
        assert getattr(builder, name)(*arguments) is builder
    assert builder.build() == {**BASE, "engine": engine}


def test_the_load_balancer_has_its_own_part() -> None:
    built = DeploymentConfigBuilder().lb_cpus(0.5).lb_memory("512Mi").build()
    assert built == {**BASE, "enginelb": {"resources": both(cpu=0.5, memory="512Mi")}}


def test_s2_26_sidekicks_are_named_by_model_and_number(wl: Client, model_file: Any) -> None:
    """The seed's chain, for a real model version."""
    version: ModelVersion = wl.upload_model("side", model_file)
    built = (
        DeploymentConfigBuilder()
        .cpus(0.25)
        .memory("1Gi")
        .sidekick_cpus(version, 1)
        .sidekick_memory(version, "4Gi")
        .sidekick_gpus(version, 1)
        .sidekick_env(version, {"A": "b"})
        .sidekick_arch(version, Architecture.X86)
        .sidekick_accel(version, Acceleration.CUDA)
        .deployment_label("k=v")
        .build()
    )
    image = built["engineAux"]["images"][f"side-{version.id()}"]
    assert image == {
        "resources": both(cpu=1, memory="4Gi", nvidia_com__gpu=1),
        "env": [{"name": "A", "value": "b"}],
        "arch": "x86",
        "accel": "cuda",
        "node_selector": "k=v",
    }
    assert built["engine"]["cpu"] == 0.25


def test_building_twice_gives_two_configurations() -> None:
    """A change of one must not reach the other."""
    builder = DeploymentConfigBuilder().cpus(1)
    first = builder.build()
    first["engine"]["resources"]["limits"]["cpu"] = 9
    assert builder.build()["engine"]["resources"]["limits"]["cpu"] == 1


def test_the_environment_says_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOYMENT_CONFIG", '{"replicas": 2, "cpus": 0.5, "memory": "1Gi", "autoscale": {"a": 1}}')
    engine = DeploymentConfigBuilder().cpus(2).build()["engine"]
    assert engine == {"replicas": 2, "cpu": 2, "resources": both(cpu=2, memory="1Gi"), "autoscale": {"a": 1}}
    monkeypatch.setenv("DEPLOYMENT_CONFIG", "[]")
    with pytest.raises(InvalidRequest, match="DEPLOYMENT_CONFIG"):
        DeploymentConfigBuilder()


@pytest.mark.parametrize(
    ("name", "value"),
    [("replica_count", 0), ("replica_count", 1.5), ("replica_count", True), ("cpus", 0), ("cpus", "1"), ("gpus", -1)],
)
def test_a_number_that_cannot_be_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequest, match=name):
        getattr(DeploymentConfigBuilder(), name)(value)
