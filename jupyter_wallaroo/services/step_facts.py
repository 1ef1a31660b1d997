"""What there is to say of a step: facts that can be compared one by one, and words for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from jupyter_wallaroo import strict_json
from jupyter_wallaroo.types.model import ModelReference
from jupyter_wallaroo.types.steps import Check, MetaValueSplit, ModelInference, RandomSplit, Step

SHOWN_DIGITS = 8
"""Characters of a UUID or a SHA-256 that a line shows."""

_WORDS: dict[type[Any], str] = {
    ModelInference: "model",
    RandomSplit: "split",
    MetaValueSplit: "key split",
    Check: "validations",
}


class Fact(Struct, frozen=True):
    """One fact of a step: ``path`` for a program, ``label`` and ``value`` for a reader."""

    path: str
    label: str
    value: Any
    is_rule: bool = False


def word(step: Step) -> str:
    """Return what a kind of step is called: as people write it, else as the wire has it."""
    return _WORDS.get(type(step), type(step).__name__)


def key(step: Step) -> tuple[str, ...]:
    """Return what makes two steps the same step in two definitions: its kind and the names of its models."""
    names = tuple(fact.value.name for fact in facts(step) if isinstance(fact.value, ModelReference))
    return (type(step).__name__, *names)


def facts(step: Step) -> list[Fact]:
    """Return all facts of a step, in order."""
    if isinstance(step, ModelInference):
        return [Fact(f"models[{number}]", "", model) for number, model in enumerate(step.models)]
    if isinstance(step, RandomSplit):
        return [*_weights(step), Fact("hash_key", "hash key", step.hash_key)]
    if isinstance(step, MetaValueSplit):
        routes = [Fact(f"routes[{value!r}]", f"route {value!r}", model) for value, model in step.routes.items()]
        return [Fact("split_key", "key", step.split_key), Fact("control", "default", step.control), *routes]
    if isinstance(step, Check):
        return [
            Fact(f"tree[{name!r}]", f"rule {name!r}", text, is_rule=True)
            for name, text in _distinct((_rule_name(text), text) for text in step.tree)
        ]
    return [Fact(name, name, value) for name, value in msgspec.to_builtins(step).items()]


def _weights(step: RandomSplit) -> Iterator[Fact]:
    for name, item in _distinct((item.model.name, item) for item in step.weights):
        yield Fact(f"weights[{name!r}].model", "model", item.model)
        yield Fact(f"weights[{name!r}].weight", f"weight of {name!r}", item.weight)


def _distinct(named: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield names that come again with a number."""
    seen: Counter[str] = Counter()
    for name, item in named:
        seen[name] += 1
        yield (name if seen[name] == 1 else f"{name} ({seen[name]})"), item


def _rule_name(text: str) -> str:
    """Return what a rule of a check is called, in either grammar."""
    value = strict_json.decode(text.encode())
    if "Alias" in value:
        return str(value["Alias"][-1])
    return ", ".join(value.get("validations") or value.get("values") or ["?"])


def shown(value: Any) -> str:
    """Return a value as a line shows it.

    Examples
    --------
    >>> shown(2.0), shown(None), shown("eu")
    ('2', 'none', "'eu'")
    """
    if isinstance(value, ModelReference):
        return f"{value.name!r} version {value.version[:SHOWN_DIGITS]} (sha {value.sha[:SHOWN_DIGITS]})"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"{value:g}"
    if isinstance(value, str):
        return repr(value) if len(value) <= 40 else repr(value[:40])[:-1] + "…'"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else text[:60] + "…"


def summary(step: Step) -> str:
    """Return a step in one line."""
    said = ", ".join(said_of(fact) for fact in facts(step) if fact.value is not None)
    return f"{word(step)}: {said}" if said else word(step)


def said_of(fact: Fact) -> str:
    """Return a fact as a line shows it; a rule, which is long, by its name only."""
    return fact.label if fact.is_rule else f"{fact.label} {shown(fact.value)}".strip()
