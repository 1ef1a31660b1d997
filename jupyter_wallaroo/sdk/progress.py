"""Long work as a person sees it: a bar in a notebook, one line elsewhere, nothing when that was asked for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.sdk.waiting import Line, Shown

PAUSE_S = 0.1
"""The least time between two pictures of a bar."""


class Silent:
    """Shows nothing."""

    def begin(self, message: str) -> None:
        """Do nothing."""

    def step(self, share: float | None) -> None:
        """Do nothing."""

    def end(self, outcome: str) -> None:
        """Do nothing."""


class Headless(Line):
    """One line: what begins, dots while nobody knows how long, how it ended."""

    def begin(self, message: str) -> None:
        """Write what begins, without what could act on a terminal."""
        super().begin(display.visible(message))

    def step(self, share: float | None) -> None:
        """Write a dot for a question, nothing for a share that is done."""
        if share is None:
            super().step(share)


class Bar:
    """A bar that is drawn anew in its place; how much is done is also said in words."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._message = ""
        self._share: float | None = None
        self._outcome = ""
        self._begun = self._drawn = time.monotonic()

    def begin(self, message: str) -> None:
        """Draw it."""
        from IPython.display import display as show

        self._message = message
        self._begun = time.monotonic()
        self._handle = show(self, display_id=True)  # type: ignore[no-untyped-call]

    def step(self, share: float | None) -> None:
        """Draw it anew, ten times a second at most."""
        self._share = share
        if time.monotonic() - self._drawn >= PAUSE_S:
            self._draw()

    def end(self, outcome: str) -> None:
        """Draw its end."""
        self._outcome = outcome
        self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        self._handle.update(self)

    def _said(self) -> str:
        share = "" if self._share is None or self._outcome else f" {self._share:.0%}"
        return f"{self._message} …{share} {self._outcome} ({time.monotonic() - self._begun:.1f} s)".replace("  ", " ")

    def __repr__(self) -> str:
        return display.visible(self._said())

    def _repr_html_(self) -> str:
        said = display.cell(self._said())
        if self._outcome:
            return f"<div>{said}</div>"
        value = "" if self._share is None else f' value="{self._share:.3f}"'
        return f'<div><progress max="1"{value} aria-label="{said}"></progress> {said}</div>'


def here() -> Callable[[], Shown]:
    """Return what shows long work where this code runs: a bar where a front end draws what is displayed."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return Bar if hasattr(shell, "kernel") else Headless
