"""Numbers of inference records, counted and compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

BINS = 24
MAX_ELEMENTS = 8
"""Elements of a list that can be chosen."""


class Series(Struct, frozen=True, kw_only=True):
    """A number of each record: a column, or an element of the lists in it."""

    label: str
    column: str
    element: int | None = None


class Summary(Struct, frozen=True, kw_only=True):
    """The numbers of one group; null where there are none. ``bins`` are counts between `Histogram.edges`."""

    label: str
    count: int
    bins: list[int]
    mean: float | None = None
    deviation: float | None = None
    least: float | None = None
    median: float | None = None
    greatest: float | None = None


class Histogram(Struct, frozen=True, kw_only=True):
    """One or two groups over the same bins."""

    series: str
    edges: list[float]
    groups: list[Summary]


def series(table: pa.Table) -> list[Series]:
    """Return the numbers that records have, outputs first."""
    found: list[Series] = []
    for name in sorted(table.column_names, key=lambda name: (not name.startswith("out"), name)):
        if name.partition(".")[0].partition("_")[0] in ("in", "out"):
            found.extend(_of_column(name, table.column(name)))
    return found


def _of_column(name: str, column: pa.ChunkedArray) -> list[Series]:
    import pyarrow.compute as pc

    if _is_number(column.type):
        return [Series(label=name, column=name)]
    if not _is_list(column.type) or not _is_number(column.type.value_type):
        return []
    longest = pc.max(pc.list_value_length(column)).as_py() or 0
    return [
        Series(label=f"{name}[{number}]", column=name, element=number) for number in range(min(longest, MAX_ELEMENTS))
    ]


def values(table: pa.Table, chosen: Series) -> npt.NDArray[np.float64]:
    """Return a series' numbers, without what is null or not finite."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if chosen.column not in table.column_names:
        return np.empty(0)
    column = table.column(chosen.column)
    if chosen.element is not None:
        column = column.filter(pc.greater(pc.list_value_length(column), chosen.element))
        column = pc.list_element(column, chosen.element)
    found = column.drop_null().cast(pa.float64()).to_numpy()
    return np.asarray(found[np.isfinite(found)], dtype=np.float64)


def histogram(label: str, groups: Sequence[tuple[str, npt.NDArray[np.float64]]]) -> Histogram:
    """Return how the numbers of groups lie, over bins that they share."""
    import numpy as np

    everything = np.concatenate([numbers for _, numbers in groups]) if groups else np.empty(0)
    if not len(everything):
        return Histogram(series=label, edges=[], groups=[Summary(label=name, count=0, bins=[]) for name, _ in groups])
    least, greatest = float(everything.min()), float(everything.max())
    if greatest - least <= abs(greatest) * 1e-12:  # one value, for which numpy would choose a bin of width 1
        margin = abs(greatest) * 0.05 or 0.5
        least, greatest = least - margin, greatest + margin
    edges = np.linspace(least, greatest, BINS + 1)
    return Histogram(series=label, edges=edges.tolist(), groups=[_summary(*group, edges) for group in groups])


def _summary(label: str, numbers: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> Summary:
    import numpy as np

    if not len(numbers):
        return Summary(label=label, count=0, bins=[0] * (len(edges) - 1))
    return Summary(
        label=label,
        count=len(numbers),
        bins=np.histogram(numbers, edges)[0].tolist(),
        mean=float(numbers.mean()),
        deviation=float(numbers.std()),
        least=float(numbers.min()),
        median=float(np.median(numbers)),
        greatest=float(numbers.max()),
    )


def _is_number(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))
