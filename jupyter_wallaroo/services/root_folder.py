"""Files that a caller names: below Jupyter's root folder and nowhere else. Everything here waits for the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jupyter_wallaroo import errors
from jupyter_wallaroo.errors import InvalidRequest, NotFound


class RootFolder:
    """The folder that Jupyter shows.

    Parameters
    ----------
    root
        Its path on this machine.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def folder(self, named: str | None) -> str:
        """Return the place of a folder below the root, "" for the root and for whatever is not below it."""
        if not named:
            return ""
        path = (self._root / named).resolve()
        return self._place(path) if path.is_dir() and path.is_relative_to(self._root) else ""

    def find(self, what: str, path: str, folder: str) -> str:
        """Return the place below the root of the file ``path``, looked for in ``folder`` and then in the root.

        Parameters
        ----------
        what
            What needs it, as the sentence should say it: "step 'clean'".

        Raises
        ------
        InvalidRequest
            It leads out of the root folder, or is hidden.
        NotFound
            It is no file; names the nearest.
        """
        if not path or "\0" in path:
            raise InvalidRequest(f"{what}: expected the path of a file; got {path!r:.80}.")
        for base in dict.fromkeys((self._root / folder, self._root)):
            found = (base / path).resolve()
            if not found.is_relative_to(self._root):
                raise InvalidRequest(
                    f"{what}: {path!r:.200} is not below Jupyter's root folder.",
                    hint="Name files below it, or send the text itself as the source.",
                )
            if any(part.startswith(".") for part in found.relative_to(self._root).parts):
                raise InvalidRequest(f"{what}: {path!r:.200} is hidden; hidden files are not read.")
            if found.is_file():
                return self._place(found)
        known = [self._place(item) for item in self._files(self._root / folder)]
        where = "the folder that the caller works in" if folder else "Jupyter's root folder"
        raise NotFound(
            f"{what}: there is no file {path!r:.200} in {where}.",
            hint=errors.nearest(path, known) or "Paths start there; elsewhere, send the text itself as the source.",
        )

    def expand(self, what: str, path: str, folder: str) -> list[str]:
        """Return the places of a file, or of every file in a folder that is not hidden."""
        for base in dict.fromkeys((self._root / folder, self._root)):
            found = (base / path).resolve()
            if found.is_dir() and found.is_relative_to(self._root) and found != self._root:
                return sorted(self._place(item) for item in self._files(found, recursive=True))
        return [self.find(what, path, folder)]

    def path(self, place: str) -> Path:
        """Return the path of a place on this machine."""
        return self._root / place

    def _place(self, path: Path) -> str:
        place = path.relative_to(self._root).as_posix()
        return "" if place == "." else place

    def _files(self, folder: Path, *, recursive: bool = False) -> Iterator[Path]:
        for item in folder.iterdir() if folder.is_dir() else ():
            if item.name.startswith(".") or item.is_symlink():
                continue
            if item.is_file():
                yield item
            elif recursive and item.is_dir():
                yield from self._files(item, recursive=True)
