"""Types are found in any case, others' types by entry points, and errors pass a guard."""

from __future__ import annotations

import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from jupyter_wallaroo.errors import InvalidRequest, WallarooError
from jupyter_wallaroo.sdk.connectors import ConnectorError, connector_for, registry
from jupyter_wallaroo.sdk.connectors.failures import driver
from jupyter_wallaroo.sdk.connectors.guarded import Guarded

CANARY = "canary-4711-secret"


class Leaking:
    """A connector of somebody who never thought of secrets."""

    def read(self, details: Any, source: str | None = None, *, how: str = "driver") -> Any:
        password = details["login"]["password"]
        try:
            raise RuntimeError(f"inner: {password!r}")
        except RuntimeError as error:
            if how == "driver":
                raise ValueError(f"cannot log in with {password} at {source}") from error
            raise ConnectorError(f"told: {password}", hint=f"not {password}", details={"p": password}) from error

    def write(self, details: Any, table: Any, target: str | None = None, **options: Any) -> int:
        return len(options)


@pytest.fixture
def others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's installed package registered LEAKING, and tries to take over POSTGRES."""
    installed = tmp_path / "others-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
    points = [
        f"leaking = {__name__}:Leaking",
        f"POSTGRES = {__name__}:Leaking",
        "BROKEN = no_such_package_at_all:Thing",
    ]
    (installed / "entry_points.txt").write_text("\n".join([f"[{registry.GROUP}]", *points]))
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.parametrize("name", sorted(registry._OURS))
def test_every_type_of_ours_is_found_in_any_case(name: str) -> None:
    assert isinstance(connector_for(f" {name.lower()} "), Guarded)
    assert "jupyter_wallaroo.sdk.connectors." in repr(connector_for(name))


def test_an_unknown_type_names_those_there_are_and_how_to_add_one() -> None:
    with pytest.raises(InvalidRequest) as caught:
        connector_for("POSTGRESS")
    assert "'POSTGRESS'" in caught.value.message
    assert all(name in caught.value.message for name in registry._OURS)
    assert "Did you mean 'POSTGRES'?" in caught.value.hint
    assert "jupyter_wallaroo.connectors" in caught.value.hint


@pytest.mark.usefixtures("others")
def test_a_package_adds_a_type_and_takes_none_over() -> None:
    assert "Leaking" in repr(connector_for("Leaking"))
    assert "Leaking" not in repr(connector_for("postgres"))
    assert connector_for("LEAKING").write({}, None, anything=1, else_=2) == 2
    with pytest.raises(ConnectorError, match="no_such_package_at_all"):
        connector_for("broken")


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize("how", ["driver", "own"])
def test_no_part_of_an_error_shows_a_secret(how: str) -> None:
    with pytest.raises(ConnectorError) as caught:
        connector_for("leaking").read(
            {"login": {"password": CANARY}}, f"https://u:{CANARY}@host/x?sig=abcd1234", how=how
        )
    error = caught.value
    shown = "".join(traceback.format_exception(error))
    for text in (shown, repr(error), str(error.to_wire())):
        assert CANARY not in text
        assert "abcd1234" not in text
    assert error.__cause__ is None
    assert error.__context__ is None, "the driver's error hangs on, for every tool that walks the chain"
    frames = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    assert frames[-1].endswith("guarded.py"), "a driver's frame hangs on, with its locals"
    assert error.message.startswith("LEAKING: reading 'https://host/x' failed: ")
    assert "*****" in error.message


def test_an_unknown_option_names_those_there_are() -> None:
    with pytest.raises(InvalidRequest) as caught:
        connector_for("sqlite").write({"path": "x"}, None, "t", mod="append")
    assert caught.value.message == "SQLITE: write has no option 'mod'."
    assert caught.value.hint == "There are: mode, timeout_s."


def test_missing_details_name_the_keys_there_are() -> None:
    with pytest.raises(InvalidRequest) as caught:
        connector_for("postgres").read({"hots": "db.example.com"}, "t")
    assert caught.value.message == (
        "POSTGRES: The connection's details lack 'host' (or 'hostname', 'server'); they have: 'hots'."
    )


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, extra, kind in [
        ("google.cloud.bigquery", "bigquery", "bigquery"),
        ("confluent_kafka", "kafka", "kafka"),
        ("s3fs", "s3", "s3"),
        ("duckdb", "sql", "duckdb"),
        ("adbc_driver_postgresql.dbapi", "sql", "postgres"),
    ]:
        monkeypatch.setitem(sys.modules, module, None)
        details = {
            "project_id": "p", "dataset": "d", "bootstrap.servers": "h:1", "path": "x", "bucket": "b", "host": "h",
            "user": "u", "database": "d",
        }  # fmt: skip
        with pytest.raises(ConnectorError) as caught:
            connector_for(kind).read(details, "name")
        assert f"pip install 'jupyter-wallaroo[{extra}]'" in caught.value.hint


def test_connector_errors_are_wallaroo_errors() -> None:
    assert issubclass(ConnectorError, WallarooError)
    assert driver("json", "nothing").dumps([1]) == "[1]"


def test_importing_the_package_loads_no_driver() -> None:
    code = (
        "import sys, jupyter_wallaroo.sdk.connectors as c; before = sorted(sys.modules);"
        "[c.connector_for(name) for name in ('HTTP', 'FILE', 'S3', 'POSTGRES', 'SQLITE', 'DUCKDB', 'BIGQUERY', 'KAFKA')];"
        "print(' '.join(before)); print(' '.join(sorted(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    imported, constructed = (set(line.split()) for line in output.splitlines())
    heavy = {"pyarrow", "pandas", "numpy", "duckdb", "confluent_kafka", "s3fs", "fsspec", "google.cloud.bigquery"}
    assert not heavy & imported
    assert not heavy & constructed
