"""One replica of one deployment: decode, validate, run, log, encode."""

from __future__ import annotations

import gc
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from jupyter_wallaroo.codec import arrow, records, tensors
from jupyter_wallaroo.codec.batch import Answer, Decoded
from jupyter_wallaroo.codec.selection import Selection
from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.engine.peer import Peer
from jupyter_wallaroo.engine.pipeline import Pipeline, journal_columns
from jupyter_wallaroo.engine.process import Handler, Queue, Reply, ping
from jupyter_wallaroo.errors import DeadlineExceeded, EngineFailure, StorageFull
from jupyter_wallaroo.segments.journal import Extra, Journal
from jupyter_wallaroo.segments.journal_files import JournalFiles, Sink
from jupyter_wallaroo.segments.layout import Layout
from jupyter_wallaroo.types.plan import Answered, InferRequest, Loaded, MediaType, Plan

_decode_plan = msgspec.msgpack.Decoder(Plan).decode
_decode_request = msgspec.msgpack.Decoder(InferRequest).decode
_encode = msgspec.msgpack.Encoder().encode


class Replica:
    """Serves one plan from `load` until the process ends.

    Parameters
    ----------
    bodies
        The arena that large bodies lie in, see `engine.arena`.
    sidekicks
        Connected sockets, one for each model that a sidekick runs, in the order of the plan.
    sink
        What keeps the journal; None: files in the directory that the plan says.
    """

    def __init__(self, bodies: Buffer = b"", sidekicks: Sequence[socket.socket] = (), sink: Sink | None = None) -> None:
        self._bodies = bodies
        self._sink = sink
        self._sidekicks = [Peer(connected) for connected in sidekicks]
        self._pipeline: Pipeline | None = None
        self._journal: Journal | None = None
        self._layout = Layout((), (), "", "", "")
        self._selections: dict[tuple[tuple[str, ...], tuple[str, ...], str | None], Selection] = {}

    def handlers(self) -> dict[int, Handler]:
        """Return what a replica answers at once."""
        return {Kind.LOAD: self.load, Kind.PING: ping, Kind.JOURNAL: self.renew_journal}

    def queues(self) -> dict[int, Queue]:
        """Return what a replica answers when its turn has come."""
        return {Kind.INFER: self.take}

    def take(self, head: bytes, body: Buffer, reply: Reply) -> None:
        """Take one inference from the server, its body perhaps by its place in the arena."""
        request = _decode_request(head)
        if request.place is not None:
            offset, size = request.place
            body = self._bodies[offset : offset + size]
        self.submit(request, body, reply)

    def submit(self, request: InferRequest, body: Buffer, reply: Reply) -> None:
        """Take one inference from whichever door, and reply when it has run."""
        try:
            said, encoded = self.infer(request, body)
        except Exception as error:  # noqa: BLE001  whatever it was, it is this request's alone
            reply.refuse(error)
        else:
            reply.answer(said, encoded)

    def load(self, head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
        """Load the models of a `Plan`, run nothing yet, and answer `Loaded`."""
        started = time.perf_counter()
        plan = _decode_plan(head)
        pipeline = Pipeline(plan, self._sidekicks)
        self._journal = Journal(self._sink or JournalFiles(Path(plan.journal_directory), plan.durability), plan.replica)
        self._layout = Layout((), (), pipeline.last_model, plan.pipeline_version, plan.replica)
        self._pipeline = pipeline
        gc.collect()
        gc.freeze()  # what is loaded stays; looking through it again and again took up to 35 ms of a request
        return _encode(Loaded(load_s=time.perf_counter() - started)), b""

    def renew_journal(self, head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
        """Begin a new file with the next inference: whoever keeps the journal could not keep all of this one."""
        if self._journal is not None:
            self._journal.renew()
        return b"", b""

    def infer(self, request: InferRequest, body: Buffer) -> tuple[Answered, bytes]:
        """Answer one inference; it is in the journal before this returns.

        Raises
        ------
        InvalidInput
            The body does not fit the pipeline.
        DeadlineExceeded
            Its turn came too late; it was not run.
        StorageFull
            It could not be logged.
        """
        if time.monotonic() > request.deadline:
            raise DeadlineExceeded("The time limit of the request passed while it was waiting for its turn.")
        if self._pipeline is None or self._journal is None:
            raise EngineFailure("An inference came before the models were loaded.")
        started = time.perf_counter_ns()
        decoded, accepts = self._decode(request, body)
        parse_ns = time.perf_counter_ns() - started
        result = self._pipeline.run(decoded)
        time_ms = self._journal.stamp()
        answer = self._pipeline.answer(decoded, result, time_ms=time_ms, parse_ns=parse_ns)
        encoded = self._encode(request, accepts, answer)
        extra = Extra(answer.elapsed_ns, answer.dropped)
        try:
            self._journal.append(self._layout, decoded.rows, time_ms, extra, journal_columns(result))
        except OSError as error:
            raise StorageFull(
                f"The inference could not be logged, so it was not answered: {error.strerror}.",
                hint="Free space on the disk that holds the data directory.",
            ) from error
        anomalies = int(np.count_nonzero(answer.anomaly_counts())) if answer.anomalies else 0
        return Answered(accepts, decoded.rows, anomalies), encoded

    def _decode(self, request: InferRequest, body: Buffer) -> tuple[Decoded, MediaType]:
        if request.content is MediaType.RECORDS:
            return records.decode(body), request.accepts
        if request.content is MediaType.ARROW:
            return arrow.decode(body), request.accepts
        decoded, is_records = tensors.decode(body)
        is_plain = request.accepts is MediaType.TENSORS
        return decoded, MediaType.RECORDS if is_records and is_plain else request.accepts

    def _encode(self, request: InferRequest, accepts: MediaType, answer: Answer) -> bytes:
        if accepts is MediaType.TENSORS:
            return tensors.encode(answer)
        key = (request.dataset, request.exclude, request.separator)
        selection = self._selections.get(key)
        if selection is None:
            if len(self._selections) > 100:
                self._selections.clear()
            selection = self._selections[key] = Selection(*key)
        if accepts is MediaType.ARROW:
            return arrow.encode(answer, selection)
        return records.encode(answer, selection)
