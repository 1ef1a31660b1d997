"""The code blocks of a seed document, and changes to them that are told one by one."""

from __future__ import annotations

import re
from pathlib import Path


def blocks(shared_data: Path, name: str) -> list[str]:
    """Return the Python blocks of a seed, in order, as they are written."""
    text = (shared_data.parent / "seeds" / name).read_text()
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def without(block: str, first: str, last: str) -> str:
    """Return a block without the lines from the one that begins with ``first`` to the one that ends with ``last``."""
    pattern = rf"^{re.escape(first)}.*?{re.escape(last)}[ \t]*$"
    changed, count = re.subn(pattern, "", block, flags=re.DOTALL | re.MULTILINE)
    assert count == 1, (first, last, count)
    return changed
