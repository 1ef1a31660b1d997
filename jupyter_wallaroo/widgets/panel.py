"""What every panel is: a widget whose browser half asks and whose kernel half answers.

======================= =======================================================================================
browser → kernel        ``{"id", "ask": {"verb", …}}``; ``{"id", "cancel": true}``
kernel → browser        ``{"id", "value"}`` with buffers; ``{"id", "error": {"message", "hint"}}``;
                        ``{"id", "progress": {"done", "total", "text"}}``
======================= =======================================================================================

An id is the asking view's own, so that the views of one panel do not take each other's answers.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from typing import Any, ClassVar

import msgspec
from anywidget import AnyWidget
from msgspec import Struct

from jupyter_wallaroo.errors import InvalidRequest, WallarooError
from jupyter_wallaroo.widgets import plain
from jupyter_wallaroo.widgets.work import Work, Workers

_log = logging.getLogger(__name__)


class Message(Struct, frozen=True, kw_only=True):
    """What the browser sends: something asked for, or that an earlier one is no longer wanted."""

    id: str
    ask: dict[str, Any] | None = None
    cancel: bool = False


class Answer(Struct, frozen=True, kw_only=True):
    """What is answered: a struct, and bytes beside it."""

    value: Any = None
    buffers: list[bytes] = []


class Panel(AnyWidget):
    """A widget of this package.

    Subclasses say ``_esm`` and ``_css`` (see `assets`), which structs may be asked, how they are answered, and the
    facts as text.
    """

    asks: ClassVar[Any]
    """The structs of the browser's questions, as a type; each with its tag in ``verb``."""

    def __init__(self) -> None:
        self._workers = Workers()
        super().__init__()
        self.on_msg(self._take)

    @abstractmethod
    def answer(self, ask: Any, work: Work) -> Answer:
        """Return the answer to one of `asks`; called in a thread of its own.

        Raises
        ------
        WallarooError
            It cannot be done; the panel shows the sentence and the hint.
        """

    @abstractmethod
    def facts_text(self) -> str:
        """Return what the panel shows, as text in which nothing is invisible."""

    def text(self) -> str:
        """Return what the panel shows, as text; where the server cannot be asked, why."""
        try:
            return self.facts_text()
        except WallarooError as error:
            return plain.line(str(error))

    def close(self) -> None:
        """End the panel: what it works on is cancelled, its views go; more than once is fine."""
        self._workers.close()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Return what a notebook keeps: a reference to the widget and, for readers without widgets, the text."""
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data is not None:
            data["text/plain"] = self.text()
        return bundle

    def __str__(self) -> str:
        return self.text()

    def _take(self, _: Any, content: Any, __: list[bytes]) -> None:
        """Take a message of the browser's (ipywidgets calls this, on the kernel's main thread)."""
        try:
            message = msgspec.convert(content, Message)
        except msgspec.ValidationError:
            _log.warning("wallaroo: a panel got a message that is none of its own")
            return
        if message.cancel:
            self._workers.cancel(message.id)
            return

        def report(done: int, total: int, text: str) -> None:
            self.send({"id": message.id, "progress": {"done": done, "total": total, "text": plain.line(text)}})

        self._workers.start(message.id, Work(report), lambda work: self._reply(message, work))

    def _reply(self, message: Message, work: Work) -> None:
        buffers: list[bytes] = []
        try:
            found = self.answer(self._read(message.ask), work)
            said, buffers = {"value": plain.tidy(msgspec.to_builtins(found.value))}, found.buffers
        except WallarooError as error:
            said = {"error": {"message": plain.line(error.message), "hint": plain.line(error.hint)}}
        except Exception as error:  # noqa: BLE001  the edge of a thread: whoever asked has to hear of it
            _log.warning("wallaroo: a panel failed", exc_info=True)
            said = {"error": {"message": plain.line(f"{type(error).__name__}: {error}", 500), "hint": ""}}
        self.send({"id": message.id, **said}, buffers)

    def _read(self, ask: dict[str, Any] | None) -> Any:
        try:
            return msgspec.convert(ask, self.asks)
        except msgspec.ValidationError as error:
            raise InvalidRequest(f"The panel asked for something unexpected: {error}.") from None
