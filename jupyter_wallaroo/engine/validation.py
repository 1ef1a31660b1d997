"""Validations evaluated over the rows of a request, all rows at once, with polars' meaning.

As in polars a NaN equals itself and is greater than every number, a null makes a comparison null, a null is no anomaly,
and a literal takes the type of the column that it is compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jupyter_wallaroo.codec.batch import Column as Cells
from jupyter_wallaroo.codec.batch import Tensor, arrow_array
from jupyter_wallaroo.errors import InvalidInput
from jupyter_wallaroo.types.rule import Column, Literal, Node, Operation, Place, Rule

Value: TypeAlias = Any
"""A `pyarrow.Array` with a value per row, or a `pyarrow.Scalar` that holds for all."""


def evaluate(rules: list[Rule], columns: Mapping[str, Cells], rows: int) -> dict[str, Tensor]:
    """Return by rule which rows are anomalies.

    Parameters
    ----------
    columns
        The request's columns as ``in.<name>``, the outputs as ``out.<name>``.
    rows
        How many there are.

    Raises
    ------
    InvalidInput
        A rule names a column that is not there, or does not fit its type.
    """
    return {rule.name: _anomalies(rule, columns, rows) for rule in rules}


def is_row_wise(node: Node) -> bool:
    """Tell whether a tree says of each row what it would say if there were no other."""
    if not isinstance(node, Operation):
        return True
    is_open_set = node.name == "is_in" and not isinstance(node.operands[1], Literal)
    return node.name not in _OVER_ROWS and not is_open_set and all(is_row_wise(operand) for operand in node.operands)


def _anomalies(rule: Rule, columns: Mapping[str, Cells], rows: int) -> Tensor:
    try:
        found = _Evaluation(columns).value(rule.root)
        if not pa.types.is_boolean(found.type):
            raise pa.ArrowInvalid(f"it gives {found.type}, not true or false")
        if isinstance(found, pa.Scalar):
            return np.full(rows, found.as_py() is (not rule.holds_when_sane))
        sane = pc.fill_null(found, rule.holds_when_sane)
        anomalies: Tensor = (pc.invert(sane) if rule.holds_when_sane else sane).to_numpy(zero_copy_only=False)
    except (pa.ArrowException, NotImplementedError, TypeError, ValueError, OverflowError, IndexError) as error:
        raise InvalidInput(
            f"Validation {rule.name!r} cannot be evaluated: {' '.join(str(error).split())[:200]}.",
            hint="Compare its expression with the columns that the pipeline takes and gives.",
        ) from None
    return anomalies


class _Evaluation:
    """One tree over the columns of one request."""

    def __init__(self, columns: Mapping[str, Cells]) -> None:
        self._columns = columns

    def value(self, node: Node) -> Value:
        if isinstance(node, Literal):
            return pa.scalar(node.value) if not isinstance(node.value, list) else pa.array(node.value)
        if isinstance(node, Column):
            return self._column(node.path)
        if isinstance(node, Place):
            names = [name for name in self._columns if name.startswith(f"{node.group}.")]
            if not 0 <= node.index < len(names):
                raise IndexError(f"there is no {node.group}put number {node.index}, only {len(names)}")
            return self._column(names[node.index])
        operands = [self.value(operand) for operand in node.operands]
        return _FUNCTIONS[node.name](node, *operands)

    def _column(self, path: str) -> Value:
        if path in self._columns:
            return arrow_array(self._columns[path])
        name, _, field = path.rpartition(".")
        if name in self._columns:
            return pc.struct_field(arrow_array(self._columns[name]), field)
        raise ValueError(f"column {path!r} is missing; there are {sorted(self._columns)}")


def _alike(left: Value, right: Value) -> tuple[Value, Value]:
    """Return two operands of one type: a literal takes the column's, of two columns the wider counts."""
    if isinstance(left, pa.Scalar) and not isinstance(right, pa.Scalar):
        return _adapted(left, right.type), right
    if isinstance(right, pa.Scalar) and not isinstance(left, pa.Scalar):
        return left, _adapted(right, left.type)
    return left, right


def _adapted(literal: pa.Scalar, kind: pa.DataType) -> pa.Scalar:
    return literal.cast(kind) if pa.types.is_floating(kind) and _is_number(literal.type) else literal


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _nan(value: Value) -> Value:
    return pc.is_nan(value) if pa.types.is_floating(value.type) else pc.and_(pc.is_null(value), pc.is_valid(value))


