"""The steps of a pipeline as the wire has them (contract/steps.md): each an object with one key, its type."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.errors import InvalidRequest

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.model_version import ModelVersion

Step = dict[str, Any]


def inference(*models: ModelVersion) -> Step:
    """Return a step that runs models, all on the same input."""
    if not models:
        raise InvalidRequest("A step needs at least one model version; got none.")
    return {"ModelInference": {"models": [_reference(model) for model in models]}}


def random_split(weighted: Sequence[tuple[float, ModelVersion]], hash_key: str | None) -> Step:
    """Return a step that runs one of several models, chosen by weight, or by the hash of a column."""
    if not weighted:
        raise InvalidRequest("A random split needs at least one (weight, model version); got none.")
    weights = []
    for weight, model in weighted:
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not weight >= 0:
            raise InvalidRequest(f"A weight of a random split should be a number of at least 0; got {weight!r:.40}.")
        weights.append({"model": _reference(model), "weight": weight})
    return {"RandomSplit": {"hash_key": hash_key, "weights": weights}}


def key_split(default: ModelVersion, meta_key: str, routes: Mapping[str, ModelVersion]) -> Step:
    """Return a step that runs the model that a column's value names, else ``default``."""
    chosen = {value: _reference(model) for value, model in routes.items()}
    return {"MetaValueSplit": {"split_key": meta_key, "control": _reference(default), "routes": chosen}}


def shadow_deploy(champion: ModelVersion, challengers: Sequence[ModelVersion]) -> list[Step]:
    """Return the steps that answer with the champion's result and log the challengers' beside it."""
    return [inference(champion, *challengers), audit("1:"), {"MultiOut": {}}]


def audit(part: str) -> Step:
    """Return a step that logs some of the results, as ``"1:"`` or ``":2"``."""
    first, colon, last = part.partition(":")
    if not colon or not all(end == "" or end.isdecimal() for end in (first, last)):
        raise InvalidRequest(f"A part of the results is written as '1:', ':2' or '1:2'; got {part!r:.40}.")
    return {"AuditResults": {"from": int(first or 0), "to": int(last) if last else None}}


def select(index: int) -> Step:
    """Return a step that takes one of several results on."""
    return {"Nth": {"index": index}}


def checks(rules: Mapping[str, Any]) -> Step:
    """Return a step that marks rows for which a rule holds.

    Parameters
    ----------
    rules
        By name, polars expressions that are true for an anomaly, such as ``pl.col("out.variable").list.get(0) > 1e6``.
    """
    if not rules:
        raise InvalidRequest("A validation needs at least one rule, as add_validations(too_high=expression); got none.")
    return {"Check": {"tree": [_expression(name, rule) for name, rule in rules.items()]}}


def _expression(name: str, rule: Any) -> str:
    if name == "count":
        raise InvalidRequest("A rule cannot be called 'count': anomaly.count is how many rules held.")
    if not (hasattr(rule, "alias") and hasattr(rule, "meta")):
        raise InvalidRequest(f"Rule {name!r} should be a polars expression; got {type(rule).__name__}.")
    meta = rule.alias(name).meta
    text: str = meta.serialize(format="json") if hasattr(meta, "serialize") else meta.write_json()
    return json.dumps(_with_plain_lists(json.loads(text)))


def _with_plain_lists(node: Any) -> Any:
    """Return an expression with its lists of values as such; newer versions of polars write them as Arrow's bytes."""
    match node:
        case {"Literal": {"Scalar": {"List": list(body)}}}:
            import pyarrow as pa

            values = pa.ipc.open_stream(bytes(body)).read_all().column(0).combine_chunks()
            return {"Literal": {"Series": {"datatype": str(values.type), "values": values.to_pylist()}}}
        case dict():
            return {name: _with_plain_lists(value) for name, value in node.items()}
        case list():
            return [_with_plain_lists(value) for value in node]
    return node


def _reference(model: ModelVersion) -> dict[str, str]:
    reference = getattr(model, "reference", None)
    if reference is None:
        raise InvalidRequest(
            f"A step takes a model version; got {type(model).__name__}.",
            hint="wl.upload_model(…) returns one, and so does model.versions()[-1].",
        )
    found: dict[str, str] = reference()
    return found


def model_names(steps: Sequence[Step]) -> Iterator[str]:
    """Yield the names of the models that steps run, in order."""
    return (reference["name"] for reference in references(steps))


def references(steps: Sequence[Step]) -> Iterator[dict[str, str]]:
    """Yield the triples of name, version and sha by which steps name the models that they run, in order."""
    for step in steps:
        for kind, settings in step.items():
            if kind == "ModelInference":
                yield from settings["models"]
            elif kind == "RandomSplit":
                yield from (weight["model"] for weight in settings["weights"])
            elif kind == "MetaValueSplit":
                yield settings["control"]
                yield from settings["routes"].values()
