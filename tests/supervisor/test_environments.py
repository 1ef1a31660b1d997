"""Requirements of models: what reaches pip, and what an environment is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_wallaroo.errors import InvalidUpload
from jupyter_wallaroo.supervisor.environments import Environments
from jupyter_wallaroo.supervisor.requirements import MAX_LINE, MAX_REQUIREMENTS, checked


def test_requirements_in_their_normal_form() -> None:
    """So that the same ones in another order are the same environment."""
    assert checked(["b >=1,<2", "a[x,y]==1.0", "a[y,x] == 1.0", 'c; python_version < "3"']) == [
        "a[x,y]==1.0",
        "b<2,>=1",
        'c; python_version < "3"',
    ]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "-e .",
        "-r other.txt",
        "-c constraints.txt",
        "--index-url http://${JUPYTER_TOKEN}@example.org",
        "numpy --index-url=http://example.org",
        "numpy==1.0 --hash=sha256:00",
        "numpy; os.system('x')",
        "numpy\n-r /etc/passwd",
        "numpy\r--pre",
        "numpy\0",
        "numpy\u2028x",
        ".",
        "./wheel.whl",
        "/srv/wheel.whl",
        "file:///tmp/wheel.whl",
        "https://example.org/x.whl",
        "git+https://example.org/x",
        "x @ file:///tmp/x.whl",
        "x @ https://example.org/x.whl",
        "$(id)",
        "`id`",
        "a" * (MAX_LINE + 1),
    ],
)
def test_lines_that_are_no_package_with_versions(line: str) -> None:
    """Options, paths, URLs, other lines within (SECURITY B7)."""
    with pytest.raises(InvalidUpload, match="requirement") as caught:
        checked([line])
    assert len(caught.value.message) < 500


def test_too_many() -> None:
    """Before each is looked at."""
    with pytest.raises(InvalidUpload, match=f"at most {MAX_REQUIREMENTS}"):
        checked([f"p{number}" for number in range(MAX_REQUIREMENTS + 1)])


@given(st.text(max_size=30) | st.from_regex(r"[a-z-]{1,4}[ =@;\[\]<>.!~0-9a-z/:-]{0,12}", fullmatch=True))
def test_any_line_is_an_argument_or_refused(line: str) -> None:
    """What passes can be neither an option nor a path nor a URL to pip."""
    try:
        (passed,) = checked([line])
    except InvalidUpload:
        return
    assert passed[0].isalnum()
    assert "@" not in passed
    assert checked([passed]) == [passed]


def test_no_requirements_need_no_environment(tmp_path: Path) -> None:
    """The server's own Python runs them."""
    environments = Environments(tmp_path / "environments")
    assert asyncio.run(environments.make([])) == sys.executable == environments.interpreter([])
    assert list((tmp_path / "environments").iterdir()) == []


def test_what_cannot_be_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Says what pip said, names no path of this machine, and leaves nothing behind."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("JUPYTER_TOKEN", "secret")
    environments = Environments(tmp_path / "environments")
    with pytest.raises(InvalidUpload) as caught:
        asyncio.run(environments.make(["no-such-package==1.0"]))
    assert "no-such-package==1.0" in caught.value.message
    assert str(tmp_path) not in caught.value.message
    assert list((tmp_path / "environments").iterdir()) == []


def test_files_in_the_working_directory_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pip.py or json.py beside the notebooks is not what runs (SECURITY C10)."""
    for name in ("pip", "venv", "json", "msgspec"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'marker')!r}, 'w')\nraise SystemExit(0)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    environments = Environments(tmp_path / "environments")
    with pytest.raises(InvalidUpload, match="no-such-package"):
        asyncio.run(environments.make(["no-such-package==1.0"]))
    assert not (tmp_path / "marker").exists()


def test_an_environment_sees_what_the_server_has(tmp_path: Path) -> None:
    """Something that is there already: nothing is fetched."""
    environments = Environments(tmp_path / "environments")
    python = asyncio.run(environments.make(["msgspec"]))
    assert python != sys.executable
    said = subprocess.run([python, "-c", "import msgspec; print('here')"], capture_output=True, text=True, check=True)
    assert said.stdout == "here\n"
    assert asyncio.run(environments.make(["msgspec"])) == python
