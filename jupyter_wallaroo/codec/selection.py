"""Which fields of an answer the caller asked for (``dataset[]``, ``dataset.exclude[]``; contract/inference.md)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Selection:
    """The fields to write, and how their names are joined.

    Parameters
    ----------
    dataset
        Groups (``in``, ``out``, ``time``, ``anomaly``, ``metadata``) or leaves (``anomaly.count``); none or
        ``*``: all.
    exclude
        Groups or leaves to leave out; a leaf that ``dataset`` names survives the exclusion of its group.
    separator
        What joins group and field in a flat answer; None gives nested objects.
    """

    dataset: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    separator: str | None = None
    _known: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)

    def wants(self, group: str, leaf: str | None = None) -> bool:
        """Tell whether ``group`` (or ``group.leaf``) is to be written."""
        path = group if leaf is None else f"{group}.{leaf}"
        if leaf is not None and path in self.dataset:
            return True
        if group in self.exclude or path in self.exclude:
            return False
        return not self.dataset or "*" in self.dataset or group in self.dataset or path in self.dataset

    def groups(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of some groups without fields that are to be written, remembered as `leaves` are."""
        key = "", names
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = tuple(name for name in names if self.wants(name))
        return found

    def leaves(self, group: str, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return those fields of ``group`` that are to be written; what was asked once is remembered."""
        key = group, names
        found = self._known.get(key)
        if found is None:
            if len(self._known) > 100:
                self._known.clear()
            found = self._known[key] = tuple(name for name in names if self.wants(group, name))
        return found

    def may_want(self, group: str) -> bool:
        """Tell whether any field of ``group`` may be written."""
        return self.wants(group) or any(item.startswith(f"{group}.") for item in self.dataset)
