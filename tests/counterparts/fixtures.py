"""The counterparts as fixtures, started once for a run and only when a test asks for them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests import counterparts
from tests.counterparts import environments


@contextmanager
def _running(start: Callable[[], AbstractContextManager[Any]]) -> Iterator[Any]:
    """Start a counterpart; where it cannot be had the test is skipped, in CI it fails."""
    running = start()
    try:
        found = running.__enter__()
    except counterparts.Missing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    try:
        yield found
    finally:
        running.__exit__(None, None, None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[dict[str, Any]]:
    """Details of a connection to a PostgreSQL server."""
    with _running(counterparts.postgres) as details:
        yield details


@pytest.fixture(scope="session")
def s3() -> Iterator[dict[str, Any]]:
    """Details of a connection to an S3 bucket."""
    with _running(counterparts.s3) as details:
        yield details


@pytest.fixture(scope="session")
def kafka() -> Iterator[dict[str, Any]]:
    """Details of a connection to a Kafka cluster."""
    with _running(counterparts.kafka) as details:
        yield details


@pytest.fixture
def http_files(tmp_path: Path) -> Iterator[counterparts.HttpFiles]:
    """A folder behind HTTP."""
    with counterparts.http_files(tmp_path) as files:
        yield files


@pytest.fixture(scope="session")
def bigquery(pytestconfig: pytest.Config) -> Iterator[counterparts.BigQueryService]:
    """A BigQuery service; what it needs is installed once, in a cache."""
    with _running(lambda: counterparts.bigquery(environments.cache_of(pytestconfig))) as service:
        yield service


@pytest.fixture(scope="session")
def enterprise_gateway(pytestconfig: pytest.Config) -> Iterator[counterparts.GatewayProgram]:
    """An Enterprise Gateway, installed once, in a cache; tests start it themselves."""
    with _running(lambda: counterparts.enterprise_gateway(environments.cache_of(pytestconfig))) as program:
        yield program


@pytest.fixture
def houses() -> pa.Table:
    """What a pipeline answers, renamed as S5 does: times, lists of float32, whole numbers."""
    times = pa.array([1_684_339_973_970, 1_684_339_973_971, 1_684_339_973_972], pa.timestamp("ms"))
    return pa.table(
        {
            "time": times,
            "in_tensor": pa.array(
                [[4.0, 2.5, 2900.0], [2.0, 2.5, 2170.0], [3.0, 1.75, 1300.0]], pa.list_(pa.float32())
            ),
            "out_variable": pa.array([[718013.75], [615094.56], [448627.72]], pa.list_(pa.float32())),
            "check_failures": pa.array([0, 0, 0], pa.int64()),
        }
    )
