"""Runs a line: finds the verb, reads the arguments, has it done, and gives back the result or one line of error."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from jupyter_wallaroo.errors import WallarooError
from jupyter_wallaroo.magics import registry
from jupyter_wallaroo.magics.names import Names
from jupyter_wallaroo.magics.parser import Parser, split
from jupyter_wallaroo.magics.results import brief
from jupyter_wallaroo.magics.session import Session
from jupyter_wallaroo.magics.usage import unknown, usage
from jupyter_wallaroo.magics.verb import Call, Verb
from jupyter_wallaroo.magics.verbs import glance
from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.sdk.live_comparison import ModelDiffers
from jupyter_wallaroo.sdk.waiting import shown_by

HELP = ("-h", "--help", "help")


class Commands:
    """The verbs of one shell.

    Parameters
    ----------
    shell
        IPython's shell.
    """

    def __init__(self, shell: Any) -> None:
        self.session = Session(shell)
        self.names = Names(self.session)

    def run(self, line: str, cell: str | None) -> object:
        """Return the result of a line.

        Raises
        ------
        UsageError
            Whatever a person or the server has against it, in one line.
        """
        words = split(line)
        if words and words[0] in HELP:
            self.session.print(overview())
            return None
        path, verb, rest = find(words, is_cell=cell is not None)
        if verb.verbs:
            self.session.print(_family(verb, path))
            return None
        parser = Parser(verb, path)
        if any(word in HELP[:2] for word in rest):
            self.session.print(parser.format_help())
            return None
        call = Call(parser.read(rest), _cell(verb, path, cell), self.session)
        return self._done(verb, call)

    def _done(self, verb: Verb, call: Call) -> object:
        try:
            with shown_by(self.session.progress(quiet=call.args.quiet)):
                result = verb.run(call)
        except ModelDiffers as error:
            self.session.show(error.comparison)
            raise usage(error.message, error.hint) from None
        except WallarooError as error:
            raise usage(error.message, " ".join([error.hint, *getattr(error, "__notes__", ())]).strip()) from None
        except OSError as error:
            raise usage(
                f"{error.strerror or error}: {str(error.filename)!r}." if error.filename else f"{error}."
            ) from None
        finally:
            self.names.forget()
        if call.args.out is None:
            return result
        self.session.assign(call.args.out, result)
        call.say(f"{call.args.out}: {brief(result)}")
        return None


def find(words: list[str], *, is_cell: bool = False) -> tuple[str, Verb, list[str]]:
    """Return how the verb of a line is called, the verb, and what follows; without a verb, the workspace at a glance.

    Parameters
    ----------
    is_cell
        Whether the line stands above a cell, which a family may take itself: no member is looked for then.

    Raises
    ------
    UsageError
        There is no such verb; names the nearest.
    """
    if not words or words[0].startswith("-"):
        return "", glance.VERB, words
    verb = _named(words[0], registry.VERBS)
    if is_cell and verb.cell:
        return words[0], _of_cell(verb), words[1:]
    if not verb.verbs or len(words) < 2 or words[1] in HELP[:2]:
        return words[0], verb, words[1:]
    more = f"%%wl {verb.name}, with two %, takes a cell." if verb.cell else ""
    return f"{words[0]} {words[1]}", _named(words[1], verb.verbs, words[0], more), words[2:]


def _named(word: str, verbs: tuple[Verb, ...], family: str = "", more: str = "") -> Verb:
    for verb in verbs:
        if verb.name == word:
            return verb
    raise unknown("verb", word, [verb.name for verb in verbs], family, more)


def _cell(verb: Verb, path: str, cell: str | None) -> str | None:
    if cell is not None and not verb.cell:
        raise usage(f"%%wl {path} takes no cell.", f"Write %wl {path} with one %.")
    if verb.needs_cell and cell is None:
        raise usage(f"%wl {path} takes a cell: {verb.cell}.", f"Write %%wl {path} with two %.")
    if cell is not None and not cell.strip():
        raise usage(f"The cell of %%wl {path} is empty; it takes {verb.cell}.")
    return cell


def overview() -> str:
    """Return the list of verbs."""
    lines = [("%wl", glance.VERB.summary)]
    lines += [(f"{'%wl, %%wl' if verb.cell else '%wl'} {verb.name}", verb.summary) for verb in registry.VERBS]
    more = "%wl VERB -h explains one; Tab completes verbs, flags and names; --out VAR keeps a result."
    return f"{display.text_facts(lines)}\n\n{more}"


def _family(verb: Verb, path: str) -> str:
    own = f"{Parser(_of_cell(verb), path).format_help()}\nwithout a cell:\n" if verb.cell else ""
    lines = [(f"%wl {path} {item.name}", item.summary) for item in verb.verbs]
    return f"{own}{display.text_facts(lines)}\n\n%wl {path} {verb.verbs[0].name} -h explains one."


def _of_cell(family: Verb) -> Verb:
    """Return the cell form of a family as a verb of its own."""
    return replace(family, verbs=())
