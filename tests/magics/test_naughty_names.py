"""Thirty names that are code somewhere: in no form that we show are they anything but characters to be seen."""

from __future__ import annotations

import contextlib
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from IPython.core.error import UsageError

from jupyter_wallaroo.conversion.comparison import Compared, Example
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.magics.results import Facts, Sections, Table
from jupyter_wallaroo.magics.usage import unknown
from jupyter_wallaroo.magics.verbs.doctor import Report
from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.sdk.live_comparison import LiveComparison, ModelDiffers
from jupyter_wallaroo.sdk.object import ModelUploadError
from jupyter_wallaroo.sdk.progress import Bar
from tests import models
from tests.magics.shell import Shell

NAUGHTY = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</td></tr></table><h1>x</h1>", "<!-- ", "-->",
    "\"><svg onload=alert(1)>", "' onmouseover='alert(1)", "<style>*{display:none}</style>", "&lt;b&gt;", "&#60;b&#62;",
    "<iframe src='//x'>", "<a href=javascript:alert(1)>x</a>", "<b\x00>", "]]>", "<?php x ?>", "${7*7}{{7*7}}<%= 7 %>",
    "\x1b[2J\x1b[31mred", "\x1b]0;title\x07", "\x07bell", "\x08\x08\x08back", "a\rb", "a\nb", "a\tb", "\x9b31m",
    "\u202eevil\u202c", "\u2066hidden\u2069", "\u200bzero\u200dwidth", "\ufeffmark", "\u2028line\u2029paragraph",
    "\ud800half", "a\u0338\u0338", "\x7f",
]  # fmt: skip
OURS = {"table", "tr", "th", "td", "p", "b", "pre", "div", "progress", "ul", "li"}
OUR_ATTRIBUTES = {("progress", "max"), ("progress", "value"), ("progress", "aria-label")}


class Elements(HTMLParser):
    """What a browser would make of a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.others: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name) for name, _ in attrs]

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_decl(self, decl: str) -> None:
        self.others.append(decl)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)


def harmless_html(text: str) -> None:
    found = Elements(text)
    assert set(found.tags) <= OURS and set(found.attributes) <= OUR_ATTRIBUTES and not found.others
    harmless_text(text.replace("\n", ""))


def harmless_text(text: str) -> None:
    acting = [char for char in text.replace("\n", "") if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert not acting, acting


def shown(name: str) -> list[Any]:
    """Everything of ours that shows a name, holding it in every place."""
    compared = Compared(name, changed=1, labels=2, examples=(Example(0, name, name, name),))
    comparison = LiveComparison(name, 1, name, [compared])
    return [
        Facts(name, {name: name, "b": [name]}),
        Report(name, {"server": name}),
        Table([name], {name: str, "other": lambda item: item}, name),
        Table([], {name: str}, name),
        Sections(name, [(name, Facts("", {name: name}))]),
        comparison,
    ]


def test_there_are_thirty() -> None:
    assert len(set(NAUGHTY)) >= 30


@pytest.mark.parametrize("name", NAUGHTY, ids=range(len(NAUGHTY)))
def test_no_form_of_ours_lets_a_name_act(name: str) -> None:
    """As HTML, as text, as an error, as a bar, and as the client's own tables."""
    for item in shown(name):
        harmless_html(item._repr_html_())
        harmless_text(str(item))
    harmless_html(display.facts([(name, name)]) + display.fields([(name, name)]) + display.plain_facts([(name, name)]))
    harmless_html(display.rows([name], [[name]]))
    harmless_text(str(unknown("verb", name, [name, f"{name}x"], name)))
    harmless_text(str(ModelDiffers(shown(name)[-1]).message.encode("unicode_escape")))
    bar = Bar()
    bar._message = name
    harmless_html(bar._repr_html_())
    harmless_text(repr(bar))


@pytest.mark.parametrize("name", NAUGHTY, ids=range(len(NAUGHTY)))
def test_no_line_lets_a_name_act(shell: Shell, name: str) -> None:
    """Typed as the name of whatever a verb takes: refused in one line that can be printed; of a server's words too."""
    commands = shell.shell.magics_manager.magics["line"]["wl"].__self__.commands()
    quoted = "'" + name.replace("'", "'\"'\"'") + "'"
    for line in ("{} x", "status {}", "ls {}", "workspace {}", "infer {} x", "upload {} --name x", "connection get {}",
                 "deploy {} x --dry-run", "connection create {} FILE path=x", "status x --{}", "logs x --since {}",
                 "task {}", "task logs {}", "task kill {}", "panel {}", "panel x --view {}"):  # fmt: skip
        with pytest.raises(UsageError) as refused:
            commands.run(line.format(quoted), None)
        harmless_text(str(refused.value))
        assert "\n" not in str(refused.value)


def test_what_a_server_stored_is_shown_harmlessly(shell: Shell, tmp_path: Path) -> None:
    """Names are letters, digits and a few marks; types of connections and names of files are anything."""
    client = shell.shell.magics_manager.magics["line"]["wl"].__self__.commands().session.client()
    for place, name in enumerate(NAUGHTY):
        with contextlib.suppress(InvalidRequest):  # half a character
            client.create_connection(f"naughty-{place}", name, {}).add_to(client.get_current_workspace().id())
        with contextlib.suppress(OSError, ValueError, ModelUploadError):  # no file can be called so
            path = tmp_path / f"{name}.onnx"
            path.write_bytes(models.row_sum(3))
            shell.give(path=path)
            found = shell.run("%wl upload path --name naughty")
            harmless_html(shell.html_of(found))
            harmless_text(shell.text_of(found) + shell.printed)
    connections = shell.run("%wl ls connections")
    ours = [item for item in connections if item.name().startswith("naughty-")]
    assert len(ours) == len(NAUGHTY) - 1
    for found in (connections, shell.run("%wl"), *ours):
        harmless_html(shell.html_of(found))
        harmless_text(shell.text_of(found))
    for item in ours:
        item.delete_connection()
