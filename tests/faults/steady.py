"""Clients that ask at a steady rate and write down what was answered when."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import urlsplit

RATE_PER_CLIENT = 30.0
"""Requests a second; a client that comes late does not wait."""


@dataclass(frozen=True)
class Answer:
    """One answer: when it was asked for and came, in seconds of the monotonic clock, and by what it multiplied."""

    asked: float
    came: float
    factor: float


class SteadyLoad:
    """Threads that send inferences to models that multiply a sum, each over a connection of its own.

    Parameters
    ----------
    urls
        Where to; each client has one of them, in turn.
    token
        By whose leave.
    clients
        How many there are.
    """

    def __init__(self, urls: list[str], token: str, clients: int) -> None:
        self.answers: list[Answer] = []
        self.failed: list[str] = []
        self._stop = threading.Event()
        self._token = token
        self._threads = [
            threading.Thread(target=self._run, args=(url, number))
            for number, url in zip(range(clients), cycle(urls), strict=False)
        ]

    def __enter__(self) -> SteadyLoad:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def slowest_s(self) -> float:
        return max(answer.came - answer.asked for answer in self.answers)

    def _run(self, url: str, number: int) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        due = time.monotonic() + number / len(self._threads) / RATE_PER_CLIENT
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + 1 / RATE_PER_CLIENT, time.monotonic() - 1)
            number = number % 1000 + 1
            asked = time.monotonic()
            try:
                connection.request("POST", parts.path, json.dumps({"tensor": [[number, 0, 0]]}), headers)
                response = connection.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(f"{number}: {error!r}")
                connection.close()
                continue
            if response.status != 200:
                self.failed.append(f"{number}: {response.status} {body[:200]!r}")
                continue
            value = json.loads(body)[0]["outputs"][0]["Float"]["data"][0]
            self.answers.append(Answer(asked, time.monotonic(), value / number))
        connection.close()
