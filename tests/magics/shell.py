"""A real IPython shell whose cells raise what they raise."""

from __future__ import annotations

import atexit
import contextlib
import io
from typing import Any

from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


class Shell:
    """A shell of its own, with the extension loaded; end it with ``close``."""

    def __init__(self) -> None:
        config = Config()
        config.HistoryManager.hist_file = ":memory:"
        config.InteractiveShell.colors = "nocolor"
        self.shell: Any = InteractiveShell(config=config)
        self.printed = ""
        self.run("%load_ext jupyter_wallaroo")

    def run(self, cell: str) -> Any:
        """Run a cell and return its value; what it prints is in `printed`, errors are raised."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            done = self.shell.run_cell(cell)
        self.printed = output.getvalue()
        done.raise_error()
        return done.result

    def give(self, **variables: Any) -> None:
        """Set variables."""
        self.shell.push(variables)

    def value(self, name: str) -> Any:
        """Return a variable."""
        return self.shell.user_ns[name]

    def tab(self, text: str) -> list[str]:
        """Return what Tab offers at the end of a text."""
        with provisionalcompleter():
            return [item.text for item in self.shell.Completer.completions(text, len(text))]

    def text_of(self, value: Any) -> str:
        """Return a value as a terminal shows it."""
        return self.shell.display_formatter.format(value)[0]["text/plain"]

    def html_of(self, value: Any) -> str:
        """Return a value as a notebook shows it."""
        return self.shell.display_formatter.format(value)[0]["text/html"]

    def close(self) -> None:
        """End it."""
        self.shell.run_line_magic("unload_ext", "jupyter_wallaroo")
        self.shell.history_manager.end_session()
        self.shell.atexit_operations()
        atexit.unregister(self.shell.atexit_operations)
