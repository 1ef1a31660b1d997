"""Three formats, one meaning: the columns of a request."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_wallaroo.codec import arrow, records, tensors
from jupyter_wallaroo.codec.batch import Decoded, python_values
from jupyter_wallaroo.errors import InvalidInput, InvalidRequest

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[Any]]:
    """Columns of equal length: numbers, text or fixed-size lists, in each one type."""
    rows = draw(st.integers(1, 4))
    names = draw(st.lists(TEXT, min_size=1, max_size=4, unique=True))
    kinds = [FLOATS, st.integers(-(2**63), 2**63 - 1), TEXT, st.booleans(), st.lists(FLOATS, min_size=2, max_size=2)]
    columns: dict[str, list[Any]] = {}
    for name in names:
        kind = draw(st.sampled_from(kinds))
        columns[name] = draw(st.lists(kind, min_size=rows, max_size=rows))
    return columns


def as_records(columns: dict[str, list[Any]]) -> bytes:
    return json.dumps(
        [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)], ensure_ascii=False
    ).encode()


def as_stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())


def values(decoded: Decoded) -> dict[str, list[Any]]:
    return {name: python_values(column) for name, column in decoded.columns.items()}


@settings(max_examples=60, deadline=None)
@given(columns=tables())
def test_all_formats_give_the_same_columns(columns: dict[str, list[Any]]) -> None:
    """A client may change its format without changing its data."""
    table = pa.table(columns)
    body = as_records(columns)
    assert columns == values(records.decode(body))
    decoded, is_records = tensors.decode(body)
    assert is_records and columns == values(decoded)
    decoded, is_records = tensors.decode(json.dumps(columns, ensure_ascii=False).encode())
    assert not is_records and columns == values(decoded)
    assert columns == values(arrow.decode(arrow.write_file(table)))
    assert columns == values(arrow.decode(as_stream(table)))


@settings(max_examples=30, deadline=None)
@given(columns=tables(), kind=st.sampled_from([bytearray, memoryview]))
def test_bodies_are_read_where_they_lie(columns: dict[str, list[Any]], kind: type) -> None:
    """Large bodies arrive as bytearrays; a copy would cost as much as the parsing."""
    assert columns == values(records.decode(kind(as_records(columns))))
    assert columns == values(arrow.decode(kind(arrow.write_file(pa.table(columns)))))


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"[]", "got an empty list"),
        (b"[{}]", "got a list"),
        (b"{}", "got an object"),
        (b"3", "got a number"),
        (b'"a"', "got text"),
        (b"null", "got null"),
        (b"true", "got a boolean"),
        (b"[1, 2]", "got a list that begins with a number"),
        (b'[{"a": 1}, 2]', "Row 1: expected an object"),
        (b'[{"a": 1}, "a"]', "Row 1: expected an object"),
        (b'[{"a": 1}, {"b": 1}]', "Row 1: expected the columns ['a'] of row 0; got ['b']"),
        (b'[{"a": 1}, {"a": 1}, {"a": 1, "b": 2}]', "Row 2: expected the columns ['a'] of row 0; got ['a', 'b']"),
        (b'[{"a": 1, "b": 1}, {"a": 1}]', "Row 1: expected the columns ['a', 'b'] of row 0; got ['a']"),
    ],
)
def test_what_is_not_records_is_named(body: bytes, sentence: str) -> None:
    """The row at fault and what was got are in the message."""
    with pytest.raises(InvalidInput) as caught:
        records.decode(body)
    assert sentence in caught.value.message


@pytest.mark.parametrize(
    "body",
    [
        b'[{"a": 1, "a": 2}]',
        b'[{"a": 1}, {"a": 1, "a": 1}]',
        b'[{"a": {"b": 1, "b": 2}}]',
        b'[{"a": "::::"}, {"a": 1, "a": 2}]',
    ],
)
def test_a_key_twice_is_refused_wherever_it_is(body: bytes) -> None:
    """The fast path counts colons; text with colons in it must not hide a duplicate."""
    with pytest.raises(InvalidRequest, match="twice in one object"):
        records.decode(body)
    with pytest.raises(InvalidRequest, match="twice in one object"):
        tensors.decode(body)


@pytest.mark.parametrize("body", [b'{"a": [1], "a": [2]}', b'{"a": [{"b": 1, "b": 2}]}'])
def test_a_tensor_twice_is_refused(body: bytes) -> None:
    """As in records: which of the two would be run is anybody's guess."""
    with pytest.raises(InvalidRequest, match="twice in one object"):
        tensors.decode(body)


