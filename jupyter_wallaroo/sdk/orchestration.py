"""Orchestrations: a script with what it needs, uploaded as an archive, to be run by the server (S5-29 … S5-33)."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import httpx
import msgspec

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.sdk.noun import Kept
from jupyter_wallaroo.sdk.object import (
    OrchestrationMissingFile,
    OrchestrationPackagingError,
    OrchestrationPackagingTimeoutError,
    OrchestrationUploadFailed,
)
from jupyter_wallaroo.sdk.task_making import TaskMaking
from jupyter_wallaroo.sdk.waiting import Outcome, wait_until
from jupyter_wallaroo.types import orchestration as wire
from jupyter_wallaroo.types.orchestration import MAX_ARCHIVE_BYTES, OrchestrationStatus

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client

PACKAGING_LIMIT_S = 15 * 60.0
TRANSFER_LIMIT_S = 10 * 60.0
SETTLED = (OrchestrationStatus.READY, OrchestrationStatus.ERROR)
LEFT_OUT = frozenset({"__pycache__", ".git", ".venv", "venv", ".ipynb_checkpoints", ".mypy_cache", ".DS_Store"})
"""What a folder holds that no script needs."""

Bytes: TypeAlias = bytes | bytearray | memoryview | BinaryIO
"""An archive, or a file opened to read one from."""


class Orchestration(Kept[wire.Orchestration], TaskMaking):
    """An orchestration of this server."""

    @classmethod
    def fetch(cls, client: Client, orchestration_id: str) -> Orchestration:
        """Return the orchestration with a UUID, or raise `EntityNotFoundError`."""
        return cls(client, _details(client, orchestration_id))

    def refresh(self) -> Orchestration:
        """Ask the server how it is by now, and return the orchestration itself."""
        self._facts = _details(self._client, self.id())
        return self

    def file_name(self) -> str:
        """Return what its archive was called."""
        return self._facts.file_name

    def sha(self) -> str:
        """Return the SHA-256 of its archive, in hex."""
        return self._facts.sha

    def status(self) -> str:
        """Return how far it has come, from the server: pending_packaging, packaging, ready or error."""
        if self._facts.status not in SETTLED:
            self.refresh()
        return self._facts.status.value

    def error(self) -> str | None:
        """Return why it could not be packaged, None where nothing is wrong."""
        self.status()
        return self._facts.error

    def log(self) -> str:
        """Return what the installer said of what it needs, from the server."""
        return _details(self._client, self.id()).log

    def requirements(self) -> list[str]:
        """Return what its ``requirements.txt`` asks for, from the server."""
        return _details(self._client, self.id()).requirements

    def entry(self) -> str:
        """Return the path of the script in the archive, from the server."""
        return _details(self._client, self.id()).entry

    def owner_id(self) -> str:
        """Return the id of the user who uploaded it."""
        return self._facts.owner_id

    def owner(self) -> str:
        """Return the name of the user who uploaded it."""
        return self._facts.created_by

    def wait(self, timeout_s: float = PACKAGING_LIMIT_S) -> Orchestration:
        """Return the orchestration itself once it is ready to be run.

        Parameters
        ----------
        timeout_s
            Seconds.

        Raises
        ------
        OrchestrationPackagingError
            It could not be packaged; says why, and `log` has all that the installer said.
        OrchestrationPackagingTimeoutError
            It took too long; the server goes on with it.
        """

        def is_settled() -> bool:
            return self.status() in SETTLED

        label = f"Orchestration {self.name() or self.id()!r}"
        if not is_settled():
            message = f"Waiting for packaging - this will take up to {timeout_s:g}s."
            if wait_until(message, is_settled, timeout_s) is Outcome.TIMED_OUT:
                raise OrchestrationPackagingTimeoutError(
                    f"{label} was not ready within {timeout_s:g} s; its status is {self._facts.status.value!r}.",
                    hint="The server goes on with it: look at orchestration.status().",
                )
        if self._facts.status is OrchestrationStatus.ERROR:
            raise OrchestrationPackagingError(
                f"{label} could not be packaged: {self._facts.error}", hint="orchestration.log() shows more."
            )
        return self

    def download(self, path: str | Path | None = None) -> Path:
        """Save its archive as it was uploaded, and return where it lies.

        Parameters
        ----------
        path
            A file or an existing folder; default: under its own name in the present one.
        """
        target = Path(path) if path is not None else Path()
        if target.is_dir():
            target /= Path(self.file_name()).name
        target.write_bytes(self._client.api.get_bytes("orchestration/download", {"id": [self.id()]}))
        return target

    def delete(self) -> None:
        """Delete it, with its archive and its tasks.

        Raises
        ------
        Conflict
            It has an active task.
        """
        request = wire.DeleteOrchestrations(orchestrations=[self.id()])
        self._client.api.call("orchestration/delete_orchestrations", request, wire.FreedBytes)

    def __repr__(self) -> str:
        return (
            f"Orchestration(id={self.id()!r}, name={self.name()!r}, file_name={self.file_name()!r}, "
            f"status={self._facts.status.value!r})"
        )

    def _repr_html_(self) -> str:
        return display.fields(
            [
                ("ID", self.id()),
                ("Name", self.name()),
                ("File Name", self.file_name()),
                ("SHA", self.sha()),
                ("Status", self._facts.status.value),
                ("Created At", display.short_moment(self.created_at())),
                ("Updated At", display.short_moment(self.updated_at())),
                ("Workspace ID", self.workspace_id()),
                ("Workspace Name", self.workspace_name()),
                *([("Error", self._facts.error)] if self._facts.error else []),
            ]
        )


class Orchestrations(display.Listing[Orchestration]):
    """Orchestrations, newest first (S5-38)."""

    headings = (
        "name",
        "id",
        "status",
        "file name",
        "sha",
        "created at",
        "updated at",
        "workspace id",
        "workspace name",
    )
    nothing = "(no orchestrations)"

    def line(self, item: Orchestration) -> tuple[object, ...]:
        """Return the cells of one orchestration."""
        return (
            item.name(),
            item.id(),
            item._facts.status.value,
            item.file_name(),
            f"{item.sha()[:6]}...{item.sha()[-6:]}",
            display.short_moment(item.created_at()),
            display.short_moment(item.updated_at()),
            item.workspace_id(),
            item.workspace_name(),
        )


def fetch_all(client: Client, workspace_id: int | None) -> Orchestrations:
    """Return the orchestrations of a workspace, or all, newest first."""
    request = wire.ListAllOrchestrations(workspace_ids=[] if workspace_id is None else [workspace_id])
    found = client.api.call("orchestration/list_all", request, wire.AllOrchestrations).orchestrations
    return Orchestrations(Orchestration(client, item.orchestration) for item in found)


def upload(
    client: Client, name: str | None, path: str | Path | None, bytes_buffer: Bytes | None, file_name: str | None
) -> Orchestration:
    """Send an archive to the current workspace, and return the orchestration it became, packaged or not.

    Raises
    ------
    OrchestrationMissingFile
        None was given, or there is no such file.
    OrchestrationUploadFailed
        The server did not take it.
    """
    if (path is None) == (bytes_buffer is None):
        given = "both" if path is not None else "neither"
        raise OrchestrationMissingFile(f"Expected 'path' or 'bytes_buffer'; got {given}.")
    request = wire.UploadOrchestration(workspace_id=client.get_current_workspace().id(), name=name)
    if bytes_buffer is not None:
        return _send(client, request, _buffered(bytes_buffer), file_name or f"{name or 'orchestration'}.zip")
    found = Path(str(path)).expanduser()
    if found.is_dir():
        return _send(client, request, zipped(found), file_name or f"{found.resolve().name}.zip")
    if not found.is_file():
        raise OrchestrationMissingFile(
            f"There is no file {str(path)!r} to upload.", hint=f"It was looked for in {Path.cwd()}."
        )
    with found.open("rb") as file:
        return _send(client, request, file, file_name or found.name)


def zipped(folder: Path) -> BinaryIO:
    """Return a folder as an archive in memory, without what no script needs (caches, version control).

    Raises
    ------
    InvalidRequest
        It has more than an orchestration may have.
    """
    sink = io.BytesIO()
    left = MAX_ARCHIVE_BYTES
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if LEFT_OUT.intersection(name.parts) or not path.is_file():
                continue
            left -= path.stat().st_size
            if left < 0:
                raise InvalidRequest(
                    f"The folder {str(folder)!r} has more than {MAX_ARCHIVE_BYTES} bytes.",
                    hint="Keep data out of it: a script reads it from where it is, through a connection.",
                )
            archive.write(path, name.as_posix())
    sink.seek(0)
    return sink


def _buffered(given: Bytes) -> BinaryIO:
    if isinstance(given, bytes | bytearray | memoryview):
        return io.BytesIO(given)
    if not hasattr(given, "read"):
        raise TypeError(f"bytes_buffer: expected bytes or a file opened to read them; got {type(given).__name__}.")
    return io.BytesIO(given.read())


def _send(client: Client, request: wire.UploadOrchestration, file: BinaryIO, file_name: str) -> Orchestration:
    text = msgspec.json.encode(request)

    def build() -> httpx.Request:
        file.seek(0)
        form = {
            "metadata": (None, text, "application/json"),
            "file": (file_name, file, "application/octet-stream"),
        }
        return client.api.build_form("orchestration/upload", form, timeout_s=TRANSFER_LIMIT_S)

    try:
        response = client.api.send(build, timeout_s=TRANSFER_LIMIT_S)
    except InvalidRequest as error:
        raise OrchestrationUploadFailed(error.message, hint=error.hint, details=error.details) from None
    return Orchestration.fetch(client, client.api.decode(response, wire.OrchestrationId).id)


def _details(client: Client, orchestration_id: str) -> wire.OrchestrationDetails:
    request = wire.GetOrchestration(id=orchestration_id)
    return client.api.call("orchestration/get_by_id", request, wire.OrchestrationDetails)
