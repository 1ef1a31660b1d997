"""Validations as the client of 2023 writes them: true for a sane row (contract/steps.md)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.types.rule import MAX_DEPTH, MAX_NODES, Literal, Node, Operation, Place, Rule

_OPERATORS = {
    "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne", "+": "add", "-": "subtract",
    "*": "multiply", "/": "divide", "in": "is_in", "and": "and", "or": "or",
}  # fmt: skip
_GROUPS = {"input": "in", "output": "out"}


def parse(value: dict[str, Any], where: str) -> Iterator[Rule]:
    """Yield the rules that one entry of a ``Check`` step's ``tree`` validates.

    Raises
    ------
    InvalidRequest
        It has a node that is not on the list, or is too large.
    """
    values, names = value.get("values"), value.get("validations")
    if not isinstance(values, dict) or not isinstance(names, list):
        raise InvalidRequest(f"{where}: expected 'values' and 'validations'.")
    for name in names:
        found = values.get(name) if isinstance(name, str) else None
        if not isinstance(found, dict) or "root" not in found:
            raise InvalidRequest(f"{where}: validation {name!r:.60} has no value with a 'root'.")
        yield Rule(name, _Reader(f"{where} (validation {name[:40]!r})").node(found["root"]), holds_when_sane=True)


class _Reader:
    """Reads one validation, counting its nodes."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._nodes = 0

    def node(self, value: Any, depth: int = 0) -> Node:
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise InvalidRequest(f"{self._where} is too large: at most {MAX_NODES} nodes, {MAX_DEPTH} deep.")
        match value:
            case {"node": "binop", "op": str(op), "left": left, "right": right} if op in _OPERATORS:
                return Operation(_OPERATORS[op], [self.node(left, depth + 1), self.node(right, depth + 1)])
            case {"node": "variable", "position": str(position), "key": [int(index), *elements]} if position in _GROUPS:
                return self._element(Place(_GROUPS[position], index), elements)
            case {"node": "literal"}:
                return self._literal(value)
        return self._refuse(value)

    def _element(self, node: Node, elements: list[Any]) -> Node:
        for element in elements:
            if not isinstance(element, int) or isinstance(element, bool):
                self._refuse(element)
            node = Operation("list_get", [node, Literal(element)])
        return node

    def _literal(self, value: dict[str, Any]) -> Node:
        for kind in ("float", "integer", "list"):
            found = value.get(kind)
            items = found if isinstance(found, list) else [found]
            if found is not None and all(item is None or isinstance(item, (bool, int, float, str)) for item in items):
                return Literal(found)
        return self._refuse(value)

    def _refuse(self, what: Any) -> NoReturn:
        raise InvalidRequest(
            f"{self._where}: {what!r:.80} is not evaluated here; expected comparisons and arithmetic of inputs, "
            "outputs and literals."
        )
