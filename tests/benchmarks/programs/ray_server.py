"""Ray Serve: one replica behind its HTTP proxy, on a cluster of this machine alone.

python ray_server.py MODEL PORT
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import ray
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, ray_actor_options={"num_cpus": 1}, max_ongoing_requests=64)
class Classifier:
    def __init__(self, model: bytes) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    async def __call__(self, request: Request) -> dict[str, Any]:
        rows = np.array((await request.json())["rows"], np.float32)
        return {"data": self._session.run(None, {self._input: rows})[0].reshape(-1).tolist()}


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    serve.start(
        http_options={"host": "127.0.0.1", "port": int(sys.argv[2])}, logging_config={"enable_access_log": False}
    )
    serve.run(Classifier.bind(Path(sys.argv[1]).read_bytes()))
    signal.pause()
