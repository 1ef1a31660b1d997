"""Looks into one uploaded file, in a process of its own that is thrown away afterwards."""

from __future__ import annotations

import traceback

import msgspec

from jupyter_wallaroo.codec import schema
from jupyter_wallaroo.conversion.libraries import said
from jupyter_wallaroo.engine import runtimes
from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.engine.process import Handler
from jupyter_wallaroo.errors import InvalidModel, WallarooError
from jupyter_wallaroo.types.plan import Inspect

_decode = msgspec.msgpack.Decoder(Inspect).decode
_encode = msgspec.msgpack.Encoder().encode


def handlers() -> dict[int, Handler]:
    """Return what the inspector answers."""
    return {Kind.INSPECT: inspect}


def inspect(head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
    """Return what an `Inspect` finds, as `Inspected`.

    Raises
    ------
    InvalidModel
        The file is not a model that can be run, or a schema that came with it is none.
    """
    request = _decode(head)
    for name, text in (("input_schema", request.input_schema), ("output_schema", request.output_schema)):
        if text is not None:
            schema.decode(text, f"{name} of {request.label}")
    try:
        return _encode(runtimes.check(request)), b""
    except (WallarooError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  a framework may raise anything over a file that is not its own
        traceback.print_exc()
        raise InvalidModel(
            f"{request.label} is not a model of framework {request.framework!s} that can be read: {said(error)}",
            hint="Check the framework, or upload the file as it was saved by it.",
        ) from None
