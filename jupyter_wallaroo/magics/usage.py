"""A person's mistake as IPython shows it: one line, without a traceback."""

from __future__ import annotations

from collections.abc import Iterable

from IPython.core.error import UsageError

from jupyter_wallaroo.errors import nearest
from jupyter_wallaroo.sdk.display import visible

MAX_LENGTH = 600


def usage(message: str, hint: str = "") -> UsageError:
    """Return the error for a message and the next step, in one line that can be printed."""
    text = visible(" ".join(f"{message} {hint}".split()))
    return UsageError(text if len(text) <= MAX_LENGTH else f"{text[:MAX_LENGTH]} …")


def unknown(kind: str, word: str, known: Iterable[str], of: str = "", more: str = "") -> UsageError:
    """Return the error for a word that is none of those there are, perhaps of something, perhaps with more to say.

    Examples
    --------
    >>> print(unknown("verb", "deplyo", ["deploy", "infer"]))
    There is no verb 'deplyo'. Did you mean 'deploy'?
    """
    whose = f" of {of}" if of else ""
    return usage(f"There is no {kind} {word[:80]!r}{whose}.", f"{nearest(word, known)} {more}")
