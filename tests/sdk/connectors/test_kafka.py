"""KAFKA, against librdkafka's mock cluster."""

from __future__ import annotations

import json
import time
import traceback
import uuid
from typing import Any

import pyarrow as pa
import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.connectors import ConnectorError, connector_for

KAFKA = connector_for("KAFKA")


@pytest.fixture
def topic(kafka: dict[str, Any]) -> dict[str, Any]:
    """Details with a topic of their own."""
    return {**kafka, "topic": f"canary-{uuid.uuid4().hex}", "group.id": f"group-{uuid.uuid4().hex}"}


def _produce(details: dict[str, Any], *values: bytes | None) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": details["bootstrap.servers"]})
    for value in values:
        producer.produce(details["topic"], value=value, key="same")
    assert producer.flush(20) == 0


def test_what_is_written_is_read_again(topic: dict[str, Any], houses: pa.Table) -> None:
    assert KAFKA.write(topic, houses) == 3
    found = KAFKA.read(topic)
    assert sorted(found.column_names) == sorted(houses.column_names)
    rows = sorted(found.to_pylist(), key=lambda row: row["time"])
    assert [row["in_tensor"] for row in rows] == houses["in_tensor"].to_pylist()
    assert rows[0]["time"] == "2023-05-17T16:12:53.970000"


def test_keys_keep_rows_together_and_in_order(topic: dict[str, Any]) -> None:
    from confluent_kafka import Consumer, TopicPartition

    table = pa.table({"house": ["a", "b", None, "a", "b"] * 20, "n": list(range(100))})
    assert KAFKA.write(topic, table, key_column="house") == 100
    consumer = Consumer({"bootstrap.servers": topic["bootstrap.servers"], "group.id": "look"})
    try:
        consumer.assign([TopicPartition(topic["topic"], number, 0) for number in range(4)])
        messages = consumer.consume(100, timeout=20)
    finally:
        consumer.close()
    places: dict[Any, set[int]] = {}
    for message in messages:
        row = json.loads(message.value())
        assert message.key() == (None if row["house"] is None else row["house"].encode())
        places.setdefault(row["house"], set()).add(message.partition())
    assert len(places["a"]) == len(places["b"]) == 1
    with pytest.raises(InvalidRequest, match="no column 'home'; there are: house, n"):
        KAFKA.write(topic, table, key_column="home")


def test_the_beginning_is_read_again_and_again_and_up_to_max_rows(topic: dict[str, Any]) -> None:
    KAFKA.write(topic, pa.table({"n": list(range(50))}))
    for _ in range(2):
        assert sorted(KAFKA.read(topic)["n"].to_pylist()) == list(range(50))
    assert KAFKA.read(topic, max_rows=7).num_rows == 7


def test_a_group_goes_on_where_it_was(topic: dict[str, Any]) -> None:
    KAFKA.write(topic, pa.table({"n": list(range(10))}))
    first = KAFKA.read(topic, start="group", max_rows=4)["n"].to_pylist()
    rest = KAFKA.read(topic, start="group")["n"].to_pylist()
    assert len(first) == 4
    assert sorted(first + rest) == list(range(10))
    assert KAFKA.read(topic, start="group").num_rows == 0
    KAFKA.write(topic, pa.table({"n": [99]}))
    assert KAFKA.read(topic, start="group")["n"].to_pylist() == [99]


def test_a_message_that_cannot_be_read_is_told_and_not_lost(topic: dict[str, Any]) -> None:
    _produce(topic, b'{"n": 1}', None, b"<xml/>")
    with pytest.raises(ConnectorError) as caught:
        KAFKA.read(topic, start="group")
    assert "offset 2" in caught.value.message
    assert KAFKA.read(topic, start="group", max_rows=2).to_pydict() == {"n": [1]}, "the group moved past an error"


def test_missing_topics_and_details_are_told(topic: dict[str, Any]) -> None:
    with pytest.raises(ConnectorError) as caught:
        KAFKA.read(topic, "no-such-topic", timeout_s=10)
    assert caught.value.message.startswith("KAFKA: reading 'no-such-topic' failed: Topic 'no-such-topic': ")
    with pytest.raises(InvalidRequest, match="lack 'topic'"):
        KAFKA.read({"bootstrap.servers": "x:1"})
    with pytest.raises(InvalidRequest, match="lack 'group"):
        KAFKA.read({"bootstrap.servers": "x:1", "topic": "t"}, start="group")


def test_no_broker_is_an_error_in_time_and_shows_no_secret(capfd: pytest.CaptureFixture[str]) -> None:
    details = {
        "bootstrap_servers": ["127.0.0.1:1"],
        "username": "canary-user",
        "password": "canary-password",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "topic": "canary-topic",
    }
    started = time.monotonic()
    for call in (
        lambda: KAFKA.read(details, timeout_s=1),
        lambda: KAFKA.write(details, pa.table({"n": [1, 2]}), timeout_s=1),
    ):
        with pytest.raises(ConnectorError) as caught:
            call()
        assert "canary" not in "".join(traceback.format_exception(caught.value))
        assert "127.0.0.1" not in caught.value.message
        assert "bootstrap.servers" in caught.value.hint
    assert "0 of 2 messages were delivered within 1 s" in caught.value.message
    assert time.monotonic() - started < 15
    assert "canary" not in "".join(capfd.readouterr())


def test_a_wrong_option_is_told(topic: dict[str, Any]) -> None:
    with pytest.raises(ConnectorError, match="No such configuration property"):
        KAFKA.write({**topic, "no.such.option": "canary-value"}, pa.table({"n": [1]}))
