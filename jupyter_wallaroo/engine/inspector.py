"""Looks into one uploaded file, in a process of its own that is thrown away afterwards."""

from __future__ import annotations

from pathlib import Path

import msgspec

from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.engine.process import Handler
from jupyter_wallaroo.engine.runtimes.onnx import OnnxRuntime
from jupyter_wallaroo.types.plan import Inspect

_decode = msgspec.msgpack.Decoder(Inspect).decode
_encode = msgspec.msgpack.Encoder().encode


def handlers() -> dict[int, Handler]:
    """Return what the inspector answers."""
    return {Kind.INSPECT: inspect}


def inspect(head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
    """Return the `Signature` of the file that an `Inspect` names.

    Raises
    ------
    InvalidModel
        The file is not a model that can be run.
    """
    request = _decode(head)
    return _encode(OnnxRuntime(Path(request.path).read_bytes(), request.label).signature), b""
