"""FILE: local files by name and by pattern."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.connectors import ConnectorError, connector_for

FILE = connector_for("FILE")


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.csv", "a.parquet", "a.arrow"])
def test_what_is_written_is_read_again(name: str, tmp_path: Path, houses: pa.Table) -> None:
    assert FILE.write({"path": str(tmp_path)}, houses, f"out/{name}") == 3
    assert FILE.read({"path": str(tmp_path)}, f"out/{name}")["in_tensor"].equals(
        houses["in_tensor"].cast(FILE.read({"path": str(tmp_path / "out" / name)}).schema.field("in_tensor").type)
    )
    assert [path.name for path in (tmp_path / "out").iterdir()] == [name], "a temporary file is left"


def test_a_pattern_reads_all_files_in_order(tmp_path: Path) -> None:
    for name, table in [("b.csv", {"x": [3], "y": [True]}), ("a.csv", {"x": [1, 2]}), ("c.txt", {"x": [9]})]:
        FILE.write({"path": str(tmp_path)}, pa.table(table), name, format="csv")
    expected = {"x": [1, 2, 3], "y": [None, None, True]}
    assert FILE.read({"path": str(tmp_path)}, "*.csv").to_pydict() == expected
    assert FILE.read({"path": str(tmp_path / "*.csv")}).to_pydict() == expected


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    details = {"path": str(tmp_path / "a.csv")}
    FILE.write(details, pa.table({"x": [1]}))
    with pytest.raises(ConnectorError, match="cannot be written as csv"):
        FILE.write(details, pa.table({"x": pa.array([None], pa.month_day_nano_interval())}))
    assert FILE.read(details).to_pydict() == {"x": [1]}


def test_mistakes_are_told_without_the_path(tmp_path: Path) -> None:
    folder = tmp_path / "canary-folder"
    with pytest.raises(ConnectorError) as caught:
        FILE.read({"path": str(folder)}, "a.csv")
    assert caught.value.message == "FILE: reading 'a.csv' failed: There is no such file."
    with pytest.raises(InvalidRequest, match="Neither suffix"):
        FILE.write({"path": str(folder)}, pa.table({"x": [1]}), "a")
    folder.mkdir()
    (folder / "a.csv").mkdir()
    with pytest.raises(ConnectorError) as caught:
        FILE.write({"path": str(folder)}, pa.table({"x": [1]}), "a.csv")
    assert "IsADirectoryError" in caught.value.message
    assert "canary-folder" not in caught.value.message
