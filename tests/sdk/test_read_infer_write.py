"""The whole way: rows out of a real service, through a deployed pipeline, into the service, and back again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.connection import Connection
from jupyter_wallaroo.sdk.pipeline import Pipeline
from tests import counterparts
from tests.sdk.conftest import unique

ROWS = [[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [0.5, 0.25, 0.125]]
SUMS = [6.0, 60.0, 0.875]


def go_the_whole_way(
    pipeline: Pipeline, connection: Connection, source: str, target: str, *, is_table: bool = False, **reading: Any
) -> None:
    """Write inputs, read them, infer, write the results, read those."""
    writing = {"mode": "create"} if is_table else {}
    inputs = pd.DataFrame({"tensor": ROWS})
    assert connection.write(inputs, source, **writing) == len(ROWS)
    frame = connection.read(source, **reading)
    assert sorted(map(list, frame["tensor"])) == sorted(ROWS)
    result = pipeline.infer(frame).rename(columns={"in.tensor": "in_tensor", "out.y": "out_y"})
    assert connection.write(result[["in_tensor", "out_y", "check_failures"]], target, **writing) == len(ROWS)
    back = connection.read(target, **reading)
    found = {tuple(tensor): list(out) for tensor, out in zip(back["in_tensor"], back["out_y"], strict=True)}
    assert found == {tuple(row): [total] for row, total in zip(ROWS, SUMS, strict=True)}
    assert back["check_failures"].tolist() == [0, 0, 0]


def made(wl: Client, kind: str, details: dict[str, Any]) -> Connection:
    return wl.create_connection(unique(kind), kind, details)


def test_postgres(wl: Client, summing: Pipeline, postgres: dict[str, Any]) -> None:
    """Through tables, with arrays as arrays."""
    go_the_whole_way(summing, made(wl, "POSTGRES", postgres), unique("inputs"), unique("outputs"), is_table=True)


def test_s3(wl: Client, summing: Pipeline, s3: dict[str, Any]) -> None:
    """Through Parquet files in a bucket."""
    go_the_whole_way(summing, made(wl, "S3", s3), "in/rows.parquet", "out/rows.parquet")


def test_kafka(wl: Client, summing: Pipeline, kafka: dict[str, Any]) -> None:
    """Through topics of JSON messages."""
    go_the_whole_way(summing, made(wl, "KAFKA", kafka), unique("in"), unique("out"), max_rows=3)


def test_http(wl: Client, summing: Pipeline, http_files: counterparts.HttpFiles) -> None:
    """Through a folder that takes what is put there."""
    details = {"url": http_files.url}
    go_the_whole_way(summing, made(wl, "HTTP", details), "rows.df.json", "results.df.json")


def test_bigquery(wl: Client, summing: Pipeline, bigquery: counterparts.BigQueryService) -> None:
    """Through tables with repeated columns."""
    source, target = unique("inputs").replace("-", "_"), unique("outputs").replace("-", "_")
    go_the_whole_way(summing, made(wl, "BIGQUERY", bigquery.details), source, target, is_table=True)


@pytest.mark.parametrize("kind", ["DUCKDB", "FILE"])
def test_local_files(wl: Client, summing: Pipeline, tmp_path: Path, kind: str) -> None:
    """Through a database in a file, and through files."""
    details = {"path": str(tmp_path / "rows.duckdb") if kind == "DUCKDB" else str(tmp_path)}
    names = ("inputs", "outputs") if kind == "DUCKDB" else ("inputs.arrow", "outputs.arrow")
    go_the_whole_way(summing, made(wl, kind, details), *names, is_table=kind == "DUCKDB")
