"""KAFKA: topics of JSON messages, through librdkafka.

Details
-------
bootstrap.servers (or bootstrap_servers, brokers, servers)
    Text ``host:port,host:port``, or a list. Required.
topic (or topic_name)
    What is read and written when no source or target is named.
group.id (or group_id, group)
    The consumer group that ``start="group"`` reads as.
security.protocol, sasl.mechanisms, sasl.username, sasl.password, ssl.ca.location, …
    Any option of librdkafka that has a dot in its name. These five may have underscores instead, and the user and the
    password may be called so: username (or user), password.
options
    An object of further options of librdkafka.

A message's value is a JSON object and becomes a row; a message of another kind ends the read. Values without a body
(tombstones) are passed over.

Column types: those of JSON, see `rows.table_of`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.connectors.details import choice, optional, required
from jupyter_wallaroo.sdk.connectors.failures import ConnectorError, driver

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_wallaroo.sdk.connectors.connector import Details

TIMEOUT_S = 30.0

MAX_ROWS = 100_000

_POLL_S = 0.2
_OUTSTANDING = 10_000
"""Messages between two looks at what was delivered; librdkafka's own queue takes 100,000."""

_SYNONYMS = {
    "security.protocol": ("security_protocol",),
    "sasl.mechanisms": ("sasl_mechanisms", "sasl_mechanism"),
    "sasl.username": ("sasl_username", "username", "user"),
    "sasl.password": ("sasl_password", "password"),
    "ssl.ca.location": ("ssl_ca_location",),
}
_HINT = "Check bootstrap.servers and the security options in the details, and that the brokers can be reached."


