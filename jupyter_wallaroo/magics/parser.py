"""Reads a verb's arguments with argparse; what is wrong is one line that says what was meant."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, NoReturn

from jupyter_wallaroo.magics.usage import unknown, usage
from jupyter_wallaroo.magics.verb import Verb


class Live(Enum):
    """What an argument names, for completion."""

    PIPELINE = "pipelines"
    MODEL = "models"
    CONNECTION = "connections"
    CONNECTION_TYPE = "types"
    WORKSPACE = "workspaces"
    TASK = "tasks"
    DATA = "data"
    """Rows: a variable, a file, a connection."""
    SOURCE = "source"
    """A model: a variable or a file."""


class Parser(argparse.ArgumentParser):
    """The parser of one verb.

    Parameters
    ----------
    verb
        Whose.
    path
        How it is called, as ``connection create``.
    """

    def __init__(self, verb: Verb, path: str) -> None:
        super().__init__(
            prog=f"{'%%wl' if verb.needs_cell else '%wl'} {path}",
            description=f"{verb.summary[:1].upper()}{verb.summary[1:]}.",
            epilog=_epilog(verb, path),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            add_help=False,
            allow_abbrev=False,
        )
        self.lives: dict[str, Live] = {}
        self.values: dict[str, list[str]] = {}
        verb.configure(self)
        self.add_argument("--out", metavar="VAR", help="put the result into this variable")
        self.add_argument("-q", "--quiet", action="store_true", help="show no progress")
        self.add_argument("-h", "--help", action="store_true", help="show this")

    def live(self, name: str, kind: Live, **options: Any) -> None:
        """Add an argument that names something there is."""
        action = self.add_argument(name, **options)
        self.lives[action.dest] = kind

    def completes(self, action: argparse.Action, values: Iterable[str]) -> None:
        """Have Tab offer values for an argument."""
        self.values[action.dest] = list(values)

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Return the arguments, or raise a ``UsageError``."""
        for word in words:
            flag = word.partition("=")[0]
            if flag.startswith("--") and flag != "--" and flag not in self._option_string_actions:
                raise unknown("flag", flag, self.flags(), self.prog)
        found, left = self.parse_known_intermixed_args(words)
        if left:
            raise usage(f"{self.prog}: {left[0]!r} is one argument too many.", f"See {self.prog} -h.")
        if found.out is not None and not found.out.isidentifier():
            raise usage(f"--out: {found.out!r} cannot be the name of a variable.")
        return found

    def flags(self) -> list[str]:
        """Return the long flags."""
        return [flag for flag in self._option_string_actions if flag.startswith("--")]

    def positionals(self) -> list[argparse.Action]:
        """Return the arguments without a flag, in their order."""
        return self._get_positional_actions()

    def option(self, flag: str) -> argparse.Action | None:
        """Return the argument with a flag."""
        return self._option_string_actions.get(flag)

    def error(self, message: str) -> NoReturn:
        """Refuse the arguments (argparse calls this)."""
        raise usage(f"{self.prog}: {message}.", f"See {self.prog} -h.")


def split(line: str) -> list[str]:
    """Return the words of a line, with quotes as in a shell."""
    try:
        return shlex.split(line)
    except ValueError as error:
        raise usage(f"The line cannot be read: {error}.", "Close the quotes.") from None


def _epilog(verb: Verb, path: str) -> str:
    lines = [f"%%wl {path} takes a cell: {verb.cell}."] if verb.cell else []
    if verb.examples:
        lines += ["", "examples:", *(f"  {example}" for example in verb.examples)]
    return "\n".join(lines)
