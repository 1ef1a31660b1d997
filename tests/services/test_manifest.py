"""Reading what is to be applied: nothing is passed over, and a mistake is named by its place."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.services import manifest
from jupyter_wallaroo.types.apply import ApplyPipeline, ChosenModel, KeySplit, Mode, Shadow, Split, State, WrittenStep

TEXT = """
atomic: false
pipelines:
- name: fraud
  workspace: team
  state: present
  mode: create
  expected_version: u
  steps:
  - model: a
  - model: {name: a, version: v}
  - split: {weights: {a: 2, b: 1}, hash_key: x}
  - key_split: {key: region, default: a, routes: {eu: b}}
  - shadow: {champion: a, challengers: [b, {name: c}]}
  resources: {replicas: 2, cpus: 0.5, memory: 1Gi}
- name: house
"""


def test_every_key_can_be_written() -> None:
    """As people write it, with the defaults of what is left out."""
    request = manifest.read(manifest.from_yaml(TEXT))
    assert (request.atomic, request.dry_run) == (False, False)
    fraud, house = request.pipelines
    assert fraud.steps == [
        WrittenStep(model="a"),
        WrittenStep(model=ChosenModel(name="a", version="v")),
        WrittenStep(split=Split(weights={"a": 2.0, "b": 1.0}, hash_key="x")),
        WrittenStep(key_split=KeySplit(key="region", default="a", routes={"eu": "b"})),
        WrittenStep(shadow=Shadow(champion="a", challengers=["b", ChosenModel(name="c")])),
    ]
    assert (fraud.workspace, fraud.state, fraud.mode) == ("team", State.PRESENT, Mode.CREATE)
    assert fraud.resources is not None and fraud.resources.memory == "1Gi"
    assert house == ApplyPipeline(name="house", state=State.DEPLOYED, mode=Mode.UPSERT)


def test_yaml_text_in_json_is_the_same() -> None:
    """A list, or a whole document; what is beside it counts too."""
    whole = manifest.read(manifest.from_yaml(TEXT))
    assert manifest.read({"yaml": TEXT}) == whole
    assert manifest.read({"yaml": "- name: house", "dry_run": True}).dry_run


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({}, "expected 'pipelines', a list of at least one pipeline"),
        ({"pipelines": []}, "Expected `array` of length >= 1 at `pipelines`"),
        ({"pipelines": [{"name": "a"}] * 101}, "Expected `array` of length <= 100"),
        ({"pipelines": [{}]}, "missing required field `name` at `pipelines[0]`"),
        ({"pipelines": ["a"]}, "Expected `object`, got `str` at `pipelines[0]`"),
        ({"pipelines": {"name": "a"}}, "Expected `array`, got `object`"),
        ({"piplines": []}, "unknown key 'piplines'. Did you mean 'pipelines'?"),
        ({"pipelines": [{"name": "a", "stat": "x"}]}, "'pipelines[0].stat'. Did you mean 'state'"),
        ({"pipelines": [{"name": "a", "state": "gone"}]}, "Invalid enum value 'gone' at `pipelines[0].state`"),
        (
            {"pipelines": [{"name": "a", "steps": [{"model": "a"}, {"shado": {}}]}]},
            "unknown key 'pipelines[0].steps[1].shado'. Did you mean 'shadow'?",
        ),
        (
            {"pipelines": [{"name": "a", "steps": [{"model": {"name": "a", "versoin": "v"}}]}]},
            "unknown key 'pipelines[0].steps[0].model.versoin'. Did you mean 'version'?",
        ),
        (
            {"pipelines": [{"name": "a", "steps": [{"key_split": {"key": "k", "default": "a", "route": {}}}]}]},
            "'pipelines[0].steps[0].key_split.route'. Did you mean 'routes'?",
        ),
        (
            {"pipelines": [{"name": "a", "steps": [{"shadow": {"champion": "a", "challengers": [{"nam": "b"}]}}]}]},
            "'pipelines[0].steps[0].shadow.challengers[0].nam'. Did you mean 'name'?",
        ),
        ({"pipelines": [{"name": "a", "resources": {"cpu": 1}}]}, "'pipelines[0].resources.cpu'. Did you mean 'cpus'?"),
        ({"yaml": "a: 1"}, "unknown key 'a'"),
        ({"yaml": "x"}, "expected a list of pipelines, or a mapping with 'pipelines'; got str"),
        ({"yaml": "yaml: x"}, "has a key 'yaml' itself"),
        ({"yaml": "- name: a", "pipelines": []}, "expected either 'pipelines' or 'yaml'; got both"),
        ({"yaml": 3}, "Expected `str | null`, got `int` at `yaml`"),
    ],
)
def test_a_mistake_is_named_by_its_place(value: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        manifest.read(value)
    assert sentence in str(caught.value)


def test_the_callers_own_parts_may_hold_anything() -> None:
    """A definition and a configuration of the wire are checked by those who read them."""
    item = {"name": "a", "definition": {"steps": [], "mine": 1}, "engine_config": {"engine": {"image": "x"}}}
    (read,) = manifest.read({"pipelines": [item]}).pipelines
    assert (read.definition, read.engine_config) == (item["definition"], item["engine_config"])
