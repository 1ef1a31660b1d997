"""A stream of inferences that shifts, and its scores by scipy alone."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
from scipy import special

from tests.deploying import Deployed, infer


def moment(seconds: float) -> str:
    """Return seconds since the epoch as the wire has instants."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def send(client: httpx.Client, deployed: Deployed, values: np.ndarray) -> None:
    """Infer one row per value with a pipeline that sums its three inputs."""
    outputs = infer(client, deployed.url, [{"tensor": [float(value), 0.0, 0.0]} for value in values])
    assert [output["y"] for output in outputs] == [[np.float32(value)] for value in values]


def sample(seed: int, count: int = 300, *, shift: float = 0.0) -> np.ndarray:
    """Numbers around 100 that float32 holds exactly, all different."""
    rng = np.random.default_rng(seed)
    return (rng.choice(4000, count, replace=False) / 128 + 90 + shift).astype(np.float32).astype(np.float64)


def psi(baseline: np.ndarray, window: np.ndarray) -> float:
    """Return the population stability index over quintiles and outliers, an empty bin standing for 0.005."""
    edges = [baseline.min(), *np.quantile(baseline, [0.2, 0.4, 0.6, 0.8, 1.0], method="closest_observation")]
    outer = np.array([-np.inf, np.nextafter(edges[0], -np.inf), *edges[1:], np.inf])
    shares = []
    for values in (baseline, window):
        counts = np.array([((values > low) & (values <= high)).sum() for low, high in itertools.pairwise(outer)])
        shares.append(np.where(counts == 0, 0.005, counts / counts.sum()))
    b, w = shares
    return float((special.rel_entr(b, w) + special.rel_entr(w, b)).sum())


def until_second(second: float) -> None:
    """Wait until an instant has come."""
    time.sleep(max(0.0, second - time.time()))


def config(deployed: Deployed, name: str, **changes: Any) -> dict[str, Any]:
    """Return a configuration of the first version, windows of one second."""
    window = {"path": "output y 0", "pipeline_name": deployed.pipeline_name, "workspace_id": deployed.workspace_id}
    return {
        "name": name,
        "pipeline_id": deployed.pipeline_id,
        "pipeline_name": deployed.pipeline_name,
        "workspace_id": deployed.workspace_id,
        "active": True,
        "status": "created",
        "alert_threshold": 0.25,
        "warning_threshold": 0.1,
        "created_at": moment(time.time()),
        "summarizer": {
            "type": "UnivariateContinuous",
            "bin_mode": "Quantile",
            "aggregation": "Density",
            "metric": "PSI",
            "num_bins": 5,
        },
        "window": {**window, "width": "1 seconds", **changes.pop("window", {})},
        **changes,
    }
