"""Every format gives back what went in, as far as it can say it."""

from __future__ import annotations

import datetime
import decimal
from pathlib import Path

import pyarrow as pa
import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.connectors import ConnectorError, formats, rows
from jupyter_wallaroo.sdk.connectors.plain import plain


def _formats() -> list[str]:
    return [item.name for item in formats.FORMATS]


@pytest.mark.parametrize("name", _formats())
def test_lists_and_missing_values_survive(name: str) -> None:
    table = pa.table(
        {
            "tensor": pa.array([[1.5, 2.25], [0.1, -3.0], None], pa.list_(pa.float64())),
            "label": ["a", None, ""],
            "n": pa.array([1, None, 3], pa.int64()),
            "ok": [True, None, False],
        }
    )
    chosen = formats.choose(name, "")
    assert formats.decode(formats.encode(table, chosen), chosen).to_pylist() == table.to_pylist()


@pytest.mark.parametrize("name", _formats())
def test_the_seed_data_is_the_same_in_every_format(name: str, shared_data: Path) -> None:
    """S5-28."""
    known = formats.decode(
        (shared_data / "data/xtest-1k.df.json").read_bytes(), formats.choose(None, "xtest-1k.df.json")
    )
    assert known.num_rows == 1000
    assert known.schema.types == [pa.list_(pa.float64())]
    chosen = formats.choose(name, "")
    assert formats.decode(formats.encode(known, chosen), chosen).equals(known)


def test_the_seed_arrow_file_is_read(shared_data: Path) -> None:
    for name in ("xtest-1k.arrow", "cc_data_1k.arrow"):
        data = (shared_data / "data" / name).read_bytes()
        assert formats.decode(data, formats.choose(None, name)).num_rows in {1000, 1001}


def test_an_arrow_stream_is_read_too(houses: pa.Table) -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, houses.schema) as writer:
        writer.write_table(houses)
    assert formats.decode(sink.getvalue().to_pybytes(), formats.choose("arrow", "")).equals(houses)


@pytest.mark.parametrize("name", ["parquet", "arrow"])
def test_types_survive_where_the_format_has_them(name: str, houses: pa.Table) -> None:
    chosen = formats.choose(name, "")
    assert formats.decode(formats.encode(houses, chosen), chosen).equals(houses)


def test_json_has_iso_times_and_null_for_nan() -> None:
    table = pa.table(
        {"t": [datetime.datetime(2024, 1, 2, 3, 4, 5)], "x": [float("nan")], "d": [decimal.Decimal("1.25")]}
    )
    assert formats.encode(table, formats.choose("json", "")) == b'[{"t":"2024-01-02T03:04:05","x":null,"d":1.25}]'


def test_csv_as_pandas_writes_lists(shared_data: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_json(shared_data / "data/xtest-1k.df.json")
    table = formats.decode(frame.to_csv(index=False).encode(), formats.choose("csv", ""))
    assert table.schema.types == [pa.list_(pa.float64())]
    assert table["tensor"].to_pylist() == frame["tensor"].to_list()


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("json", b'{"a": 1}', "a JSON list of objects; got dict"),
        ("json", b"[1]", "Row 0 is not a JSON object but int"),
        ("json", b'[{"a": 1}, {"a": "x"}]', "column 'a' have no type in common"),
        ("json", b"<html>", "6 bytes are not json"),
        ("jsonl", b'{"a": 1}\n{"a"', "are not jsonl"),
        ("csv", b"a,b\n1\n", "are not csv"),
        ("parquet", b"PAR1 no", "are not parquet"),
        ("arrow", b"ARROW1 no", "are not arrow"),
        ("arrow", b"", "0 bytes are not arrow"),
    ],
)
def test_what_is_something_else_is_told(name: str, data: bytes, expected: str) -> None:
    with pytest.raises(ConnectorError) as caught:
        formats.decode(data, formats.choose(name, ""))
    assert expected in caught.value.message
    assert caught.value.hint


def test_a_key_that_a_row_lacks_is_null() -> None:
    assert rows.table_of([{"a": 1}, {"b": 2.5}, {"a": 3}]).to_pydict() == {"a": [1, None, 3], "b": [None, 2.5, None]}


@pytest.mark.parametrize(
    ("path", "content_type", "expected"),
    [
        ("x.df.json", "", "json"),
        ("X.PQ", "", "parquet"),
        ("x", "text/csv; charset=utf-8", "csv"),
        ("x.ndjson", "text/plain", "jsonl"),
        ("x.json", "text/csv", "json"),
    ],
)
def test_the_suffix_comes_before_the_content_type(path: str, content_type: str, expected: str) -> None:
    assert formats.choose(None, path, content_type).name == expected


def test_an_unknown_format_names_those_there_are() -> None:
    for wanted, path in (("xlsx", "x.csv"), (None, "x.xlsx")):
        with pytest.raises(InvalidRequest) as caught:
            formats.choose(wanted, path)
        assert caught.value.hint == "Give format= one of json, jsonl, csv, parquet, arrow."


def test_types_a_driver_invents_become_plain() -> None:
    numeric = pa.opaque(pa.string(), "numeric", "PostgreSQL")
    numbers = pa.ExtensionArray.from_storage(numeric, pa.array(["1.25", None, "NaN"]))
    ids = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"\0" * 15 + b"\1", None, b"\0" * 16], pa.binary(16)))
    kinds = pa.array(["a", "b", None]).dictionary_encode()
    gaps = pa.array([False, True, False])
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 1, 3], pa.int32()), numbers.slice(0, 3), mask=gaps)
    table = pa.table({"n": numbers, "u": ids, "k": kinds, "l": lists})
    found = plain(table.slice(0, 2))
    assert found.schema.types == [pa.float64(), pa.string(), pa.string(), pa.list_(pa.float64())]
    assert found.to_pydict() == {
        "n": [1.25, None],
        "u": ["00000000-0000-0000-0000-000000000001", None],
        "k": ["a", "b"],
        "l": [[1.25], None],
    }
    assert plain(table.slice(1, 1)).to_pylist() == [{"n": None, "u": None, "k": "b", "l": None}]
