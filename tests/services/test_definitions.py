"""Pipeline definitions, read: every step the SDK can build, and a place for every mistake."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.services import definitions
from jupyter_wallaroo.types.model import ModelReference
from jupyter_wallaroo.types.plan import InferStep, RandomSplitStep

M = {"name": "net", "version": "0b989008-5f1d-453e-8085-98d97be1b722", "sha": "a" * 64}
N = {**M, "name": "other"}
INFER = {"ModelInference": {"models": [M]}}

RULE = json.dumps(
    {"Alias": [{"BinaryExpr": {"left": {"Column": "out.y"}, "op": "Gt", "right": {"Literal": {"Int32": 1}}}}, "high"]}
)

STEPS: list[dict[str, Any]] = [
    INFER,
    {"ModelInference": {"models": [M, N]}},
    {"AuditResults": {"from": 1, "to": None}},
    {"Nth": {"index": 0}},
    {"MultiOut": {}},
    {"RandomSplit": {"hash_key": None, "weights": [{"model": M, "weight": 2}]}},
    {"MetaValueSplit": {"split_key": "k", "control": M, "routes": {"v": N}}},
    {"Check": {"tree": [RULE]}},
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
    assert next(iter(step)) == type(definitions.steps(definition)[1]).__name__


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
        (
            {"steps": [{"ModelInference": {}}]},
            "'definition.steps[0].ModelInference': Object missing required field `models`",
        ),
        ({"steps": [{"ModelInference": {"models": []}}]}, "ModelInference.models': Expected `array` of length >= 1"),
        ({"steps": [{"ModelInference": {"models": M}}]}, "ModelInference.models': Expected `array`, got `object`"),
        ({"steps": [{"ModelInference": None}]}, "Object missing required field `models`"),
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
    """Models of every step that runs any, each time it names one."""
    definition = {"steps": [{"ModelInference": {"models": [M, N]}}, STEPS[5], STEPS[6]]}
    expected = [M, N, M, M, N]
    assert [ModelReference(**model) for model in expected] == list(definitions.references(definition))


RUNNABLE = [step for step in STEPS if next(iter(step)) not in ("ColumnsToRows", "RowsToModels")]


@pytest.mark.parametrize("step", RUNNABLE, ids=lambda step: next(iter(step)))
def test_steps_after_a_model_can_be_deployed(step: dict[str, Any]) -> None:
    """Compiled, they refer to the models of the plan by number."""
    definition = {"steps": [INFER, step]}
    definitions.check_runnable(definition, "pipe")
    numbers = range(len(list(definitions.references(definition))))
    compiled = definitions.compiled(definition, numbers)
    assert compiled[0] == InferStep(models=[0])
    assert len(compiled) == (1 if next(iter(step)) in ("MultiOut", "InputDataToType") else 2)


def test_a_random_split_has_shares_of_one() -> None:
    """Weights are relative (2:1:1 is a half and two quarters)."""
    weights = [{"model": M, "weight": weight} for weight in (2, 1, 1)]
    (step,) = definitions.compiled({"steps": [{"RandomSplit": {"weights": weights, "hash_key": "id"}}]}, [4, 5, 6])
    assert step == RandomSplitStep(models=[4, 5, 6], shares=[0.5, 0.25, 0.25], hash_key="id")


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ([INFER, {"ColumnsToRows": {}}], "type 'ColumnsToRows', which cannot be deployed"),
        ([INFER, STEPS[-2]], "type 'RowsToModels', which cannot be deployed"),
        ([{"Nth": {"index": 0}}], "type 'Nth' before any model has given a result"),
        ([{"Check": {"tree": [RULE]}}], "type 'Check' before any model has given a result"),
        ([STEPS[1], {"Nth": {"index": 2}}], "selects result 2; there are 2, counted from 0"),
        ([STEPS[1], {"Nth": {"index": 1}}, {"Nth": {"index": 1}}], "selects result 1; there are 1, counted from 0"),
    ],
)
def test_what_cannot_be_run_is_refused_at_deployment(steps: list[dict[str, Any]], sentence: str) -> None:
    """Not at the first inference, and never silently left out."""
    with pytest.raises(InvalidRequest) as caught:
        definitions.check_runnable({"steps": steps}, "pipe")
    assert sentence in caught.value.message


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ({"RandomSplit": {"weights": []}}, "RandomSplit.weights': Expected `array` of length >= 1"),
        ({"RandomSplit": {"weights": [{"model": M, "weight": 0}]}}, "expected at least one weight above 0"),
        ({"RandomSplit": {"weights": [{"model": M, "weight": -1}]}}, "weights[0].weight': Expected `float` >= 0"),
        (
            {"MetaValueSplit": {"split_key": "k", "control": M}},
            "MetaValueSplit': Object missing required field `routes`",
        ),
        ({"Nth": {"index": -1}}, "Nth.index': Expected `int` >= 0"),
        ({"Check": {"tree": ["{}"]}}, "Check.tree[0]': expected a polars expression with an alias"),
        ({"Check": {"tree": [RULE.replace("high", "count")]}}, "'count' cannot be the name of a rule"),
    ],
)
def test_a_step_that_cannot_be_is_refused_when_it_is_saved(step: dict[str, Any], sentence: str) -> None:
    """With the place of the mistake."""
    with pytest.raises(InvalidRequest) as caught:
        definitions.read({"steps": [INFER, step]})
    assert sentence in caught.value.message
