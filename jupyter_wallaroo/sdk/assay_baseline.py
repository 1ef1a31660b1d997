"""A baseline's records, looked at before there is an assay."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import assay_charts
from jupyter_wallaroo.sdk.inference import Fields
from jupyter_wallaroo.sdk.inference_log import Query, pages
from jupyter_wallaroo.types import iopath

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd
    import pyarrow as pa

    from jupyter_wallaroo.sdk.client import Client
    from jupyter_wallaroo.sdk.pipeline import Pipeline
    from jupyter_wallaroo.types import assay as wire

_GROUPS = {"in": "input", "out": "output"}


def frame(pipeline: Pipeline, baseline: wire.AssayBaseline, path: str) -> pd.DataFrame:
    """Return a baseline's records, a column per value; given numbers are a single column."""
    import pandas as pd

    if baseline.calculated is not None:
        return pd.DataFrame({_column(path): baseline.calculated.vector})
    assert baseline.fixed is not None, "the builder makes no others"
    start, end = (datetime.fromisoformat(text) for text in (baseline.fixed.start_at, baseline.fixed.end_at))
    table = pipeline.logs(start_datetime=start, end_datetime=end, dataset=["time", "in", "out"], arrow=True)
    columns: dict[str, object] = {}
    for name in table.column_names:
        group, _, field = name.partition(".")
        if group not in _GROUPS:
            columns[name] = table.column(name).to_pandas()
            continue
        cells = table.column(name).to_pylist()
        if not any(isinstance(cell, list) for cell in cells):
            columns[f"{_GROUPS[group]}_{field}_0"] = cells
            continue
        width = max(len(cell or []) for cell in cells)
        for index in range(width):
            values = [cell[index] if cell and index < len(cell) else None for cell in cells]
            columns[f"{_GROUPS[group]}_{field}_{index}"] = values
    return pd.DataFrame(columns)


def _column(path: str) -> str:
    found = iopath.parse(path)
    return "_".join([_GROUPS.get(found.group, found.group), found.field, *map(str, found.indexes or (0,))])


def values(records: pd.DataFrame, path: str) -> npt.NDArray[np.float64]:
    """Return the numbers that a path leads to; by position where no column has its name."""
    import numpy as np

    name = _column(path)
    if name not in records.columns:
        found = iopath.parse(path)
        group = _GROUPS.get(found.group, found.group)
        fields = list(dict.fromkeys(item.rpartition("_")[0] for item in records.columns if item.startswith(group)))
        place = int(found.field) if found.field.isdecimal() else len(fields)
        if place >= len(fields):
            raise InvalidRequest(f"The baseline has no {name!r}; it has {', '.join(map(str, records.columns)):.200}.")
        name = f"{fields[place]}_{(found.indexes or (0,))[-1]}"
    found_values: npt.NDArray[np.float64] = records[name].dropna().to_numpy(np.float64)
    return found_values


def histogram(records: pd.DataFrame, path: str, bins: int | None) -> None:
    """Show how often which values are."""
    assay_charts.show(assay_charts.histogram(values(records, path), path, bins))


def density(records: pd.DataFrame, path: str) -> None:
    """Show an estimate of the density."""
    assay_charts.show(assay_charts.density(values(records, path), path))


def cumulative(records: pd.DataFrame, path: str) -> None:
    """Show which share is at most which value."""
    assay_charts.show(assay_charts.cumulative(values(records, path), path))


def inputs(client: Client, facts: wire.AssayConfig) -> list[str]:
    """Return the paths of all numbers of the inputs, as the newest record has them."""
    query = Query(facts.pipeline_name, facts.workspace_id or 0, 1, None, None, Fields(dataset=["in"]))
    for table, _ in pages(client.api, query):
        return [path for name in table.column_names for path in _numbers(table, name)]
    return []


def _numbers(table: pa.Table, name: str) -> list[str]:
    field = name.partition(".")[2]
    cell = table.column(name)[0].as_py()
    if isinstance(cell, int | float):
        return [f"input {field}"]
    is_numeric = isinstance(cell, list) and all(isinstance(value, int | float) for value in cell)
    return [f"input {field} {index}" for index in range(len(cell))] if is_numeric else []
