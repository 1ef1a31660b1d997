"""The JavaScript and CSS of panels: files of this package, put together when a panel's class is made.

anywidget takes one ES module per widget, and nothing may be fetched from the browser. The files in ``static/`` are
plain ES modules that import each other by name, as every editor understands them; here the modules that one needs are
laid behind each other, each once, without their ``import`` lines and ``export`` words. So a name at the top of a module
belongs to all of them, which a test watches.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

STATIC = Path(__file__).with_name("static")

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


@cache
def module(name: str) -> str:
    """Return the module ``static/<name>.js`` with everything it imports, as one ES module."""
    return "\n".join(_without_exports(source) for source in _in_order(name, {}).values())


def _in_order(name: str, found: dict[str, str]) -> dict[str, str]:
    """Return the modules that one needs, itself last."""
    source = (STATIC / f"{name}.js").read_text("utf-8")
    for needed in _IMPORT.findall(source):
        if needed not in found:
            _in_order(needed, found)
    found[name] = _IMPORT.sub("", source)
    return found


def _without_exports(source: str) -> str:
    return _EXPORT.sub("", source).strip() + "\n"


@cache
def style() -> str:
    """Return the style sheet of all panels."""
    return (STATIC / "panel.css").read_text("utf-8")
