"""Very many connections at once, in a process of its own: ``python -m tests.faults.storm URL TOKEN CONNECTIONS ROUNDS``.

Each round opens all connections anew, asks once on each for a number of its own, and waits for all answers. What came
of it is printed as a line of JSON per round; a line on the standard input begins the next one.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from urllib.parse import urlsplit

ANSWER_LIMIT_S = 60.0
SPARE_FILES = 200


class Ask(asyncio.Protocol):
    """One connection: asks once, takes the whole answer, closes."""

    def __init__(self, request: bytes, answered: asyncio.Future[bytes]) -> None:
        self._request = request
        self._answered = answered
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if found and len(body) >= _length(head):
            self._transport.close()
            if not self._answered.done():
                self._answered.set_result(self._received)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._answered.done():
            self._answered.set_exception(error or ConnectionResetError("closed without a whole answer"))


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


class Storm:
    """Asks one address.

    Parameters
    ----------
    url, token
        Where, and by whose leave.
    """

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        self._head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        )

    async def round(self, first: int, connections: int) -> dict[str, object]:
        """Ask for the numbers from ``first`` on, all at once, and return how many of each outcome there were."""
        began = time.monotonic()
        outcomes = await asyncio.gather(*(self._ask(first + number) for number in range(connections)))
        counts = {outcome: outcomes.count(outcome) for outcome in set(outcomes)}
        return {"began": began, "ended": time.monotonic(), "outcomes": counts}

    async def _ask(self, number: int) -> str:
        body = json.dumps({"tensor": [[number, 0, 0]]})
        request = f"{self._head}{len(body)}\r\n\r\n{body}".encode()
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[bytes] = loop.create_future()
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await loop.create_connection(lambda: Ask(request, answered), self._host, self._port)
                answer = await answered
        except (OSError, TimeoutError) as error:
            return f"dropped: {type(error).__name__} {error}"
        return _outcome(number, answer)


def _outcome(number: int, answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1].decode()
    if status == "200":
        return "200" if json.loads(body)[0]["outputs"][0]["Float"]["data"] == [number] else "wrong"
    return status if b"retry-after:" in head.lower() else f"{status} without Retry-After"


def main(url: str, token: str, connections: int, rounds: int) -> None:
    """Storm in rounds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (needed if hard == resource.RLIM_INFINITY else min(needed, hard), hard)
        )
    storm = Storm(url, token)
    with asyncio.Runner() as runner:
        for number in range(rounds):
            sys.stdin.readline()
            told = runner.run(storm.round(1 + number * connections, connections))
            print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
