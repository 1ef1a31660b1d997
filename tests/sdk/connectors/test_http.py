"""HTTP: the seed's connection reads as it is, tables are sent, and credentials stay with their host."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.connectors import ConnectorError, connector_for
from tests.counterparts import HttpFiles, http_files

HTTP = connector_for("HTTP")


def test_the_connection_of_the_seed_reads(http_files: HttpFiles, shared_data: Path) -> None:
    """S2: details are a url and nothing else."""
    shutil.copy(shared_data / "data/xtest-1k.df.json", http_files.folder / "test.df.json")
    table = connector_for("http").read({"url": http_files.url + "test.df.json"})
    assert (table.num_rows, table.schema.types) == (1000, [pa.list_(pa.float64())])


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.csv", "a.parquet", "a.arrow"])
@pytest.mark.parametrize("method", ["PUT", "post"])
def test_what_is_written_is_read_again(name: str, method: str, http_files: HttpFiles, houses: pa.Table) -> None:
    details = {"url": http_files.url}
    assert HTTP.write(details, houses, name, method=method) == 3
    found = HTTP.read(details, name)
    assert found["in_tensor"].to_pylist() == houses["in_tensor"].to_pylist()
    assert http_files.requests[0][0] == method.upper()


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("data/", "a.json", "/data/a.json"),
        ("data", "a.json", "/data/a.json"),
        ("data/b.json", "a.json", "/data/a.json"),
        ("data", "/a.json", "/a.json"),
    ],
)
def test_a_source_is_resolved_beside_the_url(path: str, source: str, expected: str, http_files: HttpFiles) -> None:
    (http_files.folder / "data").mkdir()
    for folder in ("data", "."):
        (http_files.folder / folder / "a.json").write_text('[{"a": 1}]')
    assert HTTP.read({"url": http_files.url + path}, source).to_pylist() == [{"a": 1}]
    assert http_files.requests[-1][1] == expected


def test_a_token_and_headers_are_sent_and_never_shown(http_files: HttpFiles) -> None:
    (http_files.folder / "a.json").write_text('[{"a": 1}]')
    http_files.token = "canary-token-77"
    details = {"url": http_files.url, "token": "canary-token-77", "headers": {"X-Key": "canary-header"}}
    assert HTTP.read(details, "a.json").num_rows == 1
    assert http_files.requests[-1][2]["X-Key"] == "canary-header"
    http_files.token = "another"
    with pytest.raises(ConnectorError) as caught:
        HTTP.read(details, "a.json")
    assert "401" in caught.value.message
    assert "not the token: Bearer *****" in caught.value.message, "the server repeats what it got"
    assert "token" in caught.value.hint


def test_basic_authentication(http_files: HttpFiles) -> None:
    (http_files.folder / "a.json").write_text('[{"a": 1}]')
    HTTP.read({"url": http_files.url, "username": "me", "password": "pass"}, "a.json")
    assert http_files.requests[-1][2]["Authorization"] == "Basic bWU6cGFzcw=="


def test_a_redirect_to_another_host_gets_no_credentials(
    http_files: HttpFiles, tmp_path_factory: pytest.TempPathFactory
) -> None:
    details = {"url": http_files.url, "token": "canary-token-77", "headers": {"X-Key": "canary-header"}}
    (http_files.folder / "a.json").write_text('[{"a": 1}]')
    with _other(tmp_path_factory) as other:
        http_files.redirects = {"/out.json": other.url + "b.json", "/in.json": "/a.json"}
        assert HTTP.read(details, "out.json").to_pylist() == [{"b": 2}]
        assert not {"authorization", "x-key"} & {name.lower() for name in other.requests[-1][2]}
        assert HTTP.read(details, "in.json").to_pylist() == [{"a": 1}]
        assert http_files.requests[-1][2]["X-Key"] == "canary-header"
        with pytest.raises(InvalidRequest, match="not on the host"):
            HTTP.read(details, other.url + "b.json")
        assert len(other.requests) == 1


def _other(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("other")
    (folder / "b.json").write_text('[{"b": 2}]')
    return http_files(folder)


def test_endless_redirects_end(http_files: HttpFiles) -> None:
    http_files.redirects = {"/a.json": "/a.json"}
    with pytest.raises(ConnectorError, match="302"):
        HTTP.read({"url": http_files.url}, "a.json")


def test_what_is_not_there_is_told(http_files: HttpFiles) -> None:
    with pytest.raises(ConnectorError) as caught:
        HTTP.read({"url": http_files.url}, "nothing.json")
    assert caught.value.message.startswith("HTTP: reading 'nothing.json' failed: GET was answered 404")


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with http_files(tmp_path) as files:
        url = files.url
    with pytest.raises(ConnectorError) as caught:
        HTTP.read({"url": url + "canary-folder/a.json"}, timeout_s=5)
    assert "ConnectError" in caught.value.message
    assert "canary-folder" not in caught.value.message
