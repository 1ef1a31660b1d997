"""Where the results of a batch inference go to as they come: a file, or a place that a connection leads to."""

from __future__ import annotations

import os
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import connection
from jupyter_wallaroo.sdk.connection import Connection
from jupyter_wallaroo.sdk.connectors import formats
from jupyter_wallaroo.sdk.connectors.streams import Writer

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    import pyarrow as pa

    from jupyter_wallaroo.sdk.client import Client


class Sink(ABC):
    """Takes batches of one schema; the end of the ``with`` block makes whole what came until then, however it ends."""

    def __init__(self, shown: str) -> None:
        self.rows = 0
        self._shown = shown

    def __str__(self) -> str:
        return self._shown

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def add(self, table: pa.Table) -> None:
        """Write the next rows."""
        self._write(table)
        self.rows += table.num_rows

    @abstractmethod
    def _write(self, table: pa.Table) -> None: ...

    @abstractmethod
    def close(self) -> None:
        """Make whole what was written."""


class _File(Sink):
    """A file, which is written beside its place and then renamed; without rows there is none."""

    def __init__(self, path: Path) -> None:
        super().__init__(repr(str(path)))
        self._path = path
        chosen = formats.choose(None, path.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, self._beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        self._file = os.fdopen(descriptor, "wb")
        self._writer = Writer(self._file, chosen)

    def _write(self, table: pa.Table) -> None:
        self._writer.write(table)

    def close(self) -> None:
        """End the file and give it its name."""
        self._writer.close()
        with self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
        if self.rows:
            os.replace(self._beside, self._path)
        else:
            os.unlink(self._beside)


class _Added(Sink):
    """A place that each write adds to."""

    def __init__(self, shown: str, place: Connection, name: str | None, options: dict[str, Any]) -> None:
        super().__init__(shown)
        self._place = place
        self._name = name
        self._options = options

    def _write(self, table: pa.Table) -> None:
        self._place.write(table, self._name, **self._options)
        if "mode" in self._options:
            self._options["mode"] = "append"

    def close(self) -> None:
        """Every write was whole."""


class _Replaced(Sink):
    """A place that a write replaces: all goes there at the end, and into a file of this machine until then."""

    def __init__(self, shown: str, place: Connection, name: str | None, options: dict[str, Any]) -> None:
        super().__init__(shown)
        self._place = place
        self._name = name
        self._options = options
        self._folder = tempfile.TemporaryDirectory(prefix="wallaroo-")
        self._here = Path(self._folder.name) / "results.arrow"
        self._writer = _File(self._here)

    def _write(self, table: pa.Table) -> None:
        self._writer.add(table)

    def close(self) -> None:
        """Write all of it there."""
        import pyarrow as pa

        with self._folder:
            self._writer.close()
            if self.rows:
                with pa.memory_map(str(self._here)) as source:
                    self._place.write(pa.ipc.open_file(source).read_all(), self._name, **self._options)


def sink_of(client: Client, target: str | Path | Connection, name: str | None, options: dict[str, Any]) -> Sink:
    """Return where results go; a file's suffix, or the connection's type, is wrong before anything is inferred.

    Parameters
    ----------
    target
        A path, a connection, or ``connection:NAME`` or ``connection:NAME:TARGET``.
    name
        What is meant at a connection.
    options
        Of its connector.
    """
    shown = ""
    if isinstance(target, str) and target.startswith(connection.PREFIX):
        shown = target
        target, _, named = target.removeprefix(connection.PREFIX).partition(":")
        target, name = client.get_connection(target), name or named or None
    if isinstance(target, Connection):
        kind = _Added if target.adds() else _Replaced
        return kind(repr(shown or f"{connection.PREFIX}{target.name()}"), target, name, dict(options))
    if not isinstance(target, str | Path):
        raise TypeError(f"write takes a path or a connection; got {type(target).__name__}.")
    if name is not None or options:
        raise InvalidRequest(f"{str(target)!r} is a file, which takes neither a name nor options.")
    return _File(Path(target).expanduser())
