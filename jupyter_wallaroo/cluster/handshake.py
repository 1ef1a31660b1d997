"""Both ends of a new connection prove that they know the same secret, before anything else is read from it."""

from __future__ import annotations

import asyncio
import hmac
import os
import socket

PROOF_BYTES = 32
LIMIT_S = 10.0
_CALLER, _CALLED = b"relay", b"seat"

UNACKNOWLEDGED_MS = 5000
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 2), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 3))


class NotTrusted(ConnectionError):
    """The other end does not know the secret, or did not prove it in time."""


async def call(host: str, port: int, secret: bytes) -> socket.socket:
    """Return a connection to a seat, proven.

    Raises
    ------
    OSError
        Nothing answers there, or it does not know the secret (`NotTrusted`).
    """
    loop = asyncio.get_running_loop()
    family = (await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))[0][0]
    connected = socket.socket(family, socket.SOCK_STREAM)
    try:
        connected.setblocking(False)
        async with asyncio.timeout(LIMIT_S):
            await loop.sock_connect(connected, (host, port))
            await _prove(connected, secret, own=_CALLER, other=_CALLED)
    except BaseException:
        connected.close()
        raise
    return connected


async def accept(listener: socket.socket, secret: bytes) -> socket.socket:
    """Return the next connection whose other end knows the secret; others are closed."""
    loop = asyncio.get_running_loop()
    while True:
        connected, _ = await loop.sock_accept(listener)
        try:
            async with asyncio.timeout(LIMIT_S):
                await _prove(connected, secret, own=_CALLED, other=_CALLER)
        except (OSError, TimeoutError):
            connected.close()
            continue
        except BaseException:
            connected.close()
            raise
        return connected


async def _prove(connected: socket.socket, secret: bytes, *, own: bytes, other: bytes) -> None:
    """Exchange challenges and their proofs; a proof names the side that gives it, so that none can be sent back."""
    _notice_loss(connected)
    loop = asyncio.get_running_loop()
    challenge = os.urandom(PROOF_BYTES)
    await loop.sock_sendall(connected, challenge)
    asked = await _exactly(connected)
    await loop.sock_sendall(connected, hmac.digest(secret, own + asked + challenge, "sha256"))
    if not hmac.compare_digest(await _exactly(connected), hmac.digest(secret, other + challenge + asked, "sha256")):
        raise NotTrusted("the other end does not know the secret")


def _notice_loss(connected: socket.socket) -> None:
    """Have the system end the connection to a machine that is gone without a word."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        connected.setsockopt(socket.IPPROTO_TCP, option, value)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)


async def _exactly(connected: socket.socket) -> bytes:
    received = b""
    while len(received) < PROOF_BYTES:
        part = await asyncio.get_running_loop().sock_recv(connected, PROOF_BYTES - len(received))
        if not part:
            raise NotTrusted("the other end closed the connection")
        received += part
    return received
