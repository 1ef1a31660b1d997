"""BIGQUERY, against bqemulator with Google's own client; and the code of seed S5 as it is written there."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.connectors import ConnectorError, connector_for, formats
from tests.counterparts import BigQueryService

BIGQUERY = connector_for("BIGQUERY")


@pytest.fixture
def details(bigquery: BigQueryService, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Details that name the service; the environment only keeps Google's client on the loopback."""
    monkeypatch.setenv("HTTPS_PROXY", bigquery.environment["HTTPS_PROXY"])
    return bigquery.details


def test_what_is_written_is_read_again(details: dict[str, Any], houses: pa.Table) -> None:
    table = houses.set_column(0, "time", houses["time"].cast(pa.timestamp("us", "UTC")))
    assert BIGQUERY.write({**details, "table": "houses"}, table, mode="create") == 3
    found = BIGQUERY.read({**details, "table": "houses"})
    doubles = pa.list_(pa.float64())
    assert found.schema.types == [pa.timestamp("us", "UTC"), doubles, doubles, pa.int64()]
    assert found.sort_by("time").to_pylist() == table.to_pylist()


def test_the_seed_data_goes_in_and_out(details: dict[str, Any], shared_data: Path) -> None:
    """S5-26: a thousand rows of 18 numbers."""
    table = formats.decode((shared_data / "data/xtest-1k.df.json").read_bytes(), formats.choose("json", ""))
    BIGQUERY.write(details, table, "inputs_1k", mode="create")
    found = BIGQUERY.read(details, "SELECT tensor FROM houses.inputs_1k")
    assert sorted(found["tensor"].to_pylist()) == sorted(table["tensor"].to_pylist())


def test_types(details: dict[str, Any]) -> None:
    table = pa.table(
        {
            "s": ["a", None],
            "b": [b"x", None],
            "ok": [True, None],
            "f": pa.array([1.5, None], pa.float32()),
            "i": pa.array([1, None], pa.int16()),
            "day": pa.array([0, None], pa.int32()).cast(pa.date32()),
            "local": pa.array([0, None], pa.timestamp("ns")),
            "words": pa.array([["x", "y"], None], pa.list_(pa.string())),
            "pair": [{"a": 1, "b": 2.5}, None],
            "money": pa.array([1, None]).cast(pa.decimal128(21, 2)),
        }
    )
    BIGQUERY.write(details, table, "types", mode="create")
    found = BIGQUERY.read(details, "SELECT * FROM houses.types ORDER BY i DESC")
    assert found.schema.types == [
        pa.string(), pa.binary(), pa.bool_(), pa.float64(), pa.int64(), pa.date32(), pa.timestamp("us"),
        pa.list_(pa.string()), pa.struct({"a": pa.int64(), "b": pa.float64()}), pa.decimal128(38, 9),
    ]  # fmt: skip
    first, second = found.to_pylist()
    assert first == table.slice(0, 1).to_pylist()[0]
    assert second == {**dict.fromkeys(table.column_names), "words": []}


def test_modes(details: dict[str, Any]) -> None:
    table = pa.table({"x": [1, 2]})
    with pytest.raises(ConnectorError) as caught:
        BIGQUERY.write(details, table, "modes")
    assert "mode='create'" in caught.value.hint
    BIGQUERY.write(details, table, "modes", mode="create")
    with pytest.raises(ConnectorError) as caught:
        BIGQUERY.write(details, table, "modes", mode="create")
    assert "mode='append'" in caught.value.hint
    BIGQUERY.write(details, table, "houses.modes")
    assert BIGQUERY.read(details, "house-project.houses.modes").num_rows == 4
    BIGQUERY.write(details, pa.table({"x": [9]}), "modes", mode="replace")
    assert BIGQUERY.read(details, "modes").to_pydict() == {"x": [9]}
    BIGQUERY.write(details, pa.table({"x": [7]}), "new_by_replace", mode="replace")
    assert BIGQUERY.read(details, "new_by_replace").num_rows == 1


def test_naive_times_fit_a_timestamp_column(details: dict[str, Any], houses: pa.Table) -> None:
    """What pipelines answer has times without a zone; S5's output table has TIMESTAMP."""
    with_zone = houses.set_column(0, "time", houses["time"].cast(pa.timestamp("us", "UTC")))
    BIGQUERY.write(details, with_zone, "stamps", mode="create")
    BIGQUERY.write(details, houses, "stamps")
    times = BIGQUERY.read(details, "SELECT DISTINCT time FROM houses.stamps ORDER BY time")["time"]
    assert times.to_pylist() == with_zone["time"].to_pylist()