def test_text_with_colons_is_not_a_duplicate() -> None:
    """The fast path may only be cautious, never refuse what is sound."""
    assert values(records.decode(b'[{"a": "x:y"}, {"a": "::"}]')) == {"a": ["x:y", "::"]}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{}", "Expected an object of tensors"),
        (b"3", "Expected an object of tensors"),
        (b'{"a": 1}', "Tensor 'a': expected a non-empty list"),
        (b'{"a": []}', "Tensor 'a': expected a non-empty list"),
        (b'{"a": [1], "b": {}}', "Tensor 'b': expected a non-empty list"),
        (b'{"a": [1], "b": [1, 2]}', "different numbers of rows: {'a': 1, 'b': 2}"),
    ],
)
def test_what_is_not_tensors_is_named(body: bytes, sentence: str) -> None:
    """The tensor at fault is in the message."""
    with pytest.raises(InvalidInput) as caught:
        tensors.decode(body)
    assert sentence in caught.value.message


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "empty"),
        (b"ARROW1", "not a sound Arrow IPC file"),
        (b"PAR1" * 20, "not a sound Arrow IPC file"),
        (b'[{"a": 1}]', "not a sound Arrow IPC file"),
        (arrow.write_file(pa.table({"a": pa.array([], pa.int64())})), "0 rows and 1 columns"),
        (arrow.write_file(pa.table({})), "0 rows and 0 columns"),
        (arrow.write_file(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"])), "a column twice"),
    ],
)
def test_what_is_not_arrow_is_refused(body: bytes, sentence: str) -> None:
    """Each way to be wrong has its own words."""
    with pytest.raises(InvalidInput) as caught:
        arrow.decode(body)
    assert sentence in caught.value.message


def test_several_batches_become_one_column() -> None:
    """Writers cut tables into batches as they please."""
    table = pa.Table.from_batches([pa.record_batch({"a": [1, 2]}), pa.record_batch({"a": [3]})])
    decoded = arrow.decode(arrow.write_file(table))
    assert (decoded.rows, values(decoded)) == (3, {"a": [1, 2, 3]})


def test_dictionary_columns_are_unpacked() -> None:
    """pandas writes categories so; models know nothing of them."""
    decoded = arrow.decode(as_stream(pa.table({"a": pa.array(["x", "y", "x"]).dictionary_encode()})))
    assert pa.string() == decoded.columns["a"].type
    assert values(decoded) == {"a": ["x", "y", "x"]}


def test_too_many_cells_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small compressed body may claim a huge table."""
    monkeypatch.setattr(arrow, "MAX_CELLS", 5)
    assert arrow.decode(arrow.write_file(pa.table({"a": range(5)}))).rows == 5
    with pytest.raises(InvalidInput, match="more than 5 cells"):
        arrow.decode(arrow.write_file(pa.table({"a": range(3), "b": range(3)})))


def damaged_table() -> pa.Table:
    """One column of each kind that pyarrow would trust unvalidated offsets or indices of."""
    return pa.table(
        {
            "lists": pa.array([[1.0, 2.0], [3.0], []], pa.list_(pa.float32())),
            "text": ["a", "bcd", ""],
            "codes": pa.array(["u", "v", "u"]).dictionary_encode(),
            "struct": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, None],
        }
    )


@pytest.mark.parametrize("write", [arrow.write_file, as_stream])
def test_an_arrow_body_cut_anywhere_is_refused_or_whole(write: Any) -> None:
    """A cut body gives a 4xx, never a crash, and never fewer rows than were sent (SECURITY D5)."""
    table = damaged_table()
    body = write(table)
    for length in range(0, len(body), 3):
        try:
            decoded = arrow.decode(body[:length])
        except InvalidInput:
            continue
        assert table.num_rows == decoded.rows
