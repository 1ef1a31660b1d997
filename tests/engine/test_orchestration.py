"""Archives of orchestrations that are well: which script is run, what else may be there, and what is unpacked."""

from __future__ import annotations

import shutil
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

from jupyter_wallaroo.engine import orchestration
from jupyter_wallaroo.errors import InvalidUpload
from jupyter_wallaroo.types.plan import OrchestrationContents
from tests.archives import MAIN, Entry, archive, with_mode

LABEL = "'nightly.zip'"


def _look(tmp_path: Path, body: bytes) -> OrchestrationContents:
    path = tmp_path / "upload"
    path.write_bytes(body)
    return orchestration.look(path, LABEL)


@pytest.mark.parametrize(
    ("names", "entry"),
    [
        (["main.py"], "main.py"),
        (["job/main.py"], "job/main.py"),
        (["job/main.py", "main.py"], "main.py"),
        (["b/c/main.py", "a/main.py"], "b/c/main.py"),
        (["__MACOSX/main.py", "__MACOSX/._main.py", ".DS_Store", "job/main.py"], "job/main.py"),
        (["wallaroo/main.py", "wallaroo/steps.py"], "wallaroo/main.py"),
    ],
)
def test_s5_33_the_script(tmp_path: Path, names: list[str], entry: str) -> None:
    """At the top, else the first in a folder, in the archive's order."""
    assert _look(tmp_path, archive(*((name, b"1") for name in names))).entry == entry


@pytest.mark.parametrize(
    "entry",
    [
        ("json/data.csv", b"1"),
        ("wallaroo/readme.txt", b"1"),
        ("lib/json.py", b"1"),
        ("steps/__init__.py", b"1"),
        ("__init__.py", b""),
        ("json.txt", b"1"),
        ("model.pth", b"\x80\x02}q\x00."),
        ("model.pth", b"PK\x03\x04..."),
        ("empty.txt", b""),
        (with_mode("run.sh", stat.S_IFREG | 0o755), b"#!/bin/sh\n"),
        ("été ✓.txt", b"1"),
        ("a folder/", b""),
    ],
    ids=lambda entry: str(getattr(entry[0], "filename", entry[0])),
)
def test_what_may_be_there(tmp_path: Path, entry: Entry) -> None:
    """A folder of data called as a module is not imported in its place; weights may be called as path files are."""
    assert _look(tmp_path, archive(MAIN, entry)).entry == "main.py"


@pytest.mark.parametrize(
    "body",
    [
        "numpy==2.0\r\n# ünit\r\n".encode(),
        "\ufeffnumpy==2.0".encode(),
        "numpy==2.0\r\n".encode("utf-16"),
    ],
)
def test_requirements_as_editors_write_them(tmp_path: Path, body: bytes) -> None:
    """PowerShell's ``pip freeze >`` gives UTF-16."""
    assert _look(tmp_path, archive(("job/requirements.txt", body), MAIN)).requirements.startswith("numpy==2.0")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unpacked(tmp_path: Path, compression: int) -> None:
    """As it was packed, but for what macOS adds; nothing may be run or read by others."""
    body = archive(
        ("job/main.py", b"1"),
        ("job/data/a.bin", bytes(range(256))),
        ("__MACOSX/job/._main.py", b"2"),
        ("job/.DS_Store", b"3"),
        compression=compression,
    )
    (tmp_path / "upload").write_bytes(body)
    target = tmp_path / "target"
    target.mkdir()
    orchestration.unpack(tmp_path / "upload", target, LABEL)
    files = {str(path.relative_to(target)): path for path in target.rglob("*") if path.is_file()}
    assert {name: path.read_bytes() for name, path in files.items()} == {
        "job/main.py": b"1",
        "job/data/a.bin": bytes(range(256)),
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}


def test_archives_as_people_make_them(tmp_path: Path) -> None:
    """By Python, by ``zip -r``, by a file manager that wraps a folder."""
    folder = tmp_path / "job"
    (folder / "parts").mkdir(parents=True)
    (folder / "main.py").write_text("import parts.one")
    (folder / "parts" / "one.py").write_text("")
    (folder / "requirements.txt").write_text("# nothing\n")
    made = [
        Path(shutil.make_archive(str(tmp_path / "inside"), "zip", folder)),
        Path(shutil.make_archive(str(tmp_path / "wrapped"), "zip", tmp_path, "job")),
    ]
    if (program := shutil.which("zip")) is not None:
        subprocess.run([program, "-qr", tmp_path / "zip-r.zip", "."], cwd=folder, check=True)
        made.append(tmp_path / "zip-r.zip")
    for path in made:
        found = orchestration.look(path, LABEL)
        assert found.entry in ("main.py", "job/main.py")
        assert found.requirements == "# nothing\n"


def test_a_script_under_another_name_is_guessed(tmp_path: Path) -> None:
    with pytest.raises(InvalidUpload) as caught:
        _look(tmp_path, archive(("Main.py", b"1"), ("other.txt", b"2")))
    assert caught.value.hint == "Call the script that is to be run 'main.py'. Did you mean 'Main.py'?"