def test_names_that_bigquery_does_not_allow_are_told(details: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        BIGQUERY.write(details, pa.table({"in.tensor": [1]}), "dots", mode="create")
    assert "'in.tensor'" in caught.value.message
    assert "rename" in caught.value.hint
    with pytest.raises(ConnectorError):
        BIGQUERY.read(details, "dots")  # and nothing was made
    BIGQUERY.write(details, pa.table({"x": [1]}), "dots", mode="create")
    with pytest.raises(InvalidRequest, match="no column 'y'; it has x"):
        BIGQUERY.write(details, pa.table({"y": [1]}), "dots")


def test_values_are_bound(details: dict[str, Any]) -> None:
    found = BIGQUERY.read(details, "SELECT @a AS a, @n + 1 AS n", parameters={"a": "x' OR '1'='1", "n": 2})
    assert found.to_pydict() == {"a": ["x' OR '1'='1"], "n": [3]}
    with pytest.raises(InvalidRequest, match="'a' is a list"):
        BIGQUERY.read(details, "SELECT @a AS a", parameters={"a": [1]})


def test_mistakes_show_nothing_of_the_key(details: dict[str, Any]) -> None:
    with pytest.raises(ConnectorError) as caught:
        BIGQUERY.read(details, "no_such_table")
    assert caught.value.message.startswith("BIGQUERY: reading 'no_such_table' failed: ")
    with pytest.raises(ConnectorError) as caught:
        BIGQUERY.read(details, "SELECT nothing at all")
    canary = "canary-key-0815"
    broken = {**details, "private_key": f"-----BEGIN PRIVATE KEY-----\n{canary}\n-----END PRIVATE KEY-----\n"}
    nowhere = {**details, "token_uri": "http://127.0.0.1:1/canary-token"}
    for wrong in (broken, nowhere):
        with pytest.raises(ConnectorError) as caught:
            BIGQUERY.read(wrong, "houses", timeout_s=2)
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.to_wire())
        assert "canary" not in shown
        assert str(details["client_email"]) not in shown


@pytest.mark.filterwarnings("ignore:Retrieving DataFrames via google-cloud-bigquery is deprecated")
@pytest.mark.filterwarnings("ignore:Inserting rows from DataFrames via google-cloud-bigquery is deprecated")
@pytest.mark.filterwarnings("ignore:BigQuery Storage module not found")
def test_the_code_of_the_seed_as_it_is_written(
    bigquery: BigQueryService, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S5-26, S5-27: no options are passed to the client; only the environment says where the service is."""
    import pandas as pd
    from google.cloud import bigquery as client_library
    from google.oauth2 import service_account

    key_in, key_out = bigquery.key("seed_inputs"), bigquery.key("seed_outputs")
    _make_seed_tables(bigquery, shared_data)
    for name, value in bigquery.environment.items():
        monkeypatch.setenv(name, value)
    clients = []
    for key in (key_in, key_out):
        credentials = service_account.Credentials.from_service_account_info(key)
        clients.append(client_library.Client(credentials=credentials, project=key["project_id"]))
    client_in, client_out = clients
    frame = client_in.query(
        f"""
        SELECT tensor
        FROM {key_in["dataset"]}.{key_in["table"]}"""  # noqa: S608 it is the seed's
    ).to_dataframe()
    assert frame.shape == (1000, 1)
    assert len(frame["tensor"][0]) == 18
    times = pd.to_datetime(["2023-05-17 16:12:53.970"] * 1000)
    result = pd.DataFrame(
        {
            "time": times,
            "in.tensor": frame["tensor"],
            "out.variable": [[718013.75 + number] for number in range(1000)],
            "check_failures": 0,
        }
    )
    output_table = client_out.get_table(f"{key_out['dataset']}.{key_out['table']}")
    answer = client_out.insert_rows_from_dataframe(
        output_table, dataframe=result.rename(columns={"in.tensor": "in_tensor", "out.variable": "out_variable"})
    )
    assert answer == [[], []]
    written = client_out.query(
        f"""
        SELECT *
        FROM {key_out["dataset"]}.{key_out["table"]}
        ORDER BY time DESC
        LIMIT 5
        """  # noqa: S608 it is the seed's
    ).to_dataframe()
    assert list(written.columns) == ["time", "in_tensor", "out_variable", "check_failures"]
    assert len(written) == 5
    assert set(written["time"]) == {pd.Timestamp("2023-05-17 16:12:53.970", tz="UTC")}
    for client in clients:
        client.close()
    # The connector goes where the environment says, too.
    assert BIGQUERY.read(key_out).num_rows == 1000


def _make_seed_tables(service: BigQueryService, shared_data: Path) -> None:
    inputs = formats.decode((shared_data / "data/xtest-1k.df.json").read_bytes(), formats.choose("json", ""))
    BIGQUERY.write(service.details, inputs, "seed_inputs", mode="create")
    kinds = {
        "time": pa.timestamp("us", "UTC"),
        "in_tensor": pa.list_(pa.float64()),
        "out_variable": pa.list_(pa.float64()),
        "check_failures": pa.int64(),
    }
    BIGQUERY.write(service.details, pa.schema(kinds).empty_table(), "seed_outputs", mode="create")
