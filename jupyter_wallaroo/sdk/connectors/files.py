"""FILE: files where this code runs, in the kernel or the task.

Details
-------
path (or directory, folder, file)
    A file, a pattern such as ``in/*.parquet``, or a folder. Required. ``~`` is the home folder.
format
    When the suffix does not tell it.

A source or target is a name or a pattern inside of the folder; without one the path itself is meant. The files a
pattern finds are read in alphabetical order and put one below the other; a column that one of them lacks is null there.
A file is complete or not there: it is written beside its place and then renamed.

Column types are those of the format, see `formats`.
"""

from __future__ import annotations

import glob
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from jupyter_wallaroo.sdk.connectors.details import optional, required
from jupyter_wallaroo.sdk.connectors.failures import ConnectorError

if TYPE_CHECKING:
    import pyarrow as pa

    from jupyter_wallaroo.sdk.connectors.connector import Details


class Files:
    """Reads and writes local files."""

    def read(
        self,
        details: Details,
        source: str | None = None,
        *,
        format: str | None = None,  # noqa: A002 pandas' and pyarrow's word
    ) -> pa.Table:
        """Return the table in a file, or in all files that a pattern finds."""
        names = _names(details, source)
        return read_all(names, format or optional(details, "format"), lambda name: Path(name).read_bytes())

    def batches(
        self,
        details: Details,
        source: str | None,
        most: int,
        *,
        format: str | None = None,  # noqa: A002
    ) -> Iterator[pa.Table]:
        """Yield what `read` returns, file by file, in tables of at most ``most`` rows where the format can."""
        yield from batches_of_all(_names(details, source), format or optional(details, "format"), most, _opened)

    def write(
        self,
        details: Details,
        table: pa.Table,
        target: str | None = None,
        *,
        format: str | None = None,  # noqa: A002
    ) -> int:
        """Write the table as one file, in place of one that is there."""
        from jupyter_wallaroo.sdk.connectors import formats

        path = _path(details, target)
        data = formats.encode(table, formats.choose(format or optional(details, "format"), path.name))
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
        return int(table.num_rows)


def read_all(names: Iterable[str], wanted: str | None, fetch: Callable[[str], bytes]) -> pa.Table:
    """Return the tables of some files, one below the other.

    Parameters
    ----------
    names
        Of the files, in order.
    wanted
        The format, or None to go by each suffix.
    fetch
        Returns a file's bytes.

    Raises
    ------
    ConnectorError
        There are no files, or their columns do not fit each other.
    """
    import pyarrow as pa

    from jupyter_wallaroo.sdk.connectors import formats

    tables = [formats.decode(fetch(name), formats.choose(wanted, name)) for name in names]
    if not tables:
        raise no_file()
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        raise ConnectorError(
            f"The columns of {len(tables)} files do not fit each other: {error}.",
            hint="Read them one by one.",
        ) from None


def batches_of_all(
    names: Iterable[str], wanted: str | None, most: int, open_file: Callable[[str], BinaryIO]
) -> Iterator[pa.Table]:
    """Yield the tables of some files in their order, as `streams.read` has them."""
    from jupyter_wallaroo.sdk.connectors import formats, streams

    count = 0
    for count, name in enumerate(names, 1):  # noqa: B007  how many there were is wanted
        with open_file(name) as file:
            yield from streams.read(file, formats.choose(wanted, name), most)
    if not count:
        raise no_file()


def no_file() -> ConnectorError:
    """Return the error that a source names no file."""
    return ConnectorError("There is no such file.", hint="Check the connection's details and the source's name.")


def _opened(name: str) -> BinaryIO:
    return Path(name).open("rb")


def _names(details: Details, source: str | None) -> list[str]:
    path = _path(details, source)
    return [str(path)] if path.is_file() else sorted(glob.glob(str(path), recursive=True))


def _path(details: Details, name: str | None) -> Path:
    path = Path(str(required(details, "path", "directory", "folder", "file"))).expanduser()
    return path if name is None else path / name


def _replace(path: Path, data: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
