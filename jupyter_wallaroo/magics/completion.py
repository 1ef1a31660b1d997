"""What Tab offers on a line of ours: verbs, flags, and the names that an argument may have."""

from __future__ import annotations

import re
import shlex
from argparse import Action
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion
from IPython.core.error import UsageError

from jupyter_wallaroo.magics import command, registry
from jupyter_wallaroo.magics.data import SUFFIXES, is_data
from jupyter_wallaroo.magics.parser import Live, Parser, split
from jupyter_wallaroo.sdk.connection import PREFIX
from jupyter_wallaroo.sdk.framework import LIKELY
from jupyter_wallaroo.sdk.live_models import is_live

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jupyter_wallaroo.magics.command import Commands
    from jupyter_wallaroo.magics.session import Session

_LINE = re.compile(r"^\s*(?:[\w., ]+=\s*)?(?P<marks>%{1,2})wl(?P<rest>\s.*)$")


class _Nothing(list[SimpleCompletion]):
    """No completions, in which IPython sees some: it lets others offer Python's names only where it sees none."""

    def __len__(self) -> int:
        return 1


def nothing() -> dict[str, Any]:
    """Return the answer where nothing fits, and where Python's names and the files here would not fit either."""
    return {"completions": _Nothing(), "suppress": True}


def matches(text: str, commands: Commands) -> dict[str, Any]:
    """Return IPython's answer for the line up to the cursor."""
    found = _LINE.match(text)
    if found is None:
        return {"completions": [], "suppress": False}
    words, begun = _words(found["rest"])
    offers = offered(words, begun, commands, is_cell=found["marks"] == "%%")
    fitting = [word for word in offers if word.startswith(begun.lstrip("'\""))]
    completions = [SimpleCompletion(shlex.quote(word), type="wl") for word in dict.fromkeys(fitting)]
    if not completions:
        return nothing()
    return {"completions": completions, "matched_fragment": begun, "suppress": True, "ordered": True}


def _words(rest: str) -> tuple[list[str], str]:
    """Return the whole words of a line, and the one that is begun, as it is written."""
    open_at, quote = len(rest), ""
    for place, char in enumerate(rest):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
            open_at = place if rest[place - 1].isspace() else open_at
        elif char.isspace():
            open_at = place + 1
        elif place == 0 or rest[place - 1].isspace():
            open_at = place
    try:
        return split(rest[:open_at]), rest[open_at:]
    except UsageError:
        return [], rest[open_at:]


def offered(words: list[str], begun: str, commands: Commands, *, is_cell: bool) -> Iterable[str]:
    """Return what may follow whole words, given how the next one begins."""
    if not words:
        return [verb.name for verb in registry.VERBS]
    try:
        path, verb, rest = command.find(words, is_cell=is_cell)
    except UsageError:
        return []
    if verb.verbs:
        return [item.name for item in verb.verbs]
    parser = Parser(verb, path)
    if begun.startswith("-"):
        return [flag for flag in parser.flags() if flag not in rest]
    action = _expected(parser, rest)
    return [] if action is None else _values(parser, action, commands)


def _expected(parser: Parser, words: list[str]) -> Action | None:
    """Return the argument that the next word is of: of the flag before it, else the first that has no word yet."""
    flag = parser.option(words[-1]) if words else None
    if flag is not None and flag.nargs != 0:
        return flag
    plain = 0
    skip = False
    for word in words:
        action = parser.option(word)
        if skip or action is not None:
            skip = action is not None and action.nargs != 0
        else:
            plain += 1
    positionals = parser.positionals()
    if plain < len(positionals):
        return positionals[plain]
    return positionals[-1] if positionals and positionals[-1].nargs in ("*", "+") else None


def _values(parser: Parser, action: Action, commands: Commands) -> Iterable[str]:
    kind = parser.lives.get(action.dest)
    if kind is None:
        return parser.values.get(action.dest, [])
    if kind is Live.DATA:
        connections = [f"{PREFIX}{name}" for name in commands.names.known(Live.CONNECTION)]
        return [*_variables(commands.session, is_data), *_files(SUFFIXES), *connections]
    if kind is Live.SOURCE:
        return [*_variables(commands.session, _is_model), *_files(tuple(LIKELY))]
    return commands.names.known(kind)


def _variables(session: Session, is_wanted: Callable[[object], bool]) -> list[str]:
    return [name for name, value in session.variables().items() if is_wanted(value)]


def _is_model(value: object) -> bool:
    return not isinstance(value, type) and is_live(value)


def _files(suffixes: tuple[str, ...]) -> list[str]:
    return sorted(path.name for path in Path.cwd().iterdir() if path.suffix.lower() in suffixes)
