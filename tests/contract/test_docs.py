"""The README keeps its promises: settings, commands, and the statements of the seed that have no test."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.server.app import WallarooApp

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def test_every_setting_is_documented() -> None:
    """And says what it is for on the command line."""
    own = set(WallarooApp.class_own_traits(config=True))
    assert own == set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE))
    assert all(len(trait.help) > 20 for trait in WallarooApp.class_own_traits(config=True).values())


def test_the_readmes_example_runs(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: PrivateServer
) -> None:
    """As it stands there, but for the address of the server."""
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (tmp_path / "ccfraud.onnx").write_bytes((shared_data / "models" / "ccfraud.onnx").read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUPYTER_TOKEN", server.token)
    room: dict[str, Any] = {}
    exec(compile(code.replace("http://127.0.0.1:8888/wallaroo/v1/api", server.api_url), "README", "exec"), room)  # noqa: S102
    logged = room["post"]("pipelines/get_logs", pipeline_name="fraud", workspace_id=room["workspace"])
    assert len(logged) == 1
    assert len(logged[0]["in"]["tensor"]) == 29


def test_ci_calls_the_readmes_test_command() -> None:
    (command,) = [line for line in README.splitlines() if line.endswith("-m pytest")]
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()


def test_each_statement_of_the_seed_is_a_test_or_explained() -> None:
    """S1-01 … S1-56: named in a test, or in CONTRIBUTING as not done yet."""
    tests = (ROOT / "tests" / "contract" / "test_s1_pipeline_management.py").read_text()
    named = {int(number) for number in re.findall(r"s1_(\d\d)", tests)}
    explained = {int(number) for number in re.findall(r"S1-(\d\d)", CONTRIBUTING)}
    assert set(range(1, 57)) <= named | explained


def test_no_secret_is_in_the_repository() -> None:
    """The seed holds a pasted bearer token; nothing that looks like one may be here."""
    texts = [path for pattern in ("jupyter_wallaroo/**/*.py", "tests/**/*.py", "*.md") for path in ROOT.glob(pattern)]
    assert len(texts) > 50
    assert [path for path in texts if re.search(r"eyJ[A-Za-z0-9_-]{20,}", path.read_text())] == []
