"""What differs between two states of a pipeline: its steps and models, its configuration, who made it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import Any

from jupyter_wallaroo.secret import MASK
from jupyter_wallaroo.services import definitions, resources
from jupyter_wallaroo.services.step_facts import facts, key, said_of, shown, summary, word
from jupyter_wallaroo.supervisor.spec import Autoscale, Resources
from jupyter_wallaroo.types.deployment import EngineConfig
from jupyter_wallaroo.types.difference import Action, Difference
from jupyter_wallaroo.types.model import ModelReference
from jupyter_wallaroo.types.pipeline import Definition
from jupyter_wallaroo.types.steps import Step

_NOTHING = object()

_SAID = {"replicas", "cpu", "autoscale", "resources"}
"""Parts of ``engine`` that `of_configurations` compares by what they come to."""

_UNSAID = {"workspace_id"}
"""What the vendor's client adds to every configuration, and nothing here reads."""


def changed(path: str, label: str, before: Any, after: Any) -> Difference:
    """Return the difference between two values of one thing."""
    text = f"{label} {shown(before)} → {shown(after)}"
    return Difference(action=Action.CHANGE, path=path, before=_wire(before), after=_wire(after), text=text)


def _plainly(path: str, before: Any, after: Any) -> Difference:
    """Return the difference between two amounts or names, which stand without quotes."""
    text = f"{path}: {before} → {after}"
    return Difference(action=Action.CHANGE, path=path, before=before, after=after, text=text)


def of_definitions(before: Definition, after: Definition) -> list[Difference]:
    """Return what differs between two definitions: steps by what they are, so that one that is removed moves no other.

    Examples
    --------
    >>> model = {"name": "net", "version": "0b989008-5f1d", "sha": "aaaaaaaaaaaa"}
    >>> step = {"ModelInference": {"models": [model]}}
    >>> [item.line for item in of_definitions({"steps": [step, {"Average": {}}]}, {"steps": [step]})]
    ['- step 1, Average']
    """
    found = list(_of_steps(definitions.steps(before), definitions.steps(after)))
    if not found and before.get("steps") != after.get("steps"):
        text = "keys of the steps that nothing here reads changed"
        found.append(Difference(action=Action.CHANGE, path="steps", text=text))
    others = [name for name in {**before, **after} if name != "steps" and before.get(name) != after.get(name)]
    return found + [changed(name, f"{name!r} of the definition:", before.get(name), after.get(name)) for name in others]


def _of_steps(before: list[Step], after: list[Step]) -> Iterator[Difference]:
    matcher = SequenceMatcher(None, [key(step) for step in before], [key(step) for step in after], autojunk=False)
    for _, first, last, start, end in matcher.get_opcodes():
        old, new = list(range(first, last)), list(range(start, end))
        while old and new and type(before[old[0]]) is type(after[new[0]]):
            place = new.pop(0)
            yield from _of_step(before[old.pop(0)], after[place], place)
        for place in old:
            yield _step(Action.REMOVE, before[place], place)
        for place in new:
            yield _step(Action.ADD, after[place], place)


def _step(action: Action, step: Step, place: int) -> Difference:
    text = f"step {place}, {summary(step)}"
    said = {fact.path: _wire(fact.value) for fact in facts(step)}
    before, after = (said, None) if action is Action.REMOVE else (None, said)
    return Difference(action=action, path=f"steps[{place}]", before=before, after=after, text=text)


def _of_step(before: Step, after: Step, place: int) -> Iterator[Difference]:
    old, new = ({fact.path: fact for fact in facts(step)} for step in (before, after))
    for path in {**old, **new}:
        fact = new.get(path) or old[path]
        label = f"step {place}, {word(after)}: {fact.label}".rstrip()
        where = f"steps[{place}].{path}"
        was = old[path].value if path in old else _NOTHING
        now = new[path].value if path in new else _NOTHING
        if was is _NOTHING or now is _NOTHING:
            action, value = (Action.ADD, now) if was is _NOTHING else (Action.REMOVE, was)
            sides = {"after" if was is _NOTHING else "before": _wire(value)}
            text = f"step {place}, {word(after)}: {said_of(fact)}"
            yield Difference(action=action, path=where, text=text, **sides)
        elif was != now and fact.is_rule:
            text = f"{label} changed"
            yield Difference(action=Action.CHANGE, path=where, before=was, after=now, text=text)
        elif was != now:
            yield changed(where, label, was, now)


def of_configurations(before: EngineConfig, after: EngineConfig, defaults: Resources) -> list[Difference]:
    """Return what differs between two deployment configurations: replicas, CPUs and memory as they come out.

    Parameters
    ----------
    defaults
        What holds where a configuration says nothing.
    """
    old, new = resources.resources(before, defaults), resources.resources(after, defaults)
    found = [
        _plainly(path, was, now)
        for path, was, now in (
            ("replicas", old.replicas, new.replicas),
            ("autoscale", _scaling(old.autoscale), _scaling(new.autoscale)),
            ("cpus", old.cpus, new.cpus),
            ("memory", _amount(old.memory_bytes), _amount(new.memory_bytes)),
        )
        if was != now
    ]
    was_flat, now_flat = dict(_flat(_other(before))), dict(_flat(_other(after)))
    for path in {**was_flat, **now_flat}:
        was, now = was_flat.get(path), now_flat.get(path)
        if was == now:
            continue
        if path.endswith(".env"):
            text = f"variables {path} changed"
            found.append(Difference(action=Action.CHANGE, path=path, before=MASK, after=MASK, text=text))
        else:
            found.append(changed(path, f"{path}:", was, now))
    return found


def _other(config: EngineConfig) -> EngineConfig:
    rest = {name: value for name, value in config.items() if name not in _UNSAID}
    if isinstance(rest.get("engine"), dict):
        engine = {name: value for name, value in rest["engine"].items() if name not in _SAID}
        limits = ((config["engine"].get("resources") or {}).get("limits")) or {}
        others = {name: value for name, value in limits.items() if name not in ("cpu", "memory")}
        rest["engine"] = engine | ({"resources": {"limits": others}} if others else {})
    return rest


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _flat(item, f"{path}.{name}" if path else name)
    elif value not in (None, []):
        yield path, value


def _amount(memory_bytes: int) -> str:
    return f"{memory_bytes / 2**30:g}Gi" if memory_bytes else "no limit"


def _scaling(found: Autoscale | None) -> str:
    return found.words if found else "off"


def of_authors(before: str, after: str) -> list[Difference]:
    """Return whether two versions were made by different users."""
    if before == after:
        return []
    return [_plainly("author", before, after)]


def lines(found: Iterable[Difference]) -> str:
    """Return differences as lines for a reader."""
    return "\n".join(difference.line for difference in found)


def _wire(value: Any) -> Any:
    return {"name": value.name, "version": value.version, "sha": value.sha} if _is_model(value) else value


def _is_model(value: Any) -> bool:
    return isinstance(value, ModelReference)
