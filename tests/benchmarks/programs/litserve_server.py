"""LitServe's server: one worker on the CPU.

python litserve_server.py MODEL PORT
"""

from __future__ import annotations

import sys
from typing import Any

import litserve
import numpy as np
import onnxruntime as ort


class Classifier(litserve.LitAPI):
    def setup(self, device: str) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def decode_request(self, request) -> np.ndarray:  # an annotation would be read as FastAPI's
        return np.array(request["rows"], np.float32)

    def predict(self, x: np.ndarray) -> np.ndarray:
        answer: np.ndarray = self._session.run(None, {self._input: x})[0]
        return answer

    def encode_response(self, output: np.ndarray) -> dict[str, Any]:
        return {"data": output.reshape(-1).tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Classifier(), accelerator="cpu", workers_per_device=1, track_requests=False)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[2]),
        num_api_servers=1,
        generate_client_file=False,
        log_level="error",
        access_log=False,
    )
