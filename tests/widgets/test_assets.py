"""The JavaScript of panels: put together right, and free of what must not be in it."""

from __future__ import annotations

import re

import pytest

from jupyter_wallaroo.widgets import assets

PANELS = ("connections", "deployment", "inference", "logs", "tasks")
FILES = sorted(path.name for path in assets.STATIC.iterdir())

_TOP = re.compile(r"^(?:async )?(?:function|class|const|let|var) (\w+)", re.MULTILINE)


@pytest.mark.parametrize("panel", PANELS)
def test_a_module_has_everything_once_and_imports_nothing(panel: str) -> None:
    source = assets.module(panel)
    assert "import " not in re.sub(r"^\s*(//|/?\*).*$", "", source, flags=re.MULTILINE)
    assert re.findall(r"^export .*$", source, flags=re.MULTILINE) == ["export default { render };"]
    names = _TOP.findall(source)
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)
    assert source.index("function h(") < source.index("class Channel") < source.index("function render(")


def test_every_file_belongs_to_a_panel() -> None:
    used = {name for panel in PANELS for name in assets._in_order(panel, {})}
    assert {f"{name}.js" for name in used} | {"panel.css"} == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_nothing_makes_markup_or_leaves_the_page(name: str) -> None:
    """Whatever is shown goes in as text, and whatever is asked goes through the kernel (SECURITY E1)."""
    source = (assets.STATIC / name).read_text("utf-8")
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "srcdoc",
        "DOMParser",
        "eval(",
        "new Function",
        "fetch(",
        "XMLHttpRequest",
        "WebSocket",
        "import(",
        "localStorage",
        "save_changes",
        "@import",
        "url(",
    ):
        assert word not in source, word
    urls = set(re.findall(r"https?://[\w./]+", source))
    assert urls <= {"http://www.w3.org/2000/svg"}, "only the name of SVG's elements"
