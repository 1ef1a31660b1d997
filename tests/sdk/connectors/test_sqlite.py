"""SQLITE."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jupyter_wallaroo.sdk.connectors import ConnectorError, connector_for

SQLITE = connector_for("SQLITE")


@pytest.fixture
def details(tmp_path: Path) -> dict[str, Any]:
    return {"path": str(tmp_path / "canary-file?#%.db")}


def test_what_is_written_is_read_again(details: dict[str, Any], houses: pa.Table) -> None:
    assert SQLITE.write(details, houses, "houses", mode="create") == 3
    found = SQLITE.read(details, "houses")
    assert found.schema.types == [pa.string(), pa.list_(pa.float64()), pa.list_(pa.float64()), pa.int64()]
    assert found["in_tensor"].to_pylist() == houses["in_tensor"].to_pylist()
    assert found["time"].to_pylist()[0] == "2023-05-17T16:12:53.970000"


def test_every_kind_of_column(details: dict[str, Any]) -> None:
    table = pa.table(
        {
            "b": pa.array([True, None]),
            "f": pa.array([0.1, None], pa.float32()),
            "d": pa.array([1, None]).cast(pa.decimal128(21, 2)),
            "by": pa.array([b"x", None]),
            "day": pa.array([0, None]).cast(pa.int32()).cast(pa.date32()),
            "none": pa.array([None, None]),
        }
    )
    SQLITE.write(details, table, "kinds", mode="create")
    found = SQLITE.read(details, "kinds")
    assert found.schema.types == [pa.int64(), pa.float64(), pa.float64(), pa.binary(), pa.string(), pa.null()]
    assert found.slice(0, 1).to_pylist()[0] == {
        "b": 1, "f": 0.10000000149011612, "d": 1.0, "by": b"x", "day": "1970-01-01", "none": None,
    }  # fmt: skip


def test_nulls_and_mixed_numbers_come_late(details: dict[str, Any]) -> None:
    """The type is that of all values, not of the first thousand."""
    SQLITE.write(details, pa.table({"x": [None] * 3000 + ["text"]}), "late", mode="create")
    assert SQLITE.read(details, "late")["x"][-1].as_py() == "text"
    with closing(sqlite3.connect(details["path"])) as connection, connection:
        connection.execute("CREATE TABLE mixed (n)")
        connection.executemany("INSERT INTO mixed VALUES (?)", [(1,), (2.5,)])
    assert SQLITE.read(details, "mixed").to_pydict() == {"n": [1.0, 2.5]}
    with closing(sqlite3.connect(details["path"])) as connection, connection:
        connection.execute("INSERT INTO mixed VALUES ('text')")
    with pytest.raises(ConnectorError, match="column 'n' have no type in common"):
        SQLITE.read(details, "mixed")


def test_modes_write_all_or_nothing(details: dict[str, Any]) -> None:
    with pytest.raises(ConnectorError, match="no such table"):
        SQLITE.write(details, pa.table({"x": [1]}), "modes")
    SQLITE.write(details, pa.table({"x": [1]}), "modes", mode="create")
    with pytest.raises(ConnectorError, match="already exists"):
        SQLITE.write(details, pa.table({"x": [1]}), "modes", mode="create")
    SQLITE.write({**details, "table": "modes"}, pa.table({"x": [2]}))
    with pytest.raises(ConnectorError):
        SQLITE.write(details, pa.table({"x": pa.array([2**64 - 1], pa.uint64())}), "modes", mode="replace")
    assert SQLITE.read(details, "modes").to_pydict() == {"x": [1, 2]}, "a replace that failed took what was there"
    SQLITE.write(details, pa.table({"y": [3]}), "modes", mode="replace")
    assert SQLITE.read({**details, "table": "modes"}).to_pydict() == {"y": [3]}


def test_reading_changes_nothing_and_makes_no_file(details: dict[str, Any]) -> None:
    with pytest.raises(ConnectorError) as caught:
        SQLITE.read(details, "houses")
    assert "unable to open database file" in caught.value.message
    assert not Path(details["path"]).exists()
    SQLITE.write(details, pa.table({"x": [1]}), "houses", mode="create")
    for statement in ("DELETE FROM houses", "DROP TABLE houses"):
        with pytest.raises(ConnectorError):
            SQLITE.read(details, statement)
    assert SQLITE.read(details, "SELECT x + ? AS y FROM houses", parameters=[1]).to_pydict() == {"y": [2]}


def test_nasty_names_and_values(details: dict[str, Any]) -> None:
    nasty = 'x"; DROP TABLE t; --'
    SQLITE.write(details, pa.table({nasty: [nasty]}), '"my ""table"""', mode="create")
    assert SQLITE.read(details, '"my ""table"""').to_pydict() == {nasty: [nasty]}


def test_a_locked_file_is_told_in_time(details: dict[str, Any]) -> None:
    SQLITE.write(details, pa.table({"x": [1]}), "t", mode="create")
    with closing(sqlite3.connect(details["path"])) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ConnectorError, match="locked"):
            SQLITE.write(details, pa.table({"x": [1]}), "t", timeout_s=0.05)
