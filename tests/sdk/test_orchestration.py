"""Orchestrations in a notebook: uploaded from a file, a folder or memory, waited for, shown, downloaded, deleted."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jupyter_wallaroo.errors import InvalidUpload
from jupyter_wallaroo.sdk import Client, orchestration
from jupyter_wallaroo.sdk.object import (
    DeadlineExceeded,
    EntityNotFoundError,
    InvalidRequest,
    OrchestrationMissingFile,
    OrchestrationPackagingError,
    OrchestrationPackagingTimeoutError,
    OrchestrationUploadFailed,
)
from jupyter_wallaroo.sdk.orchestration import Orchestration, Orchestrations
from jupyter_wallaroo.types import orchestration as wire
from jupyter_wallaroo.types.orchestration import OrchestrationStatus
from tests import archives
from tests.sdk.conftest import unique


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "nightly.zip"
    found.write_bytes(archives.orchestration())
    return found


def _facts(**more: Any) -> wire.Orchestration:
    given: dict[str, Any] = {
        "id": "ed2d7ba5-51d0-4ae9-b2ae-8d7a7c7a3cf1",
        "name": "nightly",
        "workspace_id": 3,
        "workspace_name": "team",
        "sha": "ab" * 3 + "0" * 52 + "ef" * 3,
        "file_name": "nightly.zip",
        "file_size": 10,
        "owner_id": "u",
        "created_by": "ada",
        "status": OrchestrationStatus.READY,
        "error": None,
        "created_at": "2023-05-22T19:53:59.000001+00:00",
        "updated_at": "2023-05-22T19:54:06.000001+00:00",
    }
    return wire.Orchestration(**given | more)


def test_s5_29_a_life(wl: Client, path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = wl.upload_orchestration(name="nightly", path=str(path))
    assert made.status() in ("pending_packaging", "packaging", "ready")
    assert made.wait() is made
    assert (made.status(), made.error(), made.log()) == ("ready", None, "")
    assert type(made.status()) is str
    assert (made.name(), made.file_name(), made.entry(), made.requirements()) == ("nightly", path.name, "main.py", [])
    assert (made.workspace_id(), made.workspace_name()) == (
        wl.get_current_workspace().id(),
        wl.get_current_workspace().name(),
    )
    assert made.owner()
    assert made.owner_id()
    assert timedelta() <= made.updated_at() - made.created_at() < timedelta(minutes=1)
    assert datetime.now(UTC) - made.created_at() < timedelta(minutes=1)
    assert wl.get_orchestration(made.id()) == made
    assert wl.list_orchestrations()[0] == made
    assert wl.list_orchestrations(workspace_name=wl.get_current_workspace().name())[0] == made
    assert made not in wl.list_orchestrations(workspace_id=wl.create_workspace(unique("other")).id())
    assert made.download(tmp_path / "copy.zip").read_bytes() == path.read_bytes()
    (tmp_path / "folder").mkdir()
    assert made.download(tmp_path / "folder") == tmp_path / "folder" / "nightly.zip"
    made.delete()
    assert made not in wl.list_orchestrations()
    with pytest.raises(EntityNotFoundError):
        wl.get_orchestration(made.id())
    assert "failed" not in capsys.readouterr().out


def test_the_tutorials_loop(wl: Client, path: Path) -> None:
    """``while orchestration.status() != 'ready'`` asks the server each time."""
    made = wl.upload_orchestration(path=path)
    asked = 0
    while made.status() != "ready":
        asked += 1
        assert asked < 10_000
    assert made.name() is None


def test_from_memory(wl: Client) -> None:
    body = archives.orchestration()
    for given in (body, bytearray(body), memoryview(body), io.BytesIO(body)):
        made = wl.upload_orchestration(bytes_buffer=given, file_name="a.zip")
        assert made.file_name() == "a.zip"
    assert wl.upload_orchestration(name="nightly", bytes_buffer=body).file_name() == "nightly.zip"
    assert wl.upload_orchestration(bytes_buffer=body).file_name() == "orchestration.zip"


def test_from_a_folder(wl: Client, tmp_path: Path) -> None:
    """Made an archive, without caches and version control."""
    folder = tmp_path / "job"
    for name in ("main.py", "steps/load.py", "__pycache__/main.pyc", ".git/config", ".ipynb_checkpoints/main.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("1")
    made = wl.upload_orchestration(path=folder)
    assert (made.file_name(), made.entry()) == ("job.zip", "main.py")
    with zipfile.ZipFile(made.download(tmp_path / "copy.zip")) as archive:
        assert archive.namelist() == ["main.py", "steps/load.py"]


def test_a_folder_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told before it is packed."""
    monkeypatch.setattr(orchestration, "MAX_ARCHIVE_BYTES", 10)
    (tmp_path / "main.py").write_text("x" * 11)
    with pytest.raises(InvalidRequest, match="more than 10 bytes"):
        orchestration.zipped(tmp_path)


