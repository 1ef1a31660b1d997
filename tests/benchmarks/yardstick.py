"""The model in this process, which says what is right and how fast it could be."""

from __future__ import annotations

import statistics
import time

import onnxruntime as ort

from tests.benchmarks import forms, load
from tests.benchmarks.contenders import Endpoint
from tests.benchmarks.table import ALONE, Case, Line

DISTINCT_ROWS, MOST_DISTINCT = 40_000, 64
"""Small requests are many that differ, large ones few, two at least."""


class Yardstick:
    """The model, run on arrays that are there already."""

    def __init__(self) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(forms.model(), options, providers=["CPUExecutionProvider"])

    @staticmethod
    def model() -> bytes:
        """Return the file of the model."""
        return forms.model()

    def answer(self, rows: forms.Rows) -> forms.Rows:
        """Return what everyone has to answer."""
        answer: forms.Rows = self._session.run([forms.OUTPUT], {forms.INPUT: rows})[0]
        return answer

    def job(self, case: Case, endpoint: Endpoint, seconds: float) -> load.Job:
        """Render the requests of a case for an endpoint."""
        distinct = max(2, min(MOST_DISTINCT, DISTINCT_ROWS // case.rows // 5))
        inputs = [forms.rows(case.rows, seed) for seed in range(distinct)]
        headers = {"Content-Type": endpoint.form.media, "Accept": endpoint.form.media, **endpoint.headers}
        return load.Job(
            url=endpoint.url,
            requests=[load.request_bytes(endpoint.url, endpoint.form.write(rows), headers) for rows in inputs],
            expected=[self.answer(rows) for rows in inputs],
            read=endpoint.form.read,
            connections=case.connections,
            seconds=seconds,
        )

    def alone(self, case: Case, rounds: int) -> Line:
        """Run the model on rows that are there, and nothing else."""
        rows = forms.rows(case.rows, 0)
        taken = []
        until = time.perf_counter() + 0.2 * rounds
        cpu = time.process_time()
        while (begun := time.perf_counter()) < until:
            self.answer(rows)
            taken.append(time.perf_counter() - begun)
        cpu_ms = (time.process_time() - cpu) * 1000 / len(taken)
        p50, p99 = (sorted(taken)[int(len(taken) * share)] * 1000 for share in (0.5, 0.99))
        return Line(case, ALONE, 1 / statistics.median(taken), p50, p99, cpu_ms)
