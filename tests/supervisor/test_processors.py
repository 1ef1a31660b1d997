"""How many threads a process gets: its share of the processors that this server really may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from jupyter_wallaroo.supervisor import processors


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    (tmp_path / "pod" / "box").mkdir(parents=True)
    return tmp_path


def test_without_a_quota(mount: Path) -> None:
    """No file, or "max"."""
    assert processors.quota(mount, "/pod/box") == math.inf
    (mount / "pod" / "cpu.max").write_text("max 100000\n")
    assert processors.quota(mount, "/pod/box") == math.inf


def test_the_smallest_quota_on_the_way_up_counts(mount: Path) -> None:
    """A container's limit holds for all groups within it."""
    (mount / "cpu.max").write_text("400000 100000\n")
    (mount / "pod" / "cpu.max").write_text("150000 100000\n")
    (mount / "pod" / "box" / "cpu.max").write_text("max 100000\n")
    assert processors.quota(mount, "/pod/box") == 1.5
    assert processors.quota(mount, "") == 4.0


def test_a_damaged_quota_is_none(mount: Path) -> None:
    """A group that we cannot read limits nothing."""
    (mount / "cpu.max").write_text("")
    assert processors.quota(mount, "/gone/away") == math.inf


@pytest.mark.parametrize(("cpus", "expected"), [(0.25, 1), (1, 1), (1.9, 1), (2, 2), (4, 4), (64, 4)])
def test_threads_are_the_share_up_to_what_there_is(monkeypatch: pytest.MonkeyPatch, cpus: float, expected: int) -> None:
    """64 of 4 are 4: more would wait for each other."""
    monkeypatch.setattr(processors, "processors", lambda: 3.5)
    assert processors.threads(cpus) == expected


def test_this_machine() -> None:
    """Never more than the affinity allows."""
    assert 0 < processors.processors() <= len(os.sched_getaffinity(0))
