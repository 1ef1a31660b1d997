"""The vendor's deployment configuration, read: good ones, and bad ones by the key at fault."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.services.resources import MAX_CPUS, MAX_REPLICAS, engine_config, memory_bytes, resources
from jupyter_wallaroo.supervisor.spec import Resources

DEFAULTS = Resources(replicas=1, cpus=1.0, memory_bytes=2**30)


def limits(**values: Any) -> dict[str, Any]:
    return {"engine": {"resources": {"limits": values, "requests": values}}}


def read(config: dict[str, Any]) -> tuple[int, float, int]:
    found = resources(config, DEFAULTS)
    return found.replicas, found.cpus, found.memory_bytes


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, (1, 1.0, 2**30)),
        ({"engine": {}, "enginelb": {}, "engineAux": {"images": {}}, "node_selector": {}}, (1, 1.0, 2**30)),
        ({"engine": None}, (1, 1.0, 2**30)),
        ({"engine": {"replicas": 3}}, (3, 1.0, 2**30)),
        ({"engine": {"replicas": MAX_REPLICAS}}, (MAX_REPLICAS, 1.0, 2**30)),
        ({"engine": {"cpu": 0.25, "resources": {"limits": {"cpu": 0.25, "memory": "512Mi"}}}}, (1, 0.25, 2**29)),
        ({"engine": {"cpu": 4}}, (1, 4.0, 2**30)),
        ({"engine": {"cpu": MAX_CPUS}}, (1, MAX_CPUS, 2**30)),
        (limits(cpu=2, memory="1Gi"), (1, 2.0, 2**30)),
        ({"engine": {"cpu": "0.5"}}, (1, 0.5, 2**30)),
        ({"engine": {"autoscale": {"replica_min": 2, "replica_max": 5, "type": "cpu"}}}, (2, 1.0, 2**30)),
        ({"engine": {"autoscale": {"replica_min": 0, "replica_max": 5}}}, (1, 1.0, 2**30)),
        ({"engine": {"replicas": 4, "autoscale": {"replica_min": 2}}}, (4, 1.0, 2**30)),
        ({"engine": {"replicas": 4, "autoscale": {"replica_min": 1, "replica_max": 3}}}, (3, 1.0, 2**30)),
        ({"engine": {"arch": "x86", "accel": "none", "gpu": 1, "image": "x", "node_selector": "k=v"}}, (1, 1.0, 2**30)),
        ({"workspace_id": 3, "later": {"unknown": [1]}}, (1, 1.0, 2**30)),
    ],
)
def test_what_a_configuration_asks_for(config: dict[str, Any], expected: tuple[int, float, int]) -> None:
    """What the builders of all SDK versions write is understood; unknown keys are left alone."""
    assert expected == read(config)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1Gi", 2**30),
        ("512Mi", 2**29),
        ("131072Ki", 2**27),
        ("1.5Gi", 3 * 2**29),
        ("1G", 10**9),
        ("200M", 2 * 10**8),
        ("200000K", 2 * 10**8),
        ("2Ti", 2**41),
        (" 1 GiB ", 2**30),
        ("1GB", 10**9),
        ("134217728", 2**27),
        (2**30, 2**30),
    ],
)
def test_amounts_of_memory(text: Any, expected: int) -> None:
    """Kubernetes' units, with and without the B that people add."""
    assert expected == memory_bytes(text)


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"engine": []}, "engine should be an object"),
        ({"engine": {"resources": 3}}, "engine.resources should be an object"),
        ({"engine": {"resources": {"limits": "1Gi"}}}, "engine.resources.limits should be an object"),
        ({"engine": {"autoscale": 1}}, "engine.autoscale should be an object"),
        *(
            ({"engine": {"replicas": value}}, "engine.replicas should be a whole number from 1 to 64")
            for value in (0, -1, 65, 1.5, "2", True, [], 10**30)
        ),
        ({"engine": {"autoscale": {"replica_min": "two"}}}, "engine.autoscale.replica_min should be a whole number"),
        *(
            ({"engine": {"cpu": value}}, "engine.cpu should be a number above 0")
            for value in (0, -1, "many", "nan", "inf", [], {}, 10**6)
        ),
        *(
            (limits(memory=value), "engine.resources.limits.memory should be an amount from 128Mi to 64Ti")
            for value in ("", "1", "63Mi", "-1Gi", "1Xi", "Gi", "1Gi1", "1e9", 0, -5, 1.0, [], {}, True, "1,5Gi")
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_key(config: dict[str, Any], key: str) -> None:
    """The caller is told which key, what it should be and what it is."""
    with pytest.raises(InvalidRequest) as caught:
        read(config)
    assert f"'engine_config': {key}" in caught.value.message
    assert "; got " in caught.value.message
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, {}), ({}, {}), ({"engine": {"cpu": 1}}, {"engine": {"cpu": 1}}), ('{"engine": {}}', {"engine": {}})],
)
def test_a_configuration_may_be_text(given: Any, expected: dict[str, Any]) -> None:
    """Object, JSON text or nothing (A6)."""
    assert expected == engine_config(given)


@pytest.mark.parametrize("given", ["", "{", "[]", "null", "3", '{"a": 1, "a": 2}', '{"a": NaN}', "[" * 100 + "]" * 100])
def test_text_that_is_no_configuration_is_refused(given: str) -> None:
    """It is read as strictly as a body."""
    with pytest.raises(InvalidRequest):
        engine_config(given)


@pytest.mark.parametrize(
    ("engine", "gpus", "labels"),
    [
        ({}, 0, {}),
        ({"gpu": 2, "node_selector": "zone=north"}, 2, {"zone": "north"}),
        ({"gpu": 0.5, "node_selector": {"zone": "a", "disk": "fast"}}, 0.5, {"zone": "a", "disk": "fast"}),
        ({"resources": {"limits": {"nvidia.com/gpu": 1}}, "node_selector": {}}, 1, {}),
        ({"resources": {"limits": {"amd.com/gpu": "1"}}, "node_selector": ""}, 1, {}),
    ],
)
def test_which_machines_may_run_it(engine: dict[str, Any], gpus: float, labels: dict[str, str]) -> None:
    """Graphics processors and labels, as builders of all kinds of acceleration write them."""
    found = resources({"engine": engine}, DEFAULTS)
    assert (found.gpus, found.labels) == (gpus, labels)


@pytest.mark.parametrize(
    "engine",
    [
        {"gpu": -1},
        {"gpu": "many"},
        {"gpu": True},
        {"gpu": [1]},
        {"gpu": 65},
        {"resources": {"limits": {"amd.com/gpu": {}}}},
    ],
)
def test_graphics_processors_that_cannot_be(engine: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="graphics processors from 0 to 64"):
        resources({"engine": engine}, DEFAULTS)


@pytest.mark.parametrize("selector", ["fast", "=fast", "a=!b", "a=in(b)", {"a": 1}, ["a=b"], 3, {"": "b"}])
def test_labels_that_cannot_be(selector: object) -> None:
    with pytest.raises(InvalidRequest, match=r"engine\.node_selector should be a label of a machine"):
        resources({"engine": {"node_selector": selector}}, DEFAULTS)
