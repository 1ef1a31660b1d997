"""The README keeps its promises: settings, commands, and the statements of the seed that have no test."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.server.app import WallarooApp
from jupyter_wallaroo.types.framework import UNSUPPORTED, Framework

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def test_every_setting_is_documented() -> None:
    """And says what it is for on the command line."""
    own = set(WallarooApp.class_own_traits(config=True))
    table = README.partition("## Settings")[2].partition("\n## ")[0]
    assert own == set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert all(len(trait.help) > 20 for trait in WallarooApp.class_own_traits(config=True).values())


def test_the_readmes_example_runs(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: PrivateServer
) -> None:
    """As it stands there, but for the address of the server."""
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "ccfraud.onnx").write_bytes((shared_data / "models" / "ccfraud.onnx").read_bytes())
    monkeypatch.chdir(tmp_path)
    for name in ("WALLAROO_URL", "WALLAROO_SDK_AUTH_TYPE", "WALLAROO_SDK_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JPY_PARENT_PID", str(server.pid))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(server.directory / "jupyter_runtime_dir"))
    room: dict[str, Any] = {}
    exec(compile(code, "README", "exec"), room)  # noqa: S102
    assert room["result"]["out.dense_1"].map(len).tolist() == [1]
    assert len(room["pipeline"].logs()) == 1
    room["pipeline"].undeploy()
    room["wl"].close()


def test_every_framework_and_extra_is_documented() -> None:
    """A person finds what to install for what."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extra in set(project["optional-dependencies"]) - {"test", "bench", "train"}:
        assert re.search(rf"[\[,]{extra}[\],]", README), extra
    for framework in set(Framework) - UNSUPPORTED:
        assert f"`{framework}`" in README or framework.startswith("hugging-face-"), framework


def test_ci_calls_the_readmes_test_command() -> None:
    (command,) = [line for line in README.splitlines() if line.endswith("-m pytest")]
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()


@pytest.mark.parametrize(
    ("seed", "file", "last"), [(1, "test_s1_pipeline_management.py", 56), (3, "test_s3_manage_pipelines.py", 17)]
)
def test_each_statement_of_the_seed_is_a_test_or_explained(seed: int, file: str, last: int) -> None:
    """S1-01 … S1-56, S3-01 … S3-17: named in a test, or in CONTRIBUTING as not done yet."""
    tests = (ROOT / "tests" / "contract" / file).read_text()
    named = {int(number) for number in re.findall(rf"s{seed}_(\d\d)", tests)}
    explained = {int(number) for number in re.findall(rf"S{seed}-(\d\d)", CONTRIBUTING)}
    assert set(range(1, last + 1)) <= named | explained


def test_no_secret_is_in_the_repository() -> None:
    """The seed holds a pasted bearer token; nothing that looks like one may be here."""
    texts = [path for pattern in ("jupyter_wallaroo/**/*.py", "tests/**/*.py", "*.md") for path in ROOT.glob(pattern)]
    assert len(texts) > 50
    assert [path for path in texts if re.search(r"eyJ[A-Za-z0-9_-]{20,}", path.read_text())] == []
