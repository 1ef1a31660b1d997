"""What Prometheus is told in Jupyter's own ``/metrics``: inferences, replicas, queues, logs.

Inferences are counted at the door, with a few additions of plain numbers each (0.5 µs); everything else is looked up
when Prometheus asks. Jupyter answers ``/metrics`` on its event loop, so nothing here touches the disk: what the logs
take is what the archivist last said. Jupyter lets nobody read it who is not logged in, unless
``ServerApp.authenticate_prometheus`` is off: then pipelines are told apart by their number, and their names are not
shown (SECURITY A4).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from jupyter_wallaroo.types.deployment import Status
from jupyter_wallaroo.types.tally import BUCKETS_S, Tally

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

    from jupyter_wallaroo.services.services import Services

LABELS = ("pipeline", "pipeline_id")

_OUTCOMES = {
    HTTPStatus.REQUEST_TIMEOUT: "timeout",
    HTTPStatus.TOO_MANY_REQUESTS: "refused",
    HTTPStatus.SERVICE_UNAVAILABLE: "refused",
    HTTPStatus.GATEWAY_TIMEOUT: "timeout",
}


def outcome_of(status: int) -> str:
    """Return how a request ended, from the status of its answer.

    ``ok``; ``invalid``, the caller's mistake; ``refused``, because there was no room or nothing runs yet; ``timeout``;
    ``error``.
    """
    if status < HTTPStatus.BAD_REQUEST:
        return "ok"
    return _OUTCOMES.get(HTTPStatus(status)) or ("invalid" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "error")


class _Counts:
    """The inferences of one pipeline since the server started."""

    __slots__ = ("anomalies", "buckets", "requests", "rows", "seconds")

    def __init__(self) -> None:
        self.requests: dict[int, int] = {}
        """By the status of the answer."""
        self.rows = 0
        self.anomalies = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BUCKETS_S) + 1)

    def observe(self, status: int, seconds: float, rows: int, anomalies: int) -> None:
        """Count one request."""
        requests = self.requests
        requests[status] = requests.get(status, 0) + 1
        self.rows += rows
        self.anomalies += anomalies
        self.seconds += seconds
        self.buckets[bisect_left(BUCKETS_S, seconds)] += 1

    def add(self, tally: Tally) -> None:
        """Count requests that were counted elsewhere."""
        for status, count in tally.requests.items():
            self.requests[status] = self.requests.get(status, 0) + count
        self.rows += tally.rows
        self.anomalies += tally.anomalies
        self.seconds += tally.seconds
        for place, count in tally.buckets.items():
            self.buckets[place] += count


class Metrics(Collector):
    """The metrics of one server.

    Parameters
    ----------
    services
        What there is to measure.
    shows_names
        Whether pipelines' names are shown.
    """

    def __init__(self, services: Services, *, shows_names: bool) -> None:
        self._services = services
        self._shows_names = shows_names
        self._counts: dict[int, _Counts] = {}
        self._registry: CollectorRegistry | None = None

    def observe(self, pipeline_id: int, status: int, seconds: float, rows: int, anomalies: int) -> None:
        """Count one inference request.

        Parameters
        ----------
        pipeline_id
            Which pipeline it was sent to.
        status
            Of the answer.
        seconds
            From when its headers had come to when the answer was handed on.
        rows, anomalies
            That were answered, and that a validation marked; 0 where nothing was.
        """
        self._of(pipeline_id).observe(status, seconds, rows, anomalies)

    def add(self, pipeline_id: int, tally: Tally) -> None:
        """Count the requests that a replica's own door has answered since it was last asked."""
        self._of(pipeline_id).add(tally)

    def _of(self, pipeline_id: int) -> _Counts:
        counts = self._counts.get(pipeline_id)
        if counts is None:
            counts = self._counts[pipeline_id] = _Counts()
        return counts

    def register(self, registry: CollectorRegistry) -> None:
        """Be asked by ``registry`` from now on.

        Raises
        ------
        ValueError
            It shows another server's already, which runs in this process.
        """
        registry.register(self)
        self._registry = registry

    def unregister(self) -> None:
        """Be asked no more; more than once is fine."""
        registry, self._registry = self._registry, None
        if registry is not None:
            registry.unregister(self)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it is now (Prometheus' client calls this)."""
        yield from self._inferences()
        yield from self._replicas()
        log_bytes = GaugeMetricFamily(
            "wallaroo_inference_log_bytes", "What inference logs take on disk, looked at every 5 s.", labels=LABELS
        )
        for pipeline_id, size in self._services.inference_logs.sizes().items():
            log_bytes.add_metric(self._labels(pipeline_id), size)
        yield log_bytes

    def _inferences(self) -> Iterable[Metric]:
        requests = CounterMetricFamily(
            "wallaroo_inference_requests", "Inference requests, by how they ended.", labels=(*LABELS, "outcome")
        )
        rows = CounterMetricFamily("wallaroo_inference_rows", "Rows that were answered.", labels=LABELS)
        anomalies = CounterMetricFamily("wallaroo_anomalies", "Rows that a validation marked.", labels=LABELS)
        seconds = HistogramMetricFamily(
            "wallaroo_inference_seconds", "From a request's headers to the end of its answer.", labels=LABELS
        )
        for pipeline_id, tally in self._counts.items():
            labels = self._labels(pipeline_id)
            outcomes: dict[str, int] = {}
            for status, count in tally.requests.items():
                outcome = outcome_of(status)
                outcomes[outcome] = outcomes.get(outcome, 0) + count
            for outcome, count in outcomes.items():
                requests.add_metric([*labels, outcome], count)
            rows.add_metric(labels, tally.rows)
            anomalies.add_metric(labels, tally.anomalies)
            seconds.add_metric(labels, _cumulative(tally.buckets), tally.seconds)
        return requests, rows, anomalies, seconds

    def _replicas(self) -> Iterable[Metric]:
        queue = GaugeMetricFamily(
            "wallaroo_inference_queue_depth", "Requests that wait for an answer or are worked on.", labels=LABELS
        )
        running = GaugeMetricFamily("wallaroo_replicas_running", "Engine processes that answer.", labels=LABELS)
        wanted = GaugeMetricFamily("wallaroo_replicas_wanted", "Engine processes there should be.", labels=LABELS)
        restarts = CounterMetricFamily(
            "wallaroo_replica_restarts", "Engine processes that were lost and started again.", labels=LABELS
        )
        found: dict[int, tuple[int, int, int]] = {}
        for deployment in self._services.supervisor.deployments:
            depth, up, due = found.get(deployment.spec.pipeline_id, (0, 0, 0))
            answering = sum(replica.status is Status.RUNNING for replica in deployment.replicas)
            found[deployment.spec.pipeline_id] = (
                depth + deployment.in_flight,
                up + answering,
                due + len(deployment.replicas),
            )
        for pipeline_id, (depth, up, due) in found.items():
            labels = self._labels(pipeline_id)
            queue.add_metric(labels, depth)
            running.add_metric(labels, up)
            wanted.add_metric(labels, due)
        for pipeline_id, count in self._services.supervisor.restarts().items():
            restarts.add_metric(self._labels(pipeline_id), count)
        return queue, running, wanted, restarts

    def _labels(self, pipeline_id: int) -> list[str]:
        name = self._services.pipeline_news.names.get(pipeline_id, "") if self._shows_names else ""
        return [name, str(pipeline_id)]


def _cumulative(buckets: list[int]) -> list[tuple[str, float]]:
    """Return how many took at most as long as each bound, as Prometheus wants it."""
    total = 0
    found: list[tuple[str, float]] = []
    for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), buckets, strict=True):
        total += count
        found.append((bound, float(total)))
    return found