class Kafka:
    """Reads and writes topics."""

    ADDS = True

    def read(
        self,
        details: Details,
        source: str | None = None,
        *,
        start: str = "beginning",
        max_rows: int = MAX_ROWS,
        timeout_s: float = TIMEOUT_S,
    ) -> pa.Table:
        """Return the messages of a topic that are there when the read begins.

        Parameters
        ----------
        start
            ``beginning``: all that the topic still has, in every partition; ``group``: what comes after the consumer
            group's position, which moves on when the table is complete, so that an error loses nothing.
        max_rows
            At most so many messages, at least 1.
        timeout_s
            For the whole read; less than was there may have come by then.

        Raises
        ------
        ConnectorError
            No broker answers, there is no such topic, or a message is not a JSON object.

        Notes
        -----
        A read takes the group's positions but does not join the group, so that it begins at once and never takes
        partitions from others; a position cannot be moved while a group has members.
        """
        if max_rows < 1:
            raise InvalidRequest(f"max_rows={max_rows}: expected at least 1.")
        from_group = choice("start", start, ("beginning", "group")) == "group"
        topic = _topic(details, source)
        until = time.monotonic() + timeout_s
        with _consumer(details, from_group=from_group) as consumer:
            spans = _spans(consumer, topic, until, from_group=from_group)
            messages = list(_messages(consumer, topic, spans, max_rows, until))
            table = _table(messages)
            if from_group and messages:
                consumer.commit(offsets=_positions(messages), asynchronous=False)
        return table

    def write(
        self,
        details: Details,
        table: pa.Table,
        target: str | None = None,
        *,
        key_column: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> int:
        """Send each row as one JSON message and wait until the brokers have all of them.

        Parameters
        ----------
        key_column
            The column whose text is the message's key; rows with the same key go to the same partition, in order.
        timeout_s
            For the whole write.

        Raises
        ------
        ConnectorError
            Messages were not delivered; says how many were.
        """
        from jupyter_wallaroo.sdk.connectors import rows

        topic = _topic(details, target)
        if key_column is not None and key_column not in table.column_names:
            raise InvalidRequest(f"There is no column {key_column!r}; there are: {', '.join(table.column_names)}.")
        keys = table.column(key_column).to_pylist() if key_column is not None else [None] * table.num_rows
        kafka = driver("confluent_kafka", "kafka")
        deliveries = _Deliveries()
        config = {"message.timeout.ms": max(1, round(timeout_s * 1000)), **_config(details, deliveries.reasons)}
        config.pop("group.id", None)
        until = time.monotonic() + timeout_s
        with _failures(kafka, deliveries.reasons):
            producer = kafka.Producer(config)
            for number, (key, value) in enumerate(zip(keys, rows.lines(table), strict=True), 1):
                text = None if key is None else str(key)
                producer.produce(topic, key=text, value=value, on_delivery=deliveries.note)
                if number % _OUTSTANDING == 0:
                    producer.flush(max(0.0, until - time.monotonic()))
            if producer.flush(max(0.0, until - time.monotonic())):
                producer.purge()
                producer.flush(_POLL_S)
        if deliveries.count < table.num_rows:
            told = f"{deliveries.count} of {table.num_rows} messages were delivered within {timeout_s:g} s"
            raise ConnectorError(f"{told}: {deliveries.why()}.", hint=_HINT)
        return deliveries.count


class _Deliveries:
    """How many messages the brokers have, and why not all."""

    def __init__(self) -> None:
        self.count = 0
        self.reasons: list[str] = []
        self._refusals: list[str] = []

    def note(self, error: Any, _: Any) -> None:
        if error is None:
            self.count += 1
        else:
            self._refusals.append(error.str())

    def why(self) -> str:
        found = dict.fromkeys([*self._refusals, *self.reasons])
        return "; ".join(list(found)[:3]) or "no broker answered"


def _topic(details: Details, name: str | None) -> str:
    return name if name is not None else str(required(details, "topic", "topic_name"))


def _config(details: Details, reasons: list[str]) -> dict[str, Any]:
    """Return librdkafka's options; what it reports goes to ``reasons`` and nothing to the standard error stream."""
    servers = required(details, "bootstrap.servers", "bootstrap_servers", "brokers", "servers")
    found = {name: value for name, value in details.items() if "." in name}
    for name, synonyms in _SYNONYMS.items():
        value = optional(details, name, *synonyms)
        if value is not None:
            found[name] = value
    found["bootstrap.servers"] = ",".join(map(str, servers)) if isinstance(servers, list) else str(servers)
    own = {"log_level": 0, "error_cb": lambda error: reasons.append(error.str())}
    return {**own, **found, **(optional(details, "options") or {})}


@contextmanager
def _failures(kafka: Any, reasons: list[str]) -> Iterator[None]:
    """Turn librdkafka's errors into ours, with what it reported meanwhile."""
    try:
        yield
    except kafka.KafkaException as error:
        said = error.args[0].str() if error.args and hasattr(error.args[0], "str") else str(error)
        told = "; ".join(dict.fromkeys([said, *reasons]))
        raise ConnectorError(f"{told}.", hint=_HINT) from None


@contextmanager
def _consumer(details: Details, *, from_group: bool) -> Iterator[Any]:
    kafka = driver("confluent_kafka", "kafka")
    reasons: list[str] = []
    config = _config(details, reasons)
    group = optional(details, "group.id", "group_id", "group")
    if from_group and group is None:
        required(details, "group.id", "group_id", "group")
    config |= {
        "group.id": str(group or "jupyter-wallaroo"),
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
    }
    with _failures(kafka, reasons):
        consumer = kafka.Consumer(config)
        try:
            yield consumer
        finally:
            consumer.close()


def _spans(consumer: Any, topic: str, until: float, *, from_group: bool) -> dict[int, range]:
    """Return the offsets to read, by partition; partitions without any are left out."""
    kafka = driver("confluent_kafka", "kafka")

    def left_s() -> float:
        return max(_POLL_S, until - time.monotonic())

    found = consumer.list_topics(topic, timeout=left_s()).topics[topic]
    if found.error is not None:
        raise ConnectorError(f"Topic {topic!r}: {found.error.str()}.", hint="Check the topic's name.")
    partitions = [kafka.TopicPartition(topic, number) for number in found.partitions]
    done = consumer.committed(partitions, timeout=left_s()) if from_group else partitions
    spans = {}
    for partition in done:
        low, high = consumer.get_watermark_offsets(partition, timeout=left_s())
        spans[partition.partition] = range(max(low, partition.offset), high)
    return {number: span for number, span in spans.items() if span}


def _messages(consumer: Any, topic: str, spans: dict[int, range], max_rows: int, until: float) -> Iterator[Any]:
    """Yield the messages in ``spans``, until all are there, ``max_rows`` are, or the time is over."""
    kafka = driver("confluent_kafka", "kafka")
    consumer.assign([kafka.TopicPartition(topic, number, span.start) for number, span in spans.items()])
    count, waiting = 0, set(spans)
    while waiting and count < max_rows and time.monotonic() < until:
        message = consumer.poll(min(_POLL_S, max(0.0, until - time.monotonic())))
        if message is None:
            continue
        number, offset, error = message.partition(), message.offset(), message.error()
        if error is not None:
            if error.code() != kafka.KafkaError._PARTITION_EOF:
                raise kafka.KafkaException(error)
            waiting.discard(number)
            continue
        if offset + 1 >= spans[number].stop:
            waiting.discard(number)
        if offset < spans[number].stop:
            count += 1
            yield message


def _positions(messages: list[Any]) -> list[Any]:
    """Return, for each partition, the offset after the last of the messages."""
    kafka = driver("confluent_kafka", "kafka")
    last: dict[tuple[str, int], int] = {}
    for message in messages:
        place = (message.topic(), message.partition())
        last[place] = max(last.get(place, 0), message.offset() + 1)
    return [kafka.TopicPartition(topic, number, offset) for (topic, number), offset in last.items()]


def _table(messages: list[Any]) -> pa.Table:
    """Return the messages as rows, by the time they were written."""
    import msgspec

    from jupyter_wallaroo.sdk.connectors import rows

    ordered = sorted(messages, key=lambda item: (item.timestamp()[1], item.partition(), item.offset()))
    found = []
    for message in ordered:
        value = message.value()
        if value is None:
            continue
        try:
            found.append(msgspec.json.decode(value))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ConnectorError(
                f"The message at offset {message.offset()} of partition {message.partition()} is not JSON: {error}.",
                hint="Only topics of JSON objects can be read.",
            ) from None
    return rows.table_of(found)
