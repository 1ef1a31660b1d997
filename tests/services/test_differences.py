"""Differences between definitions and configurations: what differs is said once, in words, and nothing else is."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from jupyter_wallaroo.secret import MASK
from jupyter_wallaroo.services import differences
from jupyter_wallaroo.supervisor.spec import Resources
from tests.services.test_definitions import STEPS

DEFAULTS = Resources(replicas=1, cpus=1.0, memory_bytes=4 * 2**30)


def model(name: str, version: str = "1") -> dict[str, str]:
    return {"name": name, "version": version * 36, "sha": version * 64}


def infer(*names: dict[str, str]) -> dict[str, Any]:
    return {"ModelInference": {"models": list(names)}}


def split(hash_key: str | None = None, **weights: float) -> dict[str, Any]:
    chosen = [{"model": model(name), "weight": weight} for name, weight in weights.items()]
    return {"RandomSplit": {"hash_key": hash_key, "weights": chosen}}


def keyed(default: str = "a", **routes: str) -> dict[str, Any]:
    chosen = {value: model(name) for value, name in routes.items()}
    return {"MetaValueSplit": {"split_key": "k", "control": model(default), "routes": chosen}}


def check(**rules: int) -> dict[str, Any]:
    def text(name: str, limit: int) -> str:
        left, right = {"Column": "out.y"}, {"Literal": {"Int32": limit}}
        return json.dumps({"Alias": [{"BinaryExpr": {"left": left, "op": "Gt", "right": right}}, name]})

    return {"Check": {"tree": [text(name, limit) for name, limit in rules.items()]}}


def lines(before: list[Any], after: list[Any]) -> list[str]:
    return [item.line for item in differences.of_definitions({"steps": before}, {"steps": after})]


A, B, C = infer(model("a")), infer(model("b")), infer(model("c"))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([A], [A], []),
        ([], [A], ["+ step 0, model: 'a' version 11111111 (sha 11111111)"]),
        ([A, B, C], [A, C], ["- step 1, model: 'b' version 11111111 (sha 11111111)"]),
        ([A, C], [A, B, C], ["+ step 1, model: 'b' version 11111111 (sha 11111111)"]),
        (
            [A],
            [infer(model("a", "2"))],
            ["~ step 0, model: 'a' version 11111111 (sha 11111111) → 'a' version 22222222 (sha 22222222)"],
        ),
        ([A], [B], ["~ step 0, model: 'a' version 11111111 (sha 11111111) → 'b' version 11111111 (sha 11111111)"]),
        ([split(a=2, b=1)], [split(a=2, b=0.5)], ["~ step 0, split: weight of 'b' 1 → 0.5"]),
        ([split(a=2)], [split("id", a=2)], ["~ step 0, split: hash key none → 'id'"]),
        (
            [split(a=2)],
            [split(a=2, b=1)],
            ["+ step 0, split: model 'b' version 11111111 (sha 11111111)", "+ step 0, split: weight of 'b' 1"],
        ),
        (
            [keyed(eu="b")],
            [keyed(us="b")],
            [
                "+ step 0, key split: route 'us' 'b' version 11111111 (sha 11111111)",
                "- step 0, key split: route 'eu' 'b' version 11111111 (sha 11111111)",
            ],
        ),
        ([A, check(high=1, low=2)], [A, check(high=3, low=2)], ["~ step 1, validations: rule 'high' changed"]),
        ([A], [A, check(high=1)], ["+ step 1, validations: rule 'high'"]),
        (
            [A, {"AuditResults": {"from": 1, "to": None}}],
            [A, {"AuditResults": {"from": 1, "to": 2}}],
            ["~ step 1, AuditResults: to none → 2"],
        ),
        (
            [A],
            [split(a=1)],
            [
                "- step 0, model: 'a' version 11111111 (sha 11111111)",
                "+ step 0, split: model 'a' version 11111111 (sha 11111111), weight of 'a' 1",
            ],
        ),
    ],
)
def test_steps(before: list[Any], after: list[Any], expected: list[str]) -> None:
    """A step that goes or comes moves no other one."""
    assert sorted(lines(before, after)) == sorted(expected)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: next(iter(step)))
def test_every_step_of_the_sdk_has_words(step: dict[str, Any]) -> None:
    """Added, and taken away."""
    assert len(lines([], [step])) == len(lines([step], [])) == 1


def test_two_versions_of_one_model_are_told_apart() -> None:
    chosen = [{"model": model("a", version), "weight": 1} for version in "12"]
    before = {"RandomSplit": {"weights": chosen}}
    after = copy.deepcopy(before)
    after["RandomSplit"]["weights"][1]["weight"] = 5
    assert lines([before], [after]) == ["~ step 0, split: weight of 'a (2)' 1 → 5"]


def test_definitions_that_are_not_equal_differ_by_something() -> None:
    """Else a change of what nothing here reads would be lost as the same."""
    before = {"id": "a", "steps": [A]}
    assert [item.text for item in differences.of_definitions(before, {"id": "b", "steps": [A]})] == [
        "'id' of the definition: 'a' → 'b'"
    ]
    odd = {"id": "a", "steps": [{"ModelInference": {**A["ModelInference"], "mine": 1}}]}
    assert len(differences.of_definitions(before, odd)) == 1
    assert len(differences.of_definitions({}, {"steps": []})) == 1


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({}, {"engine": {"replicas": 1, "cpu": 1}, "workspace_id": 3}, []),
        ({}, {"engine": {"replicas": 3}}, ["replicas: 1 → 3"]),
        (
            {},
            {"engine": {"resources": {"limits": {"memory": "512Mi", "cpu": 2}}}},
            ["cpus: 1.0 → 2.0", "memory: 4Gi → 0.5Gi"],
        ),
        ({"engine": {"arch": "x86"}}, {"engine": {"arch": "arm"}}, ["engine.arch: 'x86' → 'arm'"]),
        ({}, {"enginelb": {"resources": {"limits": {"cpu": 1}}}}, ["enginelb.resources.limits.cpu: none → 1"]),
    ],
)
def test_configurations(before: dict[str, Any], after: dict[str, Any], expected: list[str]) -> None:
    """By what they come to, not by how they are written."""
    assert [item.text for item in differences.of_configurations(before, after, DEFAULTS)] == expected


def test_values_of_variables_are_not_shown() -> None:
    def config(value: str) -> dict[str, Any]:
        return {"engineAux": {"images": {"net-1": {"env": [{"name": "KEY", "value": value}]}}}}

    (found,) = differences.of_configurations(config("secret-1"), config("secret-2"), DEFAULTS)
    assert (found.before, found.after) == (MASK, MASK)
    assert found.text == "variables engineAux.images.net-1.env changed"