def _compared(node: Operation, left: Value, right: Value) -> Value:
    left, right = _alike(left, right)
    if pa.types.is_boolean(left.type) != pa.types.is_boolean(right.type):
        raise TypeError(f"it compares {left.type} with {right.type}")
    if not (pa.types.is_floating(left.type) or pa.types.is_floating(right.type)):
        return _COMPARE[node.name](left, right)
    one, other = _nan(left), _nan(right)
    equal = pc.or_(pc.equal(left, right), pc.and_(one, other))
    greater = pc.or_(pc.greater(left, right), pc.and_(one, pc.invert(other)))
    return {
        "eq": lambda: equal,
        "ne": lambda: pc.invert(equal),
        "gt": lambda: greater,
        "ge": lambda: pc.or_(greater, equal),
        "lt": lambda: pc.invert(pc.or_(greater, equal)),
        "le": lambda: pc.invert(greater),
    }[node.name]()


_COMPARE = {
    "eq": pc.equal, "ne": pc.not_equal, "lt": pc.less, "le": pc.less_equal, "gt": pc.greater, "ge": pc.greater_equal,
}  # fmt: skip


def _arithmetic(function: Callable[[Value, Value], Value]) -> Callable[..., Value]:
    return lambda _, left, right: function(*_alike(left, right))


def _divided(_: Operation, left: Value, right: Value) -> Value:
    left, right = _alike(left, right)
    kind = left.type if pa.types.is_floating(left.type) else right.type if pa.types.is_floating(right.type) else None
    return pc.divide(left.cast(kind or pa.float64()), right.cast(kind or pa.float64()))


def _numpy_pair(function: Callable[[Any, Any], Any]) -> Callable[..., Value]:
    """Return a function on numbers that numpy has and Arrow lacks; a whole number by zero gives null."""

    def apply(_: Operation, left: Value, right: Value) -> Value:
        left, right = _alike(left, right)
        whole = pa.types.is_integer(left.type) and pa.types.is_integer(right.type)
        first, second = _numbers(left), _numbers(right)
        null = _nulls(left) | _nulls(right) | ((second == 0) & whole)
        with np.errstate(all="ignore"):
            found = function(first, np.where(null, 1, second).astype(second.dtype))
        if np.ndim(found) == 0:
            return pa.scalar(None if null else found.item())
        return pa.array(found, mask=np.broadcast_to(null, np.shape(found)))

    return apply


def _numbers(value: Value) -> Any:
    if isinstance(value, pa.Scalar):
        return np.asarray(value.as_py() if value.is_valid else 0, dtype=value.type.to_pandas_dtype())
    return pc.fill_null(value, pa.scalar(0).cast(value.type)).to_numpy(zero_copy_only=False)


def _nulls(value: Value) -> Any:
    return (
        np.asarray(not value.is_valid)
        if isinstance(value, pa.Scalar)
        else value.is_null().to_numpy(zero_copy_only=False)
    )


def _list_get(_: Operation, lists: Value, place: Value) -> Value:
    """Return the element at a place of each list, from the end when negative, null where there is none."""
    index = place.as_py()
    if isinstance(index, bool) or not isinstance(index, int):
        raise TypeError("list.get takes a whole number")
    if not pa.types.is_nested(lists.type):
        raise TypeError(f"list.get takes lists; the column is {lists.type}")
    if pa.types.is_fixed_size_list(lists.type):
        lists = lists.cast(pa.list_(lists.type.value_type))
    offsets = lists.offsets.to_numpy()
    starts, ends = offsets[:-1], offsets[1:]
    at = starts + index if index >= 0 else ends + index
    null = (at < starts) | (at >= ends) | lists.is_null().to_numpy(zero_copy_only=False)
    return lists.values.take(pa.array(np.where(null, 0, at), mask=null))


def _list_sum(_: Operation, lists: Value) -> Value:
    if pa.types.is_fixed_size_list(lists.type):
        lists = lists.cast(pa.list_(lists.type.value_type))
    values = _numbers(lists.flatten())
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(lists)), lengths)
    wide = np.float64 if values.dtype.kind == "f" else np.int64
    sums = np.zeros(len(lists), wide)
    np.add.at(sums, rows, values)
    found = pa.array(sums, mask=lists.is_null().to_numpy(zero_copy_only=False))
    return found.cast(lists.type.value_type) if pa.types.is_floating(lists.type.value_type) else found


def _list_contains(_: Operation, lists: Value, item: Value) -> Value:
    wanted = item.as_py()
    return pa.array([None if cells is None else wanted in cells for cells in lists.to_pylist()], pa.bool_())


