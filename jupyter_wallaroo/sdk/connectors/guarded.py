"""A connector with a guard: options are checked, and errors show nothing of the details."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jupyter_wallaroo.errors import MAX_SHOWN, InvalidRequest, WallarooError
from jupyter_wallaroo.sdk.connectors.connector import Connector, Details
from jupyter_wallaroo.sdk.connectors.failures import ConnectorError
from jupyter_wallaroo.sdk.connectors.masking import masked, url_secrets

if TYPE_CHECKING:
    import pyarrow as pa

MAX_MESSAGE = 800
"""Characters of a message; drivers repeat whole statements."""


class Guarded:
    """A connector, ours or somebody else's, as `connector_for` hands it out.

    Parameters
    ----------
    connection_type
        The type as the connection has it, for messages.
    connector
        Does the work.
    """

    def __init__(self, connection_type: str, connector: Connector) -> None:
        self.connection_type = connection_type
        self._connector = connector

    def __repr__(self) -> str:
        return f"<connector {self.connection_type} by {_path(type(self._connector))}>"

    def read(self, details: Details, source: str | None = None, *args: Any, **options: Any) -> pa.Table:
        """Return what ``source`` names as a table.

        Raises
        ------
        InvalidRequest
            The details lack a key, or an option is unknown or has a wrong value.
        ConnectorError
            Everything that goes wrong outside.
        """
        place = _Place(self.connection_type, f"reading {_shown(source)}", details, source)
        return self._call(self._connector.read, place, (details, source, *args), options)

    def write(self, details: Details, table: pa.Table, target: str | None = None, *args: Any, **options: Any) -> int:
        """Write the table to ``target`` and return the number of rows written; raises what `read` does."""
        place = _Place(self.connection_type, f"writing to {_shown(target)}", details, target)
        written: int = self._call(self._connector.write, place, (details, table, target, *args), options)
        return written

    def batches(self, details: Details, source: str | None, most: int, **options: Any) -> Iterator[pa.Table]:
        """Yield what ``source`` names, in tables of about ``most`` rows where the connector can, else whole.

        Raises what `read` does.
        """
        begin = getattr(self._connector, "batches", None)
        if begin is None:
            yield self.read(details, source, **options)
            return
        place = _Place(self.connection_type, f"reading {_shown(source)}", details, source)
        with closing(self._call(begin, place, (details, source, most), options)) as tables:
            while (table := self._attempt(place, lambda: next(tables, None))) is not None:
                yield table

    def adds(self) -> bool:
        """Tell whether a write adds to what is there, by itself or by ``mode="append"``; a file is replaced."""
        return self.has_modes() or bool(getattr(self._connector, "ADDS", False))

    def has_modes(self) -> bool:
        """Tell whether a write has the option ``mode``: append, create or replace."""
        return "mode" in inspect.signature(self._connector.write).parameters

    def _call(self, method: Callable[..., Any], place: _Place, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        def call() -> Any:
            self._check_options(method, options)
            return method(*args, **options)

        return self._attempt(place, call)

    def _attempt(self, place: _Place, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except WallarooError as error:
            failure = place.cleaned(error)
        except Exception as error:  # noqa: BLE001 this is the edge to drivers, whose errors have no common root
            failure = place.cleaned(ConnectorError(_reason(error)))
        failure.hint = self._hint(failure.hint, place)
        # Outside of the except block, so that the driver's error, which may hold secrets, is not kept as its context.
        raise failure

    def _hint(self, hint: str, place: _Place) -> str:
        """Return the next step; ours are constants, and masking ``wallaroo`` in a command would only spoil them."""
        module = type(self._connector).__module__
        if not hint:
            return f"help({module!r}) says what its details may hold."
        return hint if module.startswith(f"{__package__}.") else place.clean(hint)

    def _check_options(self, method: Callable[..., Any], options: dict[str, Any]) -> None:
        parameters = inspect.signature(method).parameters.values()
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return
        known = sorted(parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY)
        unknown = sorted(set(options) - set(known))
        if unknown:
            raise InvalidRequest(
                f"{method.__name__} has no option {', '.join(map(repr, unknown))}.",
                hint=f"There are: {', '.join(known)}." if known else "It has none.",
            )


class _Place:
    """What was being done, and what of it must not be shown."""

    def __init__(self, connection_type: str, doing: str, details: Details, name: str | None) -> None:
        self._secrets = (dict(details), list(url_secrets(name)) if name is not None else None)
        tried = f"{connection_type}: {self.clean(doing)} failed: "
        self._said = {"invalid_request": f"{connection_type}: ", "connector": tried}

    def clean(self, text: str) -> str:
        return masked(text, *self._secrets)

    def cleaned(self, error: WallarooError) -> WallarooError:
        """Return the error without details in its message, without the errors behind it and without their frames."""
        error.message = _short(self._said.get(error.code, "") + self.clean(error.message))
        error.args = (error.message,)
        error.details = {}
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_MESSAGE else line[:MAX_MESSAGE] + " …"


def _path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _shown(name: str | None) -> str:
    """Return how a sentence names a source; of a URL, the user, the password and the query are left out."""
    if name is None:
        return "what the connection's details name"
    if "://" in name:
        try:
            parts = urlsplit(name)
        except ValueError:
            return "a malformed URL"
        name = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return repr(name if len(name) <= MAX_SHOWN else name[:MAX_SHOWN] + "…")
