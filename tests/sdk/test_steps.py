"""Steps have the JSON of contract/steps.md, and the server takes each of them into a definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import Client, steps
from jupyter_wallaroo.sdk.model_version import ModelVersion
from jupyter_wallaroo.sdk.pipeline import Pipeline
from tests.sdk.conftest import unique


@pytest.fixture(scope="module")
def versions(wl: Client, model_file: Path) -> list[ModelVersion]:
    return [wl.upload_model(name, model_file) for name in ("champion", "challenger")]


@pytest.fixture
def pipeline(wl: Client) -> Pipeline:
    return wl.build_pipeline(unique("steps"))


class Rule:
    """What of a polars expression is used."""

    def __init__(self, name: str = "") -> None:
        self.meta = self
        self._name = name

    def alias(self, name: str) -> Rule:
        return Rule(name)

    def write_json(self) -> str:
        return f'{{"Alias": [{{"Column": "out.y"}}, "{self._name}"]}}'


def test_each_step_has_its_form(pipeline: Pipeline, versions: list[ModelVersion]) -> None:
    a, b = (version.reference() for version in versions)
    champion, challenger = versions
    made = (
        pipeline.add_model_step(champion)
        .add_multi_model_step(versions)
        .add_random_split([(2, champion), (1, challenger)], "session")
        .add_key_split(champion, "card_type", {"gold": challenger})
        .add_shadow_deploy(champion, [challenger])
        .add_validations(too_high=Rule())
    )
    assert made is pipeline
    expected: list[dict[str, Any]] = [
        {"ModelInference": {"models": [a]}},
        {"ModelInference": {"models": [a, b]}},
        {"RandomSplit": {"hash_key": "session", "weights": [{"model": a, "weight": 2}, {"model": b, "weight": 1}]}},
        {"MetaValueSplit": {"split_key": "card_type", "control": a, "routes": {"gold": b}}},
        {"ModelInference": {"models": [a, b]}},
        {"AuditResults": {"from": 1, "to": None}},
        {"MultiOut": {}},
        {"Check": {"tree": ['{"Alias": [{"Column": "out.y"}, "too_high"]}']}},
    ]
    assert pipeline.steps() == expected
    stored = pipeline.create_version()
    assert stored.definition() == {"id": pipeline.name(), "steps": expected}
    assert pipeline.versions()[0] == stored


def test_names_of_models_are_told_in_order(pipeline: Pipeline, versions: list[ModelVersion]) -> None:
    """S2-24: the row *steps*."""
    champion, challenger = versions
    pipeline.add_key_split(champion, "k", {"v": challenger}).add_random_split([(1, challenger)])
    assert list(steps.model_names(pipeline.steps())) == ["champion", "challenger", "challenger"]
    assert "<th>steps</th> <td>champion, challenger, challenger</td>" in pipeline._repr_html_()


def test_a_draft_can_be_mended(pipeline: Pipeline, versions: list[ModelVersion]) -> None:
    champion, challenger = versions
    pipeline.add_model_step(champion).add_model_step(champion)
    pipeline.replace_with_model_step(1, challenger)
    assert list(steps.model_names(pipeline.steps())) == ["champion", "challenger"]
    pipeline.remove_step(0)
    assert list(steps.model_names(pipeline.steps())) == ["challenger"]
    for index in (1, -1):
        with pytest.raises(InvalidRequest, match=f"There is no step {index}"):
            pipeline.remove_step(index)
    assert pipeline.clear().steps() == []


def test_slices_of_results() -> None:
    assert steps.audit("1:") == {"AuditResults": {"from": 1, "to": None}}
    assert steps.audit(":2") == {"AuditResults": {"from": 0, "to": 2}}
    assert steps.select(1) == {"Nth": {"index": 1}}
    for part in ("1", "a:b", "1:2:3"):
        with pytest.raises(InvalidRequest, match="written as"):
            steps.audit(part)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda p, _: p.add_model_step("champion"), "A step takes a model version; got str"),
        (lambda p, _: p.add_multi_model_step([]), "at least one model version"),
        (lambda p, _: p.add_random_split([]), "at least one"),
        (lambda p, v: p.add_random_split([(-1, v)]), "A weight"),
        (lambda p, v: p.add_random_split([("1", v)]), "A weight"),
        (lambda p, _: p.add_validations(), "at least one rule"),
        (lambda p, _: p.add_validations(count=Rule()), "cannot be called 'count'"),
        (lambda p, _: p.add_validations(high=5), "Rule 'high' should be a polars expression; got int"),
    ],
)
def test_what_cannot_be_a_step_is_refused_and_leaves_the_draft(
    pipeline: Pipeline, versions: list[ModelVersion], call: Any, complaint: str
) -> None:
    with pytest.raises(InvalidRequest, match=complaint):
        call(pipeline, versions[0])
    assert pipeline.steps() == []
