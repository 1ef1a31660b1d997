"""The process beside a replica that runs one model on Arrow columns, in the model's own environment.

It has two connections: the server's, over which it is told what to load and whose end is its own, and its replica's,
over which the columns come. The model's own code runs here and nowhere else.
"""

from __future__ import annotations

import time
import traceback

import msgspec
import pyarrow as pa

from jupyter_wallaroo.codec import arrow, schema
from jupyter_wallaroo.codec.batch import arrow_array
from jupyter_wallaroo.conversion.libraries import said
from jupyter_wallaroo.engine import runtimes
from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.engine.process import Handler, ping
from jupyter_wallaroo.engine.runtimes import ColumnRuntime
from jupyter_wallaroo.errors import EngineFailure, InvalidInput, InvalidModel, WallarooError
from jupyter_wallaroo.types.plan import Loaded, SidekickPlan

_decode_plan = msgspec.msgpack.Decoder(SidekickPlan).decode
_encode = msgspec.msgpack.Encoder().encode


class Sidekick:
    """Serves one model from `load` until the process ends."""

    def __init__(self) -> None:
        self._runtime: ColumnRuntime | None = None
        self._name = ""
        self._output_schema: pa.Schema | None = None

    def handlers(self) -> dict[int, Handler]:
        """Return what a sidekick answers."""
        return {Kind.LOAD: self.load, Kind.PING: ping, Kind.INFER: self.infer}

    def load(self, head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
        """Load the model of a `SidekickPlan` and answer `Loaded`.

        Raises
        ------
        InvalidModel
            The file is damaged, a library is missing, or the model's own code failed.
        """
        started = time.perf_counter()
        plan = _decode_plan(head)
        self._name = plan.model.name
        if plan.model.output_schema is not None:
            self._output_schema = schema.decode(plan.model.output_schema, f"output_schema of model {self._name!r}")
        try:
            self._runtime = runtimes.load(plan.model, plan.threads)
        except (WallarooError, MemoryError):
            raise
        except BaseException as error:  # noqa: BLE001  a model's code may raise whatever it likes, SystemExit included
            traceback.print_exc()
            raise InvalidModel(
                f"Model {self._name!r} ({plan.model.framework}) could not be loaded: {said(error)}",
                hint="Correct the model and upload it again; the server's log has the traceback.",
            ) from None
        return _encode(Loaded(load_s=time.perf_counter() - started)), b""

    def infer(self, head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
        """Run the model on the columns of an Arrow stream and answer its outputs as one.

        Raises
        ------
        InvalidInput
            The model's code failed on them, or gave something else than its output schema says.
        """
        if self._runtime is None:
            raise EngineFailure("Columns came before the model was loaded.")
        columns = arrow.read_stream(body)
        try:
            outputs = self._runtime.run(columns)
            if not outputs:
                raise ValueError("it gave no columns")
        except (WallarooError, MemoryError):
            raise
        except BaseException as error:  # noqa: BLE001  as above
            traceback.print_exc()
            raise InvalidInput(
                f"Model {self._name!r} failed on this request: {said(error)}",
                hint="Compare the request with what the model takes; the server's log has the traceback.",
            ) from None
        if self._output_schema is not None:
            outputs = schema.fit_outputs(outputs, self._output_schema, self._name)
        try:
            table = pa.table({name: arrow_array(column) for name, column in outputs.items()})
            table.validate(full=True)
        except (pa.ArrowException, ValueError, TypeError) as error:
            raise InvalidInput(f"Model {self._name!r} gave columns that do not fit together: {said(error)}") from None
        return b"", arrow.write_stream(table)
