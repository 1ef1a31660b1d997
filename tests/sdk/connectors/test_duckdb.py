"""DUCKDB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jupyter_wallaroo.sdk.connectors import ConnectorError, connector_for

DUCKDB = connector_for("DUCKDB")


@pytest.fixture
def details(tmp_path: Path) -> dict[str, Any]:
    return {"path": str(tmp_path / "canary-file.duckdb")}


def test_what_is_written_is_read_again(details: dict[str, Any], houses: pa.Table) -> None:
    assert DUCKDB.write(details, houses, "houses", mode="create") == 3
    found = DUCKDB.read(details, "houses")
    assert found.to_pylist() == houses.to_pylist()
    assert found.schema.types[1:] == [pa.list_(pa.float32()), pa.list_(pa.float32()), pa.int64()]


def test_structs_and_enums(details: dict[str, Any]) -> None:
    DUCKDB.write(details, pa.table({"s": [{"a": 1, "b": [1.5]}]}), "s", mode="create")
    found = DUCKDB.read(details, "SELECT *, 'x'::ENUM('x', 'y') AS e, uuid() AS u FROM s")
    assert found["s"].to_pylist() == [{"a": 1, "b": [1.5]}]
    assert found.schema.types[1:] == [pa.string(), pa.string()]


def test_modes_write_all_or_nothing(details: dict[str, Any]) -> None:
    with pytest.raises(ConnectorError) as caught:
        DUCKDB.write(details, pa.table({"x": [1]}), "modes")
    assert "mode='create'" in caught.value.hint
    DUCKDB.write(details, pa.table({"x": [1], "y": ["a"]}), "modes", mode="create")
    with pytest.raises(ConnectorError, match="already exists"):
        DUCKDB.write(details, pa.table({"x": [1]}), "modes", mode="create")
    DUCKDB.write({**details, "table": "main.modes"}, pa.table({"y": ["b"], "x": [2]}))
    with pytest.raises(ConnectorError):
        DUCKDB.write(details, pa.table({"x": ["no number"]}), "modes")
    assert DUCKDB.read(details, "modes").to_pydict() == {"x": [1, 2], "y": ["a", "b"]}
    DUCKDB.write(details, pa.table({"z": [3]}), "modes", mode="replace")
    assert DUCKDB.read(details, "modes").to_pydict() == {"z": [3]}


def test_reading_is_read_only_and_makes_no_file(details: dict[str, Any]) -> None:
    with pytest.raises(ConnectorError) as caught:
        DUCKDB.read(details, "houses")
    assert "canary-file" not in caught.value.message
    assert not Path(details["path"]).exists()
    DUCKDB.write(details, pa.table({"x": [1]}), "houses", mode="create")
    with pytest.raises(ConnectorError, match="read-only"):
        DUCKDB.read(details, "DROP TABLE houses")
    assert DUCKDB.read(details, "SELECT x + ? AS y FROM houses", parameters=[1]).to_pydict() == {"y": [2]}
    with pytest.raises(ConnectorError, match="no_such_table"):
        DUCKDB.read(details, "no_such_table")


def test_nasty_names_and_values(details: dict[str, Any]) -> None:
    nasty = 'x"; DROP TABLE t; --'
    DUCKDB.write(details, pa.table({nasty: [nasty]}), '"my ""table"""', mode="create")
    assert DUCKDB.read(details, '"my ""table"""').to_pydict() == {nasty: [nasty]}
