"""The YAML of a Haystack 2 pipeline, read and looked into without anything of it being imported or run (SECURITY C7).

A definition names classes and settings. Haystack imports whatever is named, so names are held to Haystack's own
packages; settings that name functions, switch a sandbox off or have a downloaded model bring its code are refused.
Templates of prompts, adapters and routers stay: Jinja's sandbox runs them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jupyter_wallaroo.conversion.libraries import need
from jupyter_wallaroo.engine.runtimes.haystack import documents
from jupyter_wallaroo.errors import InvalidModel, not_found

EXTRA = "haystack"
MAX_TEXT_BYTES = 4 * 2**20
MAX_VALUES = 200_000
"""Values in a definition, those behind an alias counted each time, so that a few lines cannot unfold without end."""

_CLASS = re.compile(r"(haystack|haystack_integrations)(\.\w+)*\.[A-Z]\w*", re.ASCII)
_TYPE_NAMES = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)
_TYPE_SETTINGS = frozenset({"type_", "list_type_", "output_type"})
_TYPE_MODULES = ("haystack.dataclasses.", "typing.", "collections.abc.")
_CALLABLE = re.compile(r"(\w+_)?(callback|callable|function|handler|hooks?|provider)|api_key", re.ASCII)
_FUNCTIONS = "custom_filters"
_SWITCHES = frozenset({"unsafe", "trust_remote_code"})

_CONFINED = tuple(
    f"haystack.{module}."
    for module in (
        "components.builders",
        "components.caching",
        "components.converters.output_adapter",
        "components.evaluators.answer_exact_match",
        "components.evaluators.document_map",
        "components.evaluators.document_mrr",
        "components.evaluators.document_ndcg",
        "components.evaluators.document_recall",
        "components.joiners",
        "components.preprocessors.document_cleaner",
        "components.preprocessors.text_cleaner",
        "components.rankers.lost_in_the_middle",
        "components.rankers.meta_field",
        "components.rankers.meta_field_grouping_ranker",
        "components.retrievers",
        "components.routers.conditional_router",
        "components.routers.document_length_router",
        "components.routers.document_type_router",
        "components.routers.metadata_router",
        "components.samplers",
        "components.validators",
        "components.writers",
        "document_stores.in_memory",
    )
)
"""What neither loads weights, reads files, starts processes nor calls elsewhere, whatever its settings and inputs."""


@dataclass(frozen=True)
class Definition:
    """What a definition says.

    Parameters
    ----------
    pipeline
        What Haystack makes the pipeline of.
    inputs
        Components' inputs (``component.input``) by the names that the definition declares for columns.
    outputs
        A component's output by such a name.
    documents
        What is to be written to the in-memory document stores, from ``metadata.documents``.
    """

    pipeline: dict[str, Any]
    inputs: dict[str, list[str]]
    outputs: dict[str, list[str]]
    documents: list[dict[str, Any]]

    @property
    def types(self) -> dict[str, str]:
        """The class of each component."""
        return {name: component["type"] for name, component in self.pipeline["components"].items()}

    def unconfined(self) -> list[str]:
        """Return the classes that may do more than work on what they are given in memory."""
        named = {named for _, _, named in _named_classes(self.pipeline["components"])}
        return sorted(name for name in named if not name.startswith(_CONFINED))


def read(text: bytes, label: str) -> Definition:
    """Return a definition that names nothing but Haystack's classes and plain settings.

    Parameters
    ----------
    text
        YAML.
    label
        How messages call it.

    Raises
    ------
    InvalidModel
        Says which component, setting or connection is wrong.
    """
    found = _mapping(_parsed(text, label), f"{label}: a Haystack pipeline", "'components' and 'connections'")
    _count(found, label)
    components = _mapping(found.get("components"), f"{label}: 'components'", "components by name")
    if not components:
        raise InvalidModel(f"{label} has no components.", hint="Write it with pipeline.dumps().")
    for name, component in components.items():
        _check_component(name, component, label)
    connections = found.get("connections")
    if not isinstance(connections, list):
        raise InvalidModel(f"{label}: 'connections' should be a list; got {_shown(connections)}.")
    for number, connection in enumerate(connections):
        _check_connection(number, connection, components, label)
    metadata = _mapping(found.get("metadata") or {}, f"{label}: 'metadata'", "settings by name")
    return Definition(
        pipeline=found,
        inputs=_declared(found.get("inputs"), "inputs", components, label),
        outputs=_declared(found.get("outputs"), "outputs", components, label),
        documents=documents.listed(metadata.get("documents"), f"{label}: metadata.documents"),
    )


def _parsed(text: bytes, label: str) -> Any:
    if len(text) > MAX_TEXT_BYTES:
        raise InvalidModel(
            f"{label} has {len(text)} bytes of YAML; at most {MAX_TEXT_BYTES} are read.",
            hint="Zip pipeline.yaml with the documents as documents.jsonl.",
        )
    yaml = need("yaml", EXTRA, label)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())[:300]
        raise InvalidModel(
            f"{label} is not YAML of plain values: {said}", hint="Write it with pipeline.dumps()."
        ) from None
    except (RecursionError, ValueError) as error:
        raise InvalidModel(f"{label} is not YAML that can be read: {str(error)[:200]}.") from None


def _count(value: Any, label: str) -> None:
    left = MAX_VALUES
    waiting = [value]
    while waiting:
        item = waiting.pop()
        left -= 1
        if left < 0:
            raise InvalidModel(f"{label} has more than {MAX_VALUES} values, aliases unfolded.")
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _mapping(value: Any, what: str, expected: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise InvalidModel(f"{what} should be a mapping with {expected}; got {_shown(value)}.")
    return value


def _check_component(name: str, component: Any, label: str) -> None:
    place = f"{label}: component {name!r}"
    if "." in name:
        raise InvalidModel(f"{place} has a dot in its name.")
    kind = _mapping(component, place, "'type' and 'init_parameters'").get("type")
    if not isinstance(kind, str):
        raise InvalidModel(f"{place} has no type: expected the name of a Haystack class; got {_shown(kind)}.")
    for path, is_component, named in _named_classes({name: component}):
        if not _CLASS.fullmatch(named):
            what = "type" if is_component else f"type in {path!r}"
            raise InvalidModel(
                f"{place} has the {what} {named[:100]!r}: expected a class of haystack or haystack_integrations.",
                hint="Components of one's own are code: upload them in a model of framework 'custom'.",
            )
    for path, key, value in _settings(component.get("init_parameters") or {}):
        _check_setting(f"{place}, setting {path!r}", key, value)


def _check_setting(place: str, key: str, value: Any) -> None:
    if (_CALLABLE.fullmatch(key) and _names_function(value)) or (key == _FUNCTIONS and value):
        raise InvalidModel(
            f"{place} names a function ({_shown(value)}), which is not called from a definition.",
            hint="Leave it out; a step of one's own before or after can be a model of framework 'python'.",
        )
    if key in _SWITCHES and value:
        raise InvalidModel(f"{place} is {_shown(value)}: a definition is not let run code.", hint="Leave it out.")
    if key in _TYPE_SETTINGS:
        for text in value if isinstance(value, list) else [value]:
            for named in _TYPE_NAMES.findall(text if isinstance(text, str) else ""):
                if "." in named and not named.startswith(_TYPE_MODULES):
                    raise InvalidModel(
                        f"{place} names the type {named!r}: expected one of Python's own, of typing, or of "
                        "haystack.dataclasses."
                    )


def _names_function(value: Any) -> bool:
    """Tell whether a setting may name a function, as ``module.name``; an object's settings are looked at one by one."""
    if isinstance(value, dict):
        is_object = _CLASS.fullmatch(str(value.get("type"))) is not None
        return not is_object and any(_names_function(item) for item in value.values())
    if isinstance(value, list):
        return any(_names_function(item) for item in value)
    return isinstance(value, str) and "." in value


