"""Records as tables: fields are chosen and named as in answers to inferences."""

from __future__ import annotations

import pyarrow as pa
import pytest

from jupyter_wallaroo.codec.selection import Selection
from jupyter_wallaroo.codec.tables import select

NESTED = pa.table(
    {"time": [1], "in": [{"b": [1.0], "a": 2}], "out": [{"y": 3}], "out_m": [{"y": 4}], "anomaly": [{"count": 0}]}
)
CHUNKED = pa.concat_tables([NESTED, NESTED]).slice(1)


@pytest.mark.parametrize("table", [NESTED, CHUNKED, NESTED.slice(1)])
def test_groups_are_flattened(table: pa.Table) -> None:
    """Also where the records lie in several chunks, or there are none."""
    flat = select(table, Selection(separator="/"))
    assert flat.column_names == ["time", "in/b", "in/a", "out/y", "out_m/y", "anomaly/count"]
    assert flat.column("in/a").to_pylist() == [2] * table.num_rows
    assert flat.schema.field("in/b").type == pa.list_(pa.float64())


@pytest.mark.parametrize(
    ("dataset", "exclude", "expected"),
    [
        ((), (), ["time", "in.b", "in.a", "out.y", "out_m.y", "anomaly.count"]),
        (("*",), ("in",), ["time", "out.y", "out_m.y", "anomaly.count"]),
        (("time", "out"), (), ["time", "out.y"]),
        (("in.a", "out_m"), (), ["in.a", "out_m.y"]),
        (("time", "anomaly.count"), ("anomaly",), ["time", "anomaly.count"]),
        (("nothing",), (), []),
    ],
)
def test_fields_are_chosen(dataset: tuple[str, ...], exclude: tuple[str, ...], expected: list[str]) -> None:
    flat = select(NESTED, Selection(dataset, exclude, "."))
    assert flat.column_names == expected
    nested = select(NESTED, Selection(dataset, exclude))
    assert select(nested, Selection(separator=".")).to_pylist() == flat.to_pylist()
