"""BentoML's service: rows in, outputs out, by its own types. ``bentoml serve`` runs it; BENCHMARK_MODEL is the model."""

from __future__ import annotations

import os

import bentoml
import numpy as np
import onnxruntime as ort


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Classifier:
    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        model = os.environ["BENCHMARK_MODEL"]
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    @bentoml.api
    def predict(self, rows: np.ndarray) -> np.ndarray:
        answer: np.ndarray = self._session.run(None, {self._input: rows.astype(np.float32)})[0]
        return answer
