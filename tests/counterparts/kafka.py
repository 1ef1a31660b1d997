"""A Kafka of one's own: librdkafka's mock cluster, which speaks the real protocol."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from typing import Any

from tests.counterparts.processes import Missing

BROKERS = 3


@contextlib.contextmanager
def kafka() -> Iterator[dict[str, Any]]:
    """Yield the details of a connection to an empty cluster; topics make themselves, with four partitions each."""
    if importlib.util.find_spec("confluent_kafka") is None:
        raise Missing("confluent-kafka is not installed: pip install 'jupyter-wallaroo[kafka]'")
    from confluent_kafka import Producer

    cluster = Producer({"test.mock.num.brokers": BROKERS, "bootstrap.servers": "replaced", "log_level": 0})
    brokers = cluster.list_topics(timeout=30).brokers.values()
    yield {"bootstrap.servers": ",".join(f"{broker.host}:{broker.port}" for broker in brokers)}
    # The cluster lives as long as its producer does.
    del cluster
