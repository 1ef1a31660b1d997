"""The inputs and outputs of a loaded Haystack pipeline, and how columns find them by name.

A column is called ``component.input`` in full; ``input`` alone where only one component has an input of that name to
fill; or as the definition declares under ``inputs``, where one name may fill several. Outputs likewise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_wallaroo.errors import InvalidInput, not_found

Described = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Sockets by component and name, as ``Pipeline.inputs()`` and ``Pipeline.outputs()`` give them."""


@dataclass(frozen=True)
class Socket:
    """One input or output of a component; ``kind`` is its annotation."""

    component: str
    name: str
    kind: Any
    is_mandatory: bool = False

    def __str__(self) -> str:
        return f"{self.component}.{self.name}"


def described(found: Described) -> list[Socket]:
    """Return the sockets that Haystack describes."""
    return [
        Socket(component, name, about["type"], is_mandatory=about.get("is_mandatory", False))
        for component, sockets in found.items()
        for name, about in sockets.items()
    ]


class Sockets:
    """One side of a pipeline.

    Parameters
    ----------
    what
        ``input`` or ``output``, for messages.
    sockets
        Those that are meant by a short name.
    declared
        Full names by a column's name, as the definition says.
    more
        Those that only their full names, or declared ones, lead to.
    """

    def __init__(
        self, what: str, sockets: Sequence[Socket], declared: Mapping[str, list[str]], more: Sequence[Socket] = ()
    ) -> None:
        self.open = list(sockets)
        self._what = what
        self._declared = declared
        self._by_full_name = {str(socket): socket for socket in (*more, *sockets)}
        self._by_name: dict[str, list[Socket]] = {}
        for socket in sockets:
            self._by_name.setdefault(socket.name, []).append(socket)
        for name, full in declared.items():
            for item in full:
                if item not in self._by_full_name:
                    raise self._unknown(item, f"{what}s.{name} of the definition")

    def find(self, column: str, model: str) -> list[Socket]:
        """Return the sockets that a column is for.

        Raises
        ------
        InvalidInput
            None, or it cannot be told which; names those there are.
        """
        if column in self._declared:
            return [self._by_full_name[name] for name in self._declared[column]]
        if column in self._by_full_name:
            return [self._by_full_name[column]]
        alike = self._by_name.get(column, [])
        if len(alike) > 1:
            raise InvalidInput(
                f"Column {column!r} of model {model!r} may be any of the {self._what}s "
                f"{', '.join(repr(str(socket)) for socket in alike)}.",
                hint=f"Call it by one of these names, or declare {column!r} under '{self._what}s' in the YAML.",
            )
        if not alike:
            raise self._unknown(column, f"Column {column!r} of model {model!r}")
        return alike

    def names(self) -> dict[str, Socket]:
        """Return the sockets by the shortest names that lead to each: declared ones only, where any are."""
        if self._declared:
            return {name: self._by_full_name[full[0]] for name, full in self._declared.items()}
        return {
            name if len(alike) == 1 else str(socket): socket
            for name, alike in self._by_name.items()
            for socket in alike
        }

    def _unknown(self, name: str, place: str) -> InvalidInput:
        known = [*self._declared, *self._by_name, *self._by_full_name]
        return InvalidInput(
            f"{place} is no {self._what} of any component: {self._what}s are {sorted(self._by_full_name)[:20]}.",
            hint=not_found(self._what, name, known).hint,
        )