def _settings(value: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield each setting within a value: where it lies, its name, its value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        place = f"{path}.{key}" if path else str(key)
        if isinstance(value, dict):
            yield place, str(key), item
        yield from _settings(item, place)


def _named_classes(components: dict[str, Any]) -> Iterator[tuple[str, bool, str]]:
    """Yield each class that is named: where, whether as a component's own type, and its name."""
    for name, component in components.items():
        yield name, True, component["type"]
        for path, key, value in _settings(component.get("init_parameters") or {}):
            if key == "type" and isinstance(value, str) and "." in value:
                yield path, False, value


def _check_connection(number: int, connection: Any, components: dict[str, Any], label: str) -> None:
    place = f"{label}: connections[{number}]"
    for end in ("sender", "receiver"):
        named = _mapping(connection, place, "'sender' and 'receiver'").get(end)
        if not isinstance(named, str):
            raise InvalidModel(f"{place} has no {end}: expected 'component.name'; got {_shown(named)}.")
        _require_component(named, f"{place}.{end}", components)


def _declared(value: Any, what: str, components: dict[str, Any], label: str) -> dict[str, list[str]]:
    """Return declared names of columns, each with the inputs that it fills, or the output that it holds."""
    found = _mapping(value or {}, f"{label}: {what!r}", "'component.name' by the name of a column")
    declared = {}
    for column, named in found.items():
        sockets = [named] if isinstance(named, str) else named
        place = f"{label}: {what}.{column}"
        if not isinstance(sockets, list) or not sockets or not all(isinstance(item, str) for item in sockets):
            raise InvalidModel(f"{place} should be 'component.name'; got {_shown(named)}.")
        if what == "outputs" and len(sockets) > 1:
            raise InvalidModel(f"{place} should be one 'component.name'; got {_shown(named)}.")
        for socket in sockets:
            _require_component(socket, place, components)
        declared[column] = sockets
    return declared


def _require_component(socket: str, place: str, components: dict[str, Any]) -> None:
    name = socket.partition(".")[0]
    if name not in components:
        raise InvalidModel(
            f"{place} names the component {name[:100]!r}, which is not among 'components'.",
            hint=not_found("Component", name, components).hint,
        )


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(value)[:100]
