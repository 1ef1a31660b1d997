"""One replica of one deployment: decode, validate, run, log, encode."""

from __future__ import annotations

import gc
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from jupyter_wallaroo.codec import arrow, bulk, records, tensors
from jupyter_wallaroo.codec.batch import Decoded
from jupyter_wallaroo.engine.answers import Writer
from jupyter_wallaroo.engine.batching import Batches, Read, Waiting, settings_of
from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.engine.joining import Fitted, Joiner, NotTogether, joined
from jupyter_wallaroo.engine.peer import Peer
from jupyter_wallaroo.engine.pipeline import Pipeline, Result, journal_columns
from jupyter_wallaroo.engine.process import Handler, Queue, Reply, ping
from jupyter_wallaroo.errors import DeadlineExceeded, EngineFailure, StorageFull
from jupyter_wallaroo.segments.journal import Clock, Extra, Journal
from jupyter_wallaroo.segments.journal_files import JournalFiles, Sink
from jupyter_wallaroo.segments.layout import Layout
from jupyter_wallaroo.types.plan import Answered, InferRequest, Loaded, MediaType, Plan, Trial

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
    rolled
        Told when one of those files is finished.
    """

    def __init__(
        self,
        bodies: Buffer = b"",
        sidekicks: Sequence[socket.socket] = (),
        sink: Sink | None = None,
        rolled: Callable[[], None] | None = None,
    ) -> None:
        self._bodies = bodies
        self._sink = sink
        self._rolled = rolled
        self._sidekicks = [Peer(connected) for connected in sidekicks]
        self._pipeline: Pipeline | None = None
        self._journal: Journal | None = None
        self._clock: Clock = Clock()
        self._layout = Layout((), (), "", "", "")
        self._joiner: Joiner | None = None
        self._batches = Batches(self)
        self._writer = Writer()

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
        """Take one inference from whichever door, and reply when it has run, perhaps together with others."""
        self._batches.add(Waiting(request, body, reply))

    def load(self, head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
        """Load the models of a `Plan`, run nothing yet, and answer `Loaded`."""
        started = time.perf_counter()
        plan = _decode_plan(head)
        pipeline = Pipeline(plan, self._sidekicks)
        if plan.is_logged:
            sink = self._sink or JournalFiles(Path(plan.journal_directory), plan.durability, self._rolled)
            self._journal = Journal(sink, plan.replica)
            self._clock = self._journal
        self._layout = Layout((), (), pipeline.last_model, plan.pipeline_version, plan.replica)
        self._joiner = Joiner(pipeline)
        if self._joiner.why_not is not None:
            print(f"Requests are run one by one: {self._joiner.why_not}.", file=sys.stderr)  # noqa: T201
        self._batches = Batches(self, settings_of([model.batching for model in plan.models]))
        self._pipeline = pipeline
        gc.collect()
        gc.freeze()  # what is loaded stays; looking through it again and again took up to 35 ms of a request
        return _encode(Loaded(load_s=time.perf_counter() - started, trial=Trial(self._joiner.why_not))), b""

    def renew_journal(self, head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
        """Begin a new file with the next inference: whoever keeps the journal could not keep all of this one."""
        if self._journal is not None:
            self._journal.renew()
        return b"", b""

    def infer(self, request: InferRequest, body: Buffer) -> tuple[Answered, Buffer]:
        """Answer one inference by itself; it is in the journal before this returns.

        Raises
        ------
        InvalidInput
            The body does not fit the pipeline.
        DeadlineExceeded
            Its turn came too late; it was not run.
        StorageFull
            It could not be logged.
        """
        waiting = Waiting(request, body)
        self._decode(waiting)
        return self._answered([waiting])[0]

    def decode(self, waiting: Waiting) -> bool:
        """Read a request's columns unless that was done; False when it was refused instead."""
        try:
            self._decode(waiting)
        except Exception as error:  # noqa: BLE001  whatever it was, it is this request's alone
            waiting.refuse(error)
            return False
        return True

    def fit(self, waiting: Waiting) -> Fitted | None:
        """Return a decoded request as a part of others, None when it has to be run alone."""
        assert waiting.decoded is not None, "see decode"
        return self._joiner.fit(waiting.decoded) if self._joiner is not None else None

    def read(self, together: Sequence[Waiting], most_rows: int) -> Read | None:
        """Read requests for the same fields as one, None where each has to be read by itself."""
        if self._joiner is None or time.monotonic() > min(waiting.request.deadline for waiting in together):
            return None
        started = time.perf_counter_ns()
        try:
            found = self._joiner.read([waiting.body for waiting in together])
        except Exception:  # noqa: BLE001  whatever it was, it is one request's: the others are not to suffer
            return None
        if found is None or found[0].rows > most_rows:
            return None
        return Read(*found, parse_ns=time.perf_counter_ns() - started)

    def run(self, together: Sequence[Waiting], read: Read | None = None) -> None:
        """Run requests that can be run together, and reply to each; singly, when they cannot be after all."""
        try:
            answers = self._answered(together, read)
        except Exception as error:  # noqa: BLE001  as above
            if len(together) > 1 and not isinstance(error, StorageFull):
                for waiting in together:
                    if self.decode(waiting):
                        self.run([waiting])
                return
            for waiting in together:
                waiting.refuse(error)
        else:
            for waiting, (said, body) in zip(together, answers, strict=True):
                waiting.answer(said, body)

    def _decode(self, waiting: Waiting) -> None:
        request, body = waiting.request, waiting.body
        if time.monotonic() > request.deadline:
            raise DeadlineExceeded("The time limit of the request passed while it was waiting for its turn.")
        if waiting.decoded is not None:
            return
        started = time.perf_counter_ns()
        waiting.accepts = request.accepts
        if request.content is MediaType.ARROW:
            waiting.decoded = arrow.decode(body)
        else:
            waiting.decoded, is_records = self._decode_bulk(waiting) or _decode_json(request.content, body)
            if is_records and request.content is request.accepts is MediaType.TENSORS:
                waiting.accepts = MediaType.RECORDS
        waiting.parse_ns = time.perf_counter_ns() - started

    def _decode_bulk(self, waiting: Waiting) -> tuple[Decoded, bool] | None:
        """Return the columns of many rows of lists of numbers, None when it is anything else."""
        request = waiting.request
        if not waiting.is_large or self._joiner is None or request.accepts is MediaType.ARROW:
            return None
        is_echoed = request.accepts is MediaType.RECORDS and self._writer.repeats(request)
        found = bulk.decode(waiting.body, self._joiner.uses, is_echoed=is_echoed)
        if found is not None and found[1] is (request.content is MediaType.RECORDS):
            return found
        return None

    def _answered(self, together: Sequence[Waiting], read: Read | None = None) -> list[tuple[Answered, Buffer]]:
        """Run and log requests as one, and return the answer to each."""
        if self._pipeline is None:
            raise EngineFailure("An inference came before the models were loaded.")
        read = read or _read(together)
        request = read.request
        result = self._pipeline.run(request)
        if len(together) > 1 and result.dropped:
            raise NotTogether("A model failed, perhaps on one of the requests only.")
        time_ms = self._clock.stamp()
        answer = self._pipeline.answer(request.rows, result, time_ms=time_ms, parse_ns=read.parse_ns)
        bodies = self._writer.write(answer, together, read)
        self._log(request.rows, time_ms, Extra(answer.elapsed_ns, answer.dropped), result)
        counts = answer.anomaly_counts() if answer.anomalies else None
        answers = []
        start = 0
        for waiting, rows, body in zip(together, read.rows, bodies, strict=True):
            marked = 0 if counts is None else int(np.count_nonzero(counts[start : start + rows]))
            answers.append((Answered(waiting.accepts, rows, marked), body))
            start += rows
        return answers

    def _log(self, rows: int, time_ms: int, extra: Extra, result: Result) -> None:
        if self._journal is None:
            return
        try:
            self._journal.append(self._layout, rows, time_ms, extra, journal_columns(result))
        except OSError as error:
            raise StorageFull(
                f"The inference could not be logged, so it was not answered: {error.strerror}.",
                hint="Free space on the disk that holds the data directory.",
            ) from error


def _read(together: Sequence[Waiting]) -> Read:
    """Return what was read of requests, each by itself, as one; `NotTogether` where that is none."""
    decoded = [waiting.decoded for waiting in together if waiting.decoded is not None]
    request = decoded[0] if len(together) == 1 else joined([item.fitted for item in together if item.fitted])
    return Read(request, [item.rows for item in decoded], sum([waiting.parse_ns for waiting in together]))


def _decode_json(content: MediaType, body: Buffer) -> tuple[Decoded, bool]:
    """Return the columns of a JSON body, and whether they are records."""
    return (records.decode(body), True) if content is MediaType.RECORDS else tensors.decode(body)
