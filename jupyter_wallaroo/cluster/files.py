"""Files that go from the server's machine to a node, which keeps them by their SHA-256 (see `model_cache`)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

import msgspec

from jupyter_wallaroo.cluster.link import Link
from jupyter_wallaroo.types.cluster import Chunk, ClusterKind, Files, Missing

CHUNK_BYTES = 4 * 2**20

_encode = msgspec.msgpack.Encoder().encode
_decode_missing = msgspec.msgpack.Decoder(Missing).decode


async def bring(seat: Link, paths: Mapping[str, str], cache_bytes: int) -> str:
    """Send a seat the files that its node has not got, and return the directory where they lie there.

    Parameters
    ----------
    paths
        Where they lie here, by their SHA-256.
    cache_bytes
        How much the node may keep; 0: all.

    Raises
    ------
    OSError
        A file cannot be read, or the connection ended.
    WallarooError
        As the seat raised it.
    """
    sizes = {sha: await asyncio.to_thread(os.path.getsize, path) for sha, path in paths.items()}
    head, _ = await seat.call(ClusterKind.FILES, _encode(Files(sizes=sizes, limit_bytes=cache_bytes)))
    missing = _decode_missing(head)
    for sha in missing.shas:
        with open(paths[sha], "rb") as file:
            rest = sizes[sha]
            while rest >= 0:
                part = await asyncio.to_thread(file.read, CHUNK_BYTES)
                rest -= len(part)
                chunk = Chunk(sha=sha, is_last=rest <= 0 or not part)
                await seat.call(ClusterKind.CHUNK, _encode(chunk), part)
                if chunk.is_last:
                    break
    return missing.directory