def test_what_is_no_orchestration(wl: Client, tmp_path: Path, path: Path) -> None:
    """Says what is wrong and what to do, as one class."""
    with pytest.raises(OrchestrationUploadFailed, match=r"has no 'main.py'.*Call the script") as caught:
        wl.upload_orchestration(bytes_buffer=archives.archive(("a.py", b"1")))
    assert isinstance(caught.value, InvalidUpload)
    with pytest.raises(OrchestrationMissingFile, match="There is no file"):
        wl.upload_orchestration(path=tmp_path / "none.zip")
    with pytest.raises(OrchestrationMissingFile, match="got neither"):
        wl.upload_orchestration("nightly")
    with pytest.raises(OrchestrationMissingFile, match="got both"):
        wl.upload_orchestration(path=path, bytes_buffer=b"")
    with pytest.raises(TypeError, match="bytes_buffer: expected bytes"):
        wl.upload_orchestration(bytes_buffer=5)  # type: ignore[arg-type]
    with pytest.raises(OrchestrationUploadFailed, match="cannot be the name of an orchestration"):
        wl.upload_orchestration("<script>", path=path)


def test_what_cannot_be_packaged(wl: Client, capsys: pytest.CaptureFixture[str]) -> None:
    """`wait` says why, `log` has what the installer said."""
    made = wl.upload_orchestration("broken", bytes_buffer=archives.orchestration("msgspec<0.0.1\n"))
    with pytest.raises(OrchestrationPackagingError, match="'broken' could not be packaged: The requirements could not"):
        made.wait()
    assert made.status() == "error"
    assert "ERROR: No matching distribution found for msgspec<0.0.1" in made.log()
    assert "msgspec" in str(made.error())
    assert "Waiting for packaging" in capsys.readouterr().out
    assert "msgspec&lt;0.0.1" in made._repr_html_()


def test_waiting_has_an_end(wl: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server goes on with it."""
    made = Orchestration(wl, _facts(status=OrchestrationStatus.PACKAGING))
    monkeypatch.setattr(made, "refresh", lambda: made)
    with pytest.raises(
        OrchestrationPackagingTimeoutError, match=r"not ready within 0.2 s; its status is 'packaging'"
    ) as caught:
        made.wait(timeout_s=0.2)
    assert isinstance(caught.value, DeadlineExceeded)


def test_s5_38_shown(wl: Client) -> None:
    """As a table with the shortened sha; whatever anybody wrote is escaped."""
    evil = Orchestration(wl, _facts(name="<script>alert(1)</script>", file_name="<img src=x>.zip", error="<b>"))
    assert Orchestrations()._repr_html_() == "(no orchestrations)"
    shown = Orchestrations([Orchestration(wl, _facts()), evil])._repr_html_()
    assert "<th>name</th><th>id</th><th>status</th><th>file name</th><th>sha</th><th>created at</th>" in shown
    assert "<td>ababab...efefef</td><td>2023-22-May 19:53:59</td><td>2023-22-May 19:54:06</td>" in shown
    assert "<td>ready</td>" in shown
    assert "<td>team</td>" in shown
    for text in (shown, evil._repr_html_()):
        assert "<script>" not in text
        assert "<img" not in text
        assert "<b>" not in text
    assert "&lt;script&gt;" in evil._repr_html_()
    assert repr(Orchestration(wl, _facts())) == (
        "Orchestration(id='ed2d7ba5-51d0-4ae9-b2ae-8d7a7c7a3cf1', name='nightly', file_name='nightly.zip', "
        "status='ready')"
    )
    assert len({Orchestration(wl, _facts()), Orchestration(wl, _facts(name="other"))}) == 1
