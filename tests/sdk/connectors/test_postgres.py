"""POSTGRES, against a server of its own."""

from __future__ import annotations

import datetime
import traceback
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.connectors import ConnectorError, connector_for

POSTGRES = connector_for("POSTGRES")


def test_what_is_written_is_read_again(postgres: dict[str, Any], houses: pa.Table) -> None:
    """Lists of float32 come back as lists of float32; times as microseconds."""
    table = houses.rename_columns(["time", "in.tensor", "out.variable", "check_failures"])
    assert POSTGRES.write(postgres, table, "houses", mode="create") == 3
    found = POSTGRES.read(postgres, "houses")
    assert found.schema.types == [pa.timestamp("us"), pa.list_(pa.float32()), pa.list_(pa.float32()), pa.int64()]
    assert found.to_pylist() == table.to_pylist()
    assert found.schema.field(0).metadata is None


def test_modes(postgres: dict[str, Any]) -> None:
    table = pa.table({"x": [1, 2]})
    with pytest.raises(ConnectorError) as caught:
        POSTGRES.write(postgres, table, "modes")
    assert "mode='create'" in caught.value.hint
    POSTGRES.write(postgres, table, "modes", mode="create")
    with pytest.raises(ConnectorError) as caught:
        POSTGRES.write(postgres, table, "modes", mode="create")
    assert "mode='append'" in caught.value.hint
    POSTGRES.write({**postgres, "table": "modes"}, table)
    assert POSTGRES.read({**postgres, "table": "public.modes"}).num_rows == 4
    POSTGRES.write(postgres, pa.table({"y": ["a"]}), "modes", mode="replace")
    assert POSTGRES.read(postgres, "modes").to_pydict() == {"y": ["a"]}
    with pytest.raises(InvalidRequest, match="mode='upsert'"):
        POSTGRES.write(postgres, table, "modes", mode="upsert")


def test_a_write_that_fails_writes_nothing(postgres: dict[str, Any]) -> None:
    POSTGRES.write(postgres, pa.table({"x": [1]}), "whole", mode="create")
    with pytest.raises(ConnectorError):
        POSTGRES.write(postgres, pa.table({"y": [{"a": 1}]}), "whole", mode="replace")
    with pytest.raises(ConnectorError):
        POSTGRES.write(postgres, pa.table({"x": ["text"]}), "whole")
    assert POSTGRES.read(postgres, "whole").to_pydict() == {"x": [1]}


def test_values_are_bound_and_names_quoted(postgres: dict[str, Any]) -> None:
    nasty = 'x"; DROP TABLE safe; --'
    POSTGRES.write(postgres, pa.table({"a": [1]}), "safe", mode="create")
    POSTGRES.write(postgres, pa.table({nasty: [nasty]}), '"Odd name.here"', mode="create")
    assert POSTGRES.read(postgres, '"Odd name.here"').to_pydict() == {nasty: [nasty]}
    found = POSTGRES.read(postgres, "SELECT $1::text AS v, a + $2::bigint AS n FROM safe", parameters=[nasty, 2])
    assert found.to_pydict() == {"v": [nasty], "n": [3]}


def test_types_are_plain(postgres: dict[str, Any]) -> None:
    found = POSTGRES.read(
        postgres,
        """SELECT 1.25::numeric AS n, ARRAY[1.5, NULL]::numeric[] AS ns, '{"a": 1}'::jsonb AS j, NULL::uuid AS none,
        '00000000-0000-0000-0000-000000000001'::uuid AS u, '2024-01-02 03:04:05+02'::timestamptz AS t""",
    )
    assert found.schema.types == [
        pa.float64(), pa.list_(pa.float64()), pa.string(), pa.string(), pa.string(), pa.timestamp("us", "UTC"),
    ]  # fmt: skip
    assert found.to_pylist() == [
        {
            "n": 1.25,
            "ns": [1.5, None],
            "j": '{"a": 1}',
            "none": None,
            "u": "00000000-0000-0000-0000-000000000001",
            "t": datetime.datetime(2024, 1, 2, 1, 4, 5, tzinfo=datetime.UTC),
        }
    ]


def test_a_uri_does_too(postgres: dict[str, Any]) -> None:
    uri = "postgresql://{user}:{password}@{host}:{port}/{database}".format(**postgres)
    assert connector_for("postgresql").read({"uri": uri}, "SELECT 1 AS one").to_pydict() == {"one": [1]}


def test_a_query_ends_in_time(postgres: dict[str, Any]) -> None:
    with pytest.raises(ConnectorError) as caught:
        POSTGRES.read(postgres, "SELECT pg_sleep(20)", timeout_s=0.2)
    assert caught.value.hint == "It took longer than timeout_s."


def test_no_connection_shows_no_secret(postgres: dict[str, Any]) -> None:
    canary = "canary:p@ss/word"
    uri = f"postgresql://someone:{quote(canary, safe='')}@127.0.0.1:{postgres['port']}/canarydatabase"
    for details in (
        {**postgres, "user": "someone", "password": canary, "database": "canarydatabase"},
        {"uri": uri},
        {"uri": f"postgresql://someone:{quote(canary, safe='')}@127.0.0.1:1/canarydatabase"},
        {"uri": f"host=127.0.0.1 port=1 user=someone password={canary} dbname=canarydatabase nonsense"},
    ):
        with pytest.raises(ConnectorError) as caught:
            POSTGRES.read(details, "houses")
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.to_wire())
        assert "canary" not in shown.split("raise failure")[-1]
        assert "p@ss" not in shown
        assert caught.value.message.startswith("POSTGRES: reading 'houses' failed: ")


def test_a_missing_table_is_told(postgres: dict[str, Any]) -> None:
    with pytest.raises(ConnectorError) as caught:
        POSTGRES.read(postgres, "no_such_table")
    assert 'relation "no_such_table" does not exist' in caught.value.message
    assert "check its name" in caught.value.hint
