"""What a verb is, and what it gets when it runs."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_wallaroo.magics.parser import Parser
    from jupyter_wallaroo.magics.session import Session
    from jupyter_wallaroo.sdk.client import Client


@dataclass(frozen=True)
class Call:
    """One line of a person's.

    Parameters
    ----------
    args
        As the verb's parser read them.
    cell
        What stands below the line, None for a line alone.
    session
        The shell's state: client, variables, what is shown.
    """

    args: Namespace
    cell: str | None
    session: Session

    @property
    def client(self) -> Client:
        """The client that the shell uses."""
        return self.session.client()

    def say(self, text: str) -> None:
        """Print a line or several, unless ``--quiet``."""
        if not self.args.quiet:
            self.session.print(text)


def _nothing(_: Parser) -> None:
    """Take no arguments."""


@dataclass(frozen=True)
class Verb:
    """A verb, or a family of them such as ``connection``.

    Parameters
    ----------
    name
        The word itself, ``create`` or ``deploy``.
    summary
        What it does, for the list of verbs: a few words, no full stop.
    run
        Does it, and returns the result or None; an error of the client's becomes one line.
    configure
        Adds its arguments.
    cell
        What its cell form takes, "" when it has none.
    needs_cell
        Whether there is only the cell form.
    examples
        Lines that work, for its help.
    verbs
        Those of a family; then `run` is called for its cell form only, which few families have.
    """

    name: str
    summary: str
    run: Callable[[Call], object] = lambda _: None
    configure: Callable[[Parser], None] = _nothing
    cell: str = ""
    needs_cell: bool = False
    examples: tuple[str, ...] = ()
    verbs: tuple[Verb, ...] = ()