def _is_in(_: Operation, value: Value, choices: Value) -> Value:
    if isinstance(choices, pa.Scalar):
        choices = choices.values if pa.types.is_nested(choices.type) else pa.array([choices.as_py()])
    if _is_number(value.type) and _is_number(choices.type):
        choices = choices.cast(value.type, safe=False) if pa.types.is_floating(value.type) else choices
        value = value if pa.types.is_floating(value.type) else value.cast(choices.type)
    found = pc.is_in(value, value_set=choices.drop_null())
    return pc.if_else(pc.is_valid(value), found, pa.scalar(None, pa.bool_()))


def _rounded(mode: str) -> Callable[..., Value]:
    return lambda node, value: pc.round(value, ndigits=node.option, round_mode=mode)


def _log(_: Operation, value: Value, base: Value) -> Value:
    return pc.logb(*_alike(value, base))


def _cast(node: Operation, value: Value) -> Value:
    kind = pa.string() if node.option == "string" else pa.from_numpy_dtype(np.dtype(node.option))
    return pc.cast(value, kind, safe=not pa.types.is_floating(value.type))


def _shifted(_: Operation, value: Value, places: Value) -> Value:
    rows = places.as_py()
    if isinstance(rows, bool) or not isinstance(rows, int):
        raise TypeError("shift takes a whole number")
    if abs(rows) >= len(value):
        return pa.nulls(len(value), value.type)
    empty = pa.nulls(abs(rows), value.type)
    parts = [empty, value.slice(0, len(value) - rows)] if rows >= 0 else [value.slice(-rows), empty]
    return pa.concat_arrays(parts)


def _length(_: Operation, value: Value) -> Value:
    return pc.utf8_length(value)


def _contains(node: Operation, value: Value, pattern: Value) -> Value:
    function = pc.match_substring if node.option else pc.match_substring_regex
    return function(value, pattern=pattern.as_py())


def _chosen(_: Operation, predicate: Value, truthy: Value, falsy: Value) -> Value:
    return pc.if_else(pc.fill_null(predicate, False), *_alike(truthy, falsy))


def _std(node: Operation, value: Value) -> Value:
    return pc.stddev(value, ddof=1 if node.option is None else node.option)


def _plain(function: Callable[..., Value]) -> Callable[..., Value]:
    return lambda _, *operands: function(*operands)


_OVER_ROWS = {"shift", "max", "min", "mean", "sum", "std"}
"""What looks at more than one row at a time."""

_FUNCTIONS: dict[str, Callable[..., Value]] = {
    **dict.fromkeys(_COMPARE, _compared),
    "and": _plain(pc.and_kleene),
    "or": _plain(pc.or_kleene),
    "xor": _plain(pc.xor),
    "not": _plain(pc.invert),
    "add": _arithmetic(pc.add),
    "subtract": _arithmetic(pc.subtract),
    "multiply": _arithmetic(pc.multiply),
    "divide": _divided,
    "floor_divide": _numpy_pair(np.floor_divide),
    "modulo": _numpy_pair(np.mod),
    "power": _arithmetic(pc.power),
    "is_null": _plain(pc.is_null),
    "is_not_null": _plain(pc.is_valid),
    "is_nan": _plain(pc.is_nan),
    "is_not_nan": _plain(lambda value: pc.invert(pc.is_nan(value))),
    "is_finite": _plain(pc.is_finite),
    "is_infinite": _plain(pc.is_inf),
    "is_in": _is_in,
    "abs": _plain(pc.abs),
    "sqrt": _plain(pc.sqrt),
    "log": _log,
    "round": _rounded("half_towards_infinity"),
    "round_to_even": _rounded("half_to_even"),
    "cast": _cast,
    "shift": _shifted,
    "field": lambda node, value: pc.struct_field(value, node.option),
    "length": _length,
    "contains": _contains,
    "starts_with": _plain(lambda value, start: pc.starts_with(value, pattern=start.as_py())),
    "ends_with": _plain(lambda value, end: pc.ends_with(value, pattern=end.as_py())),
    "list_get": _list_get,
    "list_sum": _list_sum,
    "list_contains": _list_contains,
    "fill_null": _plain(lambda value, other: pc.fill_null(*_alike(value, other))),
    "if": _chosen,
    "max": _plain(pc.max),
    "min": _plain(pc.min),
    "mean": _plain(pc.mean),
    "sum": _plain(pc.sum),
    "std": _std,
}
