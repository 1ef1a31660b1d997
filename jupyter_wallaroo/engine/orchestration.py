"""Looks into the archive of an orchestration, and unpacks it: nothing in it may reach outside or stand in the way.

The entry is ``main.py`` at the top, else the first one in a folder; at most one ``requirements.txt`` may be there
(S5-33). What Python would run before the entry, or import in place of its own modules or of ours, is refused by name
(SECURITY C10). Metadata of macOS is passed over.
"""

from __future__ import annotations

import codecs
import stat
import sys
import zipfile
from pathlib import Path, PurePosixPath

import msgspec

from jupyter_wallaroo.engine import unpacking
from jupyter_wallaroo.engine.frames import Buffer, Kind
from jupyter_wallaroo.engine.process import Handler
from jupyter_wallaroo.engine.unpacking import Entry, Limits
from jupyter_wallaroo.errors import InvalidUpload, nearest
from jupyter_wallaroo.types.orchestration import MAX_ARCHIVE_BYTES
from jupyter_wallaroo.types.plan import InspectOrchestration, OrchestrationContents

LIMITS = Limits(entries=2_000, size_bytes=MAX_ARCHIVE_BYTES)
ENTRY = "main.py"
REQUIREMENTS = "requirements.txt"
MAX_REQUIREMENTS_BYTES = 256 * 1024
OURS = frozenset({"wallaroo", "jupyter_wallaroo"})
_AT_START = frozenset({"sitecustomize", "usercustomize"})
_IMPORTED = (".py", ".pyc", ".so", ".pyd")
_WEIGHTS = (b"PK\x03\x04", b"\x80")
"""How a checkpoint of PyTorch begins, which is called ``.pth`` as Python's own path files are."""
_SPECIAL = stat.S_ISUID | stat.S_ISGID

_decode = msgspec.msgpack.Decoder(InspectOrchestration).decode
_encode = msgspec.msgpack.Encoder().encode


def handlers() -> dict[int, Handler]:
    """Return what the process answers that looks into one archive."""
    return {Kind.INSPECT: inspect}


def inspect(head: bytes, body: Buffer) -> tuple[bytes, Buffer]:
    """Return what an `InspectOrchestration` finds, as `OrchestrationContents`.

    Raises
    ------
    InvalidUpload
        The archive cannot be an orchestration; names the entry and the remedy.
    """
    request = _decode(head)
    return _encode(look(Path(request.path), request.label)), b""


def look(path: Path, label: str) -> OrchestrationContents:
    """Return what an archive holds, every byte of it having been read.

    Raises
    ------
    InvalidUpload
        It cannot be an orchestration.
    """
    with unpacking.open_archive(path, label, LIMITS) as archive:
        found = _entries(archive, label)
        main = _main(found, label)
        _refuse_what_shadows(found, main, label)
        text = _only_requirements(found, label)
        budget = LIMITS.budget(path.stat().st_size)
        for entry in found:
            budget = _read_through(archive, entry, budget, label)
        requirements = unpacking.read(archive, text, MAX_REQUIREMENTS_BYTES, label) if text is not None else b""
    return OrchestrationContents(entry=str(main.path), requirements=_decoded(requirements, label))


def unpack(path: Path, directory: Path, label: str) -> None:
    """Unpack the archive of an orchestration into an empty directory; metadata of macOS stays out.

    Raises
    ------
    InvalidUpload
        It is damaged, or would not have been taken.
    """
    with unpacking.open_archive(path, label, LIMITS) as archive:
        unpacking.write(archive, _entries(archive, label), directory, LIMITS.budget(path.stat().st_size), label)


def _entries(archive: zipfile.ZipFile, label: str) -> list[Entry]:
    found = [entry for entry in unpacking.entries(archive, label, LIMITS) if not _is_of_macos(entry.path)]
    for entry in found:
        if (entry.info.external_attr >> 16) & _SPECIAL:
            raise InvalidUpload(
                f"{label} has the entry {str(entry.path)!r} with the set-user-ID or set-group-ID bit.",
                hint="Make the archive without it: chmod ug-s on the file.",
            )
    return found


def _is_of_macos(path: PurePosixPath) -> bool:
    return path.parts[0] == "__MACOSX" or path.name == ".DS_Store"


def _main(found: list[Entry], label: str) -> Entry:
    """Return ``main.py`` at the top, else the first of those in folders, as the archive lists them."""
    candidates = [entry for entry in found if entry.path.name == ENTRY]
    for entry in candidates:
        if len(entry.path.parts) == 1:
            return entry
    if candidates:
        return candidates[0]
    scripts = sorted({entry.path.name for entry in found if entry.path.suffix.casefold() == ".py"})
    raise InvalidUpload(
        f"{label} has no {ENTRY!r}: expected one at its top, or in a folder.",
        hint=f"Call the script that is to be run {ENTRY!r}. {nearest(ENTRY, scripts)}".strip(),
    )


def _only_requirements(found: list[Entry], label: str) -> Entry | None:
    candidates = [entry for entry in found if entry.path.name.casefold() == REQUIREMENTS]
    if len(candidates) > 1:
        names = ", ".join(repr(str(entry.path)) for entry in candidates[:5])
        raise InvalidUpload(
            f"{label} has {len(candidates)} files {REQUIREMENTS!r} ({names}); expected at most one.",
            hint="Put what is needed into one of them and leave the others out.",
        )
    return candidates[0] if candidates else None


def _refuse_what_shadows(found: list[Entry], main: Entry, label: str) -> None:
    """Refuse what Python would import before, or in place of, what everybody means.

    A module counts beside the entry, where Python looks first; one that is imported at a start counts anywhere.
    """
    for entry in found:
        path = entry.path
        name = path.name.partition(".")[0]
        if path.suffix not in _IMPORTED:
            continue
        if name in _AT_START:
            raise InvalidUpload(
                f"{label} has the entry {str(path)!r}, which Python would run when it starts.",
                hint=f"Leave it out; what is to be done first belongs at the top of {ENTRY}.",
            )
        folder = path.parent
        if name == "__init__":
            name, folder = folder.name, folder.parent
        if folder != main.path.parent:
            continue
        if name in OURS or name in sys.stdlib_module_names or name in _AT_START:
            meant = "the client" if name in OURS else "Python's own module"
            raise InvalidUpload(
                f"{label} has the entry {str(path)!r}, which would be imported in place of {meant} {name!r}.",
                hint=f"Give it another name, such as 'my_{name}', and change what imports it.",
            )


def _read_through(archive: zipfile.ZipFile, entry: Entry, budget: int, label: str) -> int:
    """Read an entry to its end, within the budget; return what is left of that."""
    is_path_file = entry.path.suffix.casefold() == ".pth"
    for part in unpacking.parts(archive, entry, label):
        if is_path_file and not part.startswith(_WEIGHTS):
            raise InvalidUpload(
                f"{label} has the entry {str(entry.path)!r}, a file by which Python changes its path when it starts.",
                hint="Leave it out, or change sys.path in the script. (Weights called .pth are taken.)",
            )
        is_path_file = False
        budget -= len(part)
        unpacking.check_budget(budget, label)
    return budget


def _decoded(body: bytes, label: str) -> str:
    """Return the text of requirements, as editors on any system write it."""
    encoding = "utf-16" if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        raise InvalidUpload(f"The {REQUIREMENTS} of {label} is no text.", hint="Save it as UTF-8.") from None
