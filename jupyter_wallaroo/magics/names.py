"""Names of what there is, for completion: kept for a short while, and never waited for longer than a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from jupyter_wallaroo.magics.parser import Live
from jupyter_wallaroo.sdk.connectors.registry import connection_types

if TYPE_CHECKING:
    from jupyter_wallaroo.magics.session import Session

FRESH_S = 10.0
"""How long names are good for; a line that was run ends that at once."""
PATIENCE_S = 0.025
"""How long Tab waits for the server; names that come later are there at the next Tab."""

_FETCH: dict[Live, Callable[[Session], list[str]]] = {
    Live.PIPELINE: lambda session: [item.name() for item in session.client().get_current_workspace().pipelines()],
    Live.MODEL: lambda session: [item.name() for item in session.client().list_models()],
    Live.CONNECTION: lambda session: [item.name() for item in session.client().list_connections()],
    Live.CONNECTION_TYPE: lambda _: connection_types(),
    Live.WORKSPACE: lambda session: [item.name() for item in session.client().list_workspaces()],
    Live.TASK: lambda session: [item.name() or item.id() for item in session.client().list_tasks()],
}


class Names:
    """What is on the server of a session.

    Parameters
    ----------
    session
        Whose.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[Live, list[str]] = {}
        self._fetched_at: dict[Live, float] = {}
        self._under_way: dict[Live, threading.Event] = {}

    def known(self, kind: Live) -> list[str]:
        """Return the names of a kind, those of before when the server does not answer at once."""
        age_s = time.monotonic() - self._fetched_at.get(kind, -FRESH_S)
        if age_s >= FRESH_S:
            self._ask(kind).wait(PATIENCE_S)
        return self._known.get(kind, [])

    def forget(self) -> None:
        """Ask anew at the next Tab."""
        self._fetched_at.clear()

    def _ask(self, kind: Live) -> threading.Event:
        """Return what is set when the names have come; one question per kind is under way at a time."""
        event = self._under_way.get(kind)
        if event is None:
            event = self._under_way[kind] = threading.Event()
            threading.Thread(target=self._fetch, args=(kind, event), name=f"wl-{kind.value}", daemon=True).start()
        return event

    def _fetch(self, kind: Live, event: threading.Event) -> None:
        try:
            self._known[kind] = _FETCH[kind](self._session)
        except Exception:  # noqa: BLE001, S110  Tab offers what it has; the line itself will say what is wrong
            pass
        finally:
            self._fetched_at[kind] = time.monotonic()
            self._under_way.pop(kind, None)
            event.set()
