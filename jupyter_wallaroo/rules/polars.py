"""Expressions of polars, as its versions 0.18 to 2 write them in JSON (contract/steps.md)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from jupyter_wallaroo import strict_json
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.types.rule import MAX_DEPTH, MAX_NODES, Column, Literal, Node, Operation, Rule, Scalar

_BINARY = {
    "Eq": "eq", "NotEq": "ne", "Lt": "lt", "LtEq": "le", "Gt": "gt", "GtEq": "ge", "And": "and", "LogicalAnd": "and",
    "Or": "or", "LogicalOr": "or", "Xor": "xor", "Plus": "add", "Minus": "subtract", "Multiply": "multiply",
    "Divide": "divide", "TrueDivide": "divide", "FloorDivide": "floor_divide", "Modulus": "modulo",
}  # fmt: skip
_BOOLEAN = {
    "IsNull": "is_null", "IsNotNull": "is_not_null", "IsNan": "is_nan", "IsNotNan": "is_not_nan",
    "IsFinite": "is_finite", "IsInfinite": "is_infinite", "IsIn": "is_in", "IsNot": "not", "Not": "not",
}  # fmt: skip
_LIST = {"Get": "list_get", "Sum": "list_sum", "Contains": "list_contains"}
_TEXT = {
    "Length": "length", "LenBytes": "length", "LenChars": "length", "Contains": "contains",
    "StartsWith": "starts_with", "EndsWith": "ends_with",
}  # fmt: skip
_TYPES = {
    **{f"{kind}{bits}": f"{kind.lower()}{bits}" for kind in ("Int", "UInt") for bits in (8, 16, 32, 64)},
    "Float32": "float32", "Float64": "float64", "Boolean": "bool", "Utf8": "string", "String": "string",
}  # fmt: skip
MAX_DECIMALS = 30
_AGGREGATES = {"Max": "max", "Min": "min", "Mean": "mean", "Sum": "sum", "Std": "std"}


def parse(text: str, where: str) -> Rule:
    """Return the rule in one entry of a ``Check`` step's ``tree``.

    Parameters
    ----------
    text
        JSON of an expression with an alias, its name.
    where
        How messages call the entry.

    Raises
    ------
    InvalidRequest
        It is no such expression, has a node that is not on the list, or is too large.
    """
    value = strict_json.decode_document(text.encode())
    match value:
        case {"Alias": [inner, str(name)]} if name:
            return Rule(name, _Reader(f"{where} (rule {name[:40]!r})").node(inner))
    raise InvalidRequest(f"{where}: expected a polars expression with an alias, the rule's name.")


class _Reader:
    """Reads one expression, counting its nodes."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._nodes = 0

    def node(self, value: Any, depth: int = 0) -> Node:
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise InvalidRequest(
                f"{self._where} is too large: at most {MAX_NODES} nodes, {MAX_DEPTH} deep, are evaluated."
            )
        if not isinstance(value, dict) or len(value) != 1:
            self._refuse(value)
        (kind, content), *_ = value.items()
        readers: dict[str, Callable[[Any, int], Node]] = {
            "Column": self._column,
            "Literal": lambda inner, _: Literal(self._literal(inner)),
            "BinaryExpr": self._binary,
            "Function": self._function,
            "Ternary": self._ternary,
            "Cast": self._cast,
            "Agg": self._aggregate,
        }
        reader = readers.get(kind)
        return reader(content, depth + 1) if reader else self._refuse(kind)

    def _refuse(self, what: Any) -> NoReturn:
        shown = next(iter(what), what) if isinstance(what, dict) else what
        raise InvalidRequest(
            f"{self._where}: {shown!r:.80} is not an expression that is evaluated here.",
            hint="There are: columns, literals, comparisons, arithmetic, &, |, ~, when/then/otherwise, cast, abs, "
            "round, sqrt, pow, log, is_null, is_nan, is_in, fill_null, list.get/sum/contains, str.contains, "
            "max/min/mean/sum/std.",
        )

    def _column(self, content: Any, _: int) -> Node:
        return Column(content) if isinstance(content, str) and content else self._refuse(content)

    def _binary(self, content: Any, depth: int) -> Node:
        match content:
            case {"left": left, "op": str(name), "right": right} if name in _BINARY:
                return Operation(_BINARY[name], [self.node(left, depth), self.node(right, depth)])
        return self._refuse(content.get("op") if isinstance(content, dict) else content)

    def _ternary(self, content: Any, depth: int) -> Node:
        match content:
            case {"predicate": predicate, "truthy": truthy, "falsy": falsy}:
                return Operation("if", [self.node(part, depth) for part in (predicate, truthy, falsy)])
        return self._refuse(content)

    def _cast(self, content: Any, depth: int) -> Node:
        if not isinstance(content, dict) or "expr" not in content:
            self._refuse(content)
        kind = content.get("data_type", content.get("dtype"))
        if isinstance(kind, dict):
            kind = kind.get("Literal")
        if kind not in _TYPES:
            self._refuse({"Cast": kind})
        return Operation("cast", [self.node(content["expr"], depth)], _TYPES[kind])

    def _aggregate(self, content: Any, depth: int) -> Node:
        if not isinstance(content, dict) or len(content) != 1:
            self._refuse(content)
        (kind, inner), *_ = content.items()
        if kind not in _AGGREGATES:
            self._refuse(kind)
        option = None
        if kind == "Std" and isinstance(inner, list) and len(inner) == 2 and isinstance(inner[1], int):
            inner, option = inner
        elif isinstance(inner, dict) and "input" in inner:
            inner = inner["input"]
        return Operation(_AGGREGATES[kind], [self.node(inner, depth)], option)

    def _function(self, content: Any, depth: int) -> Node:
        match content:
            case {"input": [operand], "function": {"Log": {"base": int(base) | float(base)}}} if base > 0 and base != 1:
                return Operation("log", [self.node(operand, depth), Literal(float(base))])
            case {"input": [operand], "function": {"Shift": int(rows)}}:
                return Operation("shift", [self.node(operand, depth), Literal(rows)])
            case {"input": list(operands), "function": function}:
                name, option, count = self._named(function)
                if len(operands) != count:
                    self._refuse(function)
                return Operation(name, [self.node(operand, depth) for operand in operands], option)
        return self._refuse(content)

    def _named(self, function: Any) -> tuple[str, Any, int]:  # noqa: PLR0911, PLR0912  one line a function
        """Return the operation that a function means, its option and how many operands it has."""
        match function:
            case {"ListExpr": kind} if _head(kind) in _LIST:
                name = _LIST[_head(kind)]
                return name, None, 1 if name == "list_sum" else 2
            case {"Boolean": kind} if _head(kind) in _BOOLEAN:
                name = _BOOLEAN[_head(kind)]
                return name, None, 2 if name == "is_in" else 1
            case {"StringExpr": {"Contains": {"literal": bool(is_literal)}}}:
                return "contains", is_literal, 2
            case {"StringExpr": kind} if _head(kind) in _TEXT:
                name = _TEXT[_head(kind)]
                return name, None, 1 if name == "length" else 2
            case {"StructExpr": {"FieldByName": str(field)}}:
                return "field", field, 1
            case "Abs":
                return "abs", None, 1
            case {"Round": {"decimals": int(decimals), "mode": "HalfToEven"}} if 0 <= decimals <= MAX_DECIMALS:
                return "round_to_even", decimals, 1
            case {"Round": {"decimals": int(decimals)}} if 0 <= decimals <= MAX_DECIMALS:
                return "round", decimals, 1
            case {"Pow": "Generic"}:
                return "power", None, 2
            case {"Pow": "Sqrt"}:
                return "sqrt", None, 1
            case "FillNull" | {"FillNull": _}:
                return "fill_null", None, 2
            case "Log":
                return "log", None, 2
            case "Shift":
                return "shift", None, 2
        return self._refuse(function)

    def _literal(self, content: Any) -> Scalar | list[Scalar]:
        match content:
            case None | "Null":
                return None
            case {"Series": {"values": list(values)}} if len(values) <= MAX_NODES:
                return [self._scalar(value) for value in values]
            case {"Dyn": inner} | {"Scalar": inner}:
                return self._literal(inner)
            case {"Null": _}:
                return None
        if isinstance(content, dict) and len(content) == 1:
            (kind, value), *_ = content.items()
            if kind in (*_TYPES, "Int", "Float", "Str"):
                return self._scalar(value)
        return self._refuse(content)

    def _scalar(self, value: Any) -> Scalar:
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        return self._refuse(value)


def _head(kind: Any) -> str:
    """Return the name of a function that is written as text, or as an object with its options."""
    return str(next(iter(kind), "") if isinstance(kind, dict) else kind)
