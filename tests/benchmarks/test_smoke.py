"""The comparison runs, checks every answer and finds out wrong ones; how fast anything is, is not judged here."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from tests.benchmarks import forms, load, serving, table
from tests.benchmarks.contenders import ARROW, CONTENDERS, JSON
from tests.benchmarks.table import Case


def test_ours_fastapi_and_the_model_alone(tmp_path, capsys):
    """Every line of a small comparison is measured, and no answer was wrong."""
    cases = [Case(JSON, 1, 8), Case(ARROW, 10_000, 1)]
    chosen = [CONTENDERS["ours"], CONTENDERS["fastapi"]]
    lines = serving.measure(chosen, cases, cache=tmp_path, seconds=0.2, rounds=1)
    assert {line.name for line in lines} >= {table.ALONE, "ours, through Jupyter", "ours, direct", "FastAPI"}
    assert [line.first_fault for line in lines if line.faults] == []
    assert all(line.rate > 0 and line.cpu_ms > 0 for line in lines)
    table.show(lines)
    assert "ours, direct" in capsys.readouterr().out


class _Answers(http.server.BaseHTTPRequestHandler):
    """Answers a row with what the path says: right, another's, refused, or nothing."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        (row,) = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        value = row[forms.INPUT][0] + (1 if self.path == "/wrong" else 0)
        body = json.dumps({forms.OUTPUT: [value]}).encode()
        if self.path == "/closed":
            self.close_connection = True
            return
        self.send_response(503 if self.path == "/refused" else 200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            body = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
        else:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def answers() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "refused", "wrong"),
    [
        ("right", False, False),
        ("chunked", False, False),
        ("wrong", False, True),
        ("refused", True, False),
        ("closed", True, False),
    ],
)
def test_the_load_knows_right_answers(answers, path, refused, wrong):
    """An answer that is not the one to its own request counts as none."""
    form, url = forms.RECORDS_FORM, f"{answers}/{path}"
    rows = [np.full((1, forms.WIDTH), number, np.float32) for number in range(3)]
    requests = [load.request_bytes(url, form.write(row), {"Content-Type": form.media}) for row in rows]
    result = load.run(load.Job(url, requests, [row[:, 0] for row in rows], form.read, connections=2, seconds=0.1))
    assert result.requests > 2
    assert (result.refused == result.requests, result.wrong == result.requests) == (refused, wrong), result.first_fault
    assert (result.rate > 0) is not (refused or wrong)


def test_ratios_are_those_of_the_rounds():
    """A round in which the machine was slow for everyone changes no ratio."""
    case = Case(JSON, 1, 1)
    rounds = {
        name: [table.Line(case, name, rate, 1, 1, 1, 1) for rate in rates]
        for name, rates in {"ours": (200, 20, 400), "MLServer": (100, 10, 200)}.items()
    }
    lines = table.with_ratios([table.median(measured) for measured in rounds.values()], rounds.values())
    assert [line.ratios["MLServer"] for line in lines] == [2, 1]
