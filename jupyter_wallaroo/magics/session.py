"""What lines of one shell share: the client, the variables, and how things are shown."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import Any

from IPython.core.error import StdinNotImplementedError

from jupyter_wallaroo.magics.usage import usage
from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.sdk.client import Client
from jupyter_wallaroo.sdk.progress import Bar, Headless, Silent
from jupyter_wallaroo.sdk.waiting import Shown

CLIENT_VARIABLE = "wl"
"""The variable whose client, if it holds one, is used: so that lines and Python mean the same workspace."""


class Session:
    """The state behind the magics of one shell.

    Parameters
    ----------
    shell
        IPython's shell.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._client: Client | None = None
        self._is_chosen = False

    # ---------------------------------------------------------------- client

    def client(self) -> Client:
        """Return the client that ``connect`` chose, else the one in the variable ``wl``, else the notebook's own."""
        theirs = self._shell.user_ns.get(CLIENT_VARIABLE)
        if not self._is_chosen and isinstance(theirs, Client):
            return theirs
        if self._client is None:
            self._client = Client()
        return self._client

    def connect(self, client: Client) -> None:
        """Use a client from now on."""
        self._client = client
        self._is_chosen = True

    # ---------------------------------------------------------------- variables

    def variables(self) -> dict[str, Any]:
        """Return the person's own variables."""
        hidden = getattr(self._shell, "user_ns_hidden", {})
        return {
            name: value
            for name, value in self._shell.user_ns.items()
            if not name.startswith("_") and name not in hidden
        }

    def assign(self, name: str, value: object) -> None:
        """Give a variable a value."""
        self._shell.push({name: value})

    # ---------------------------------------------------------------- what is shown

    def print(self, text: str) -> None:
        """Print lines, without what could act on a terminal."""
        print(display.visible_lines(text))  # noqa: T201  what a magic says

    def show(self, value: object) -> None:
        """Display a value above the result."""
        from IPython.display import display as show

        show(value)  # type: ignore[no-untyped-call]

    def is_notebook(self) -> bool:
        """Tell whether a front end draws what is displayed."""
        return hasattr(self._shell, "kernel")

    def progress(self, *, quiet: bool) -> Callable[[], Shown]:
        """Return what shows long work."""
        if quiet:
            return Silent
        return Bar if self.is_notebook() else Headless

    def ask_secret(self, question: str) -> str:
        """Return what a person types without its being seen; "" when they only press Enter."""
        try:
            return getpass.getpass(question)
        except (StdinNotImplementedError, EOFError):
            raise usage(
                f"Nobody can be asked here ({question.strip().rstrip(':')}).",
                "Take it from the environment with --env KEY=VARIABLE, or all details from a file with --file PATH.",
            ) from None
