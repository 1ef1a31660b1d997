"""S3, against moto."""

from __future__ import annotations

import traceback
from typing import Any

import pyarrow as pa
import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.connectors import ConnectorError, connector_for

S3 = connector_for("S3")


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.csv", "a.parquet", "a.arrow"])
def test_what_is_written_is_read_again(name: str, s3: dict[str, Any], houses: pa.Table) -> None:
    assert S3.write(s3, houses, f"formats/{name}") == 3
    assert S3.read(s3, f"formats/{name}")["in_tensor"].to_pylist() == houses["in_tensor"].to_pylist()


def test_types_survive_in_parquet(s3: dict[str, Any], houses: pa.Table) -> None:
    S3.write(s3, houses, "types.parquet")
    assert S3.read(s3, "types.parquet").equals(houses)


def test_a_pattern_reads_all_objects_in_order(s3: dict[str, Any]) -> None:
    for name, values in (("b", [3]), ("a", [1, 2])):
        S3.write({**s3, "prefix": "many/"}, pa.table({"x": values}), f"{name}.parquet")
    assert S3.read({**s3, "prefix": "many/"}, "*.parquet").to_pydict() == {"x": [1, 2, 3]}
    assert S3.read(s3, "s3://houses/many/*.parquet").num_rows == 3
    without_bucket = {name: value for name, value in s3.items() if name != "bucket"}
    assert S3.read(without_bucket, "houses/many/a.parquet").num_rows == 2


def test_an_object_is_read_anew_after_it_was_written(s3: dict[str, Any]) -> None:
    for values in ([1], [1, 2]):
        S3.write(s3, pa.table({"x": values}), "again.csv")
        assert S3.read(s3, "again*.csv").to_pydict() == {"x": values}


def test_mistakes_are_told_without_secrets(s3: dict[str, Any]) -> None:
    with pytest.raises(ConnectorError) as caught:
        S3.read(s3, "nothing.csv")
    assert caught.value.message.startswith("S3: reading 'nothing.csv' failed: FileNotFoundError")
    assert s3["key"] not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(ConnectorError, match="There is no such file"):
        S3.read(s3, "nothing*.csv")
    with pytest.raises(ConnectorError, match=r"writing to 's3://no-such-bucket/a\.csv' failed"):
        S3.write(s3, pa.table({"x": [1]}), "s3://no-such-bucket/a.csv")
    with pytest.raises(InvalidRequest, match="name an object"):
        S3.read({"endpoint_url": s3["endpoint_url"]})


def test_no_service_is_an_error_in_time(s3: dict[str, Any]) -> None:
    canary = "canary-secret-key-0815"
    details = {**s3, "endpoint_url": "http://127.0.0.1:1", "secret": canary}
    with pytest.raises(ConnectorError) as caught:
        S3.read(details, "a.csv", timeout_s=2)
    assert canary not in "".join(traceback.format_exception(caught.value))
