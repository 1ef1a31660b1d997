"""Pipeline definitions, read: every step the SDK can build, and a place for every mistake."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.services import definitions
from jupyter_wallaroo.types.model import ModelReference

M = {"name": "net", "version": "0b989008-5f1d-453e-8085-98d97be1b722", "sha": "a" * 64}
N = {**M, "name": "other"}
INFER = {"ModelInference": {"models": [M]}}

STEPS: list[dict[str, Any]] = [
    INFER,
    {"ModelInference": {"models": [M, N]}},
    {"AuditResults": {"from": 1, "to": None}},
    {"Nth": {"index": 0}},
    {"MultiOut": {}},
    {"RandomSplit": {"hash_key": None, "weights": [{"model": M, "weight": 2}]}},
    {"MetaValueSplit": {"split_key": "k", "control": M, "routes": {"v": N}}},
    {"Check": {"tree": ["{}"]}},
    {"Average": {}},
    {"ColumnsSelect": {"columns": [0]}},
    {"ColumnsToRows": {}},
    {"RowsToModels": {"rows_to_models": [{"row_index": 0, "model": M}]}},
    {"InputDataToType": {"data_type": "ValidDataType.f32"}},
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: next(iter(step)))
def test_every_step_of_the_sdk_is_stored_as_it_was_sent(step: dict[str, Any]) -> None:
    """Whether or not it can be run yet, as an object or as text (contract/steps.md)."""
    definition = {"id": "pipe", "steps": [INFER, step]}
    assert definition == definitions.read(definition)
    assert definition == definitions.read(json.dumps(definition))
    assert next(iter(step)) == list(definitions.steps(definition))[1][0]


@pytest.mark.parametrize("given", [None, "", {}, "{}"])
def test_nothing_is_an_empty_definition(given: Any) -> None:
    """``build_pipeline()`` posts ``{}`` first (A1)."""
    assert definitions.read(given) == {}


def test_unknown_keys_are_kept() -> None:
    """The definition is the caller's; only what we use is looked at."""
    definition = {"id": "p", "steps": [], "alert_configurations": []}
    assert definition == definitions.read(definition)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([], "'definition': expected an object; got list"),
        ("[]", "'definition': expected an object; got list"),
        ("null", "'definition': expected an object; got NoneType"),
        ("{", "not valid JSON"),
        ('{"steps": [], "steps": []}', "the key 'steps' twice"),
        ({"steps": "x"}, "'definition.steps': expected a list; got str"),
        ({"steps": {"Nth": {}}}, "'definition.steps': expected a list; got dict"),
        ({"steps": [INFER, "Nth"]}, "'definition.steps[1]': expected an object with one key"),
        ({"steps": [{}]}, "'definition.steps[0]': expected an object with one key"),
        ({"steps": [{"Nth": {}, "MultiOut": {}}]}, "'definition.steps[0]': expected an object with one key"),
        ({"steps": [{"nth": {}}]}, "'definition.steps[0]': unknown step type 'nth'; expected one of ModelInference"),
        ({"steps": [{"ModelInference": {}}]}, "'definition.steps[0].ModelInference.models': expected a non-empty list"),
        ({"steps": [{"ModelInference": {"models": []}}]}, "ModelInference.models': expected a non-empty list"),
        ({"steps": [{"ModelInference": {"models": M}}]}, "ModelInference.models': expected a non-empty list"),
        ({"steps": [{"ModelInference": None}]}, "ModelInference.models': expected a non-empty list"),
        ({"steps": [{"ModelInference": {"models": [M, 3]}}]}, "'definition.steps[0].ModelInference.models[1]'"),
        ({"steps": [{"ModelInference": {"models": [{"name": "net"}]}}]}, "missing required field `version`"),
        ({"steps": [{"ModelInference": {"models": [{**M, "sha": 3}]}}]}, "Expected `str`, got `int`"),
    ],
)
def test_a_mistake_is_named_by_its_place(given: Any, sentence: str) -> None:
    """A definition may be long; the message has the path to the fault."""
    with pytest.raises(InvalidRequest) as caught:
        definitions.read(given)
    assert sentence in caught.value.message


def test_references_are_in_the_order_of_the_steps() -> None:
    """Models of inference steps only: those of other steps are not run yet."""
    definition = {"steps": [{"ModelInference": {"models": [M, N]}}, STEPS[5], {"ModelInference": {"models": [N]}}]}
    assert [ModelReference(**M), ModelReference(**N), ModelReference(**N)] == list(definitions.references(definition))


def test_a_chain_of_models_can_be_deployed() -> None:
    """One model after the other is what this version runs."""
    definitions.check_runnable({"steps": [INFER, INFER]}, "pipe")
    definitions.check_runnable({}, "pipe")


@pytest.mark.parametrize("step", STEPS[1:], ids=lambda step: next(iter(step)))
def test_a_step_that_cannot_be_run_is_refused_at_deployment(step: dict[str, Any]) -> None:
    """Not at the first inference, and never silently left out."""
    with pytest.raises(InvalidRequest, match="cannot be deployed yet"):
        definitions.check_runnable({"steps": [INFER, step]}, "pipe")
