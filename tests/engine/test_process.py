"""What a process of the engine does at its start."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from jupyter_wallaroo.engine.process import keep_memory

if sys.argv[1] == "kept":
    keep_memory(64 * 2**20)

def ask(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        pieces = [bytearray(size * 2**20) for size in (1, 3, 2)]
        del pieces
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

ask(3)
print(ask(20))
"""


def new_pages(how: str) -> int:
    """Return how often the system was asked for pages by requests like the ones before."""
    said = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    return int(said.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library cannot be told")
def test_memory_of_the_last_request_is_used_for_the_next() -> None:
    """Asking the system for it again took longer than reading the request."""
    assert new_pages("kept") < 100 < new_pages("not kept")
