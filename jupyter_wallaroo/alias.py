"""The name ``wallaroo``: where the real package is not installed, it means our client once this module is imported.

A finder at the front of ``sys.meta_path`` sees only ``wallaroo`` and what is below it. For ``wallaroo`` itself it asks
every other finder first, so that an installed package always wins; a mere folder of that name (a namespace package,
such as a data directory beside the notebook) does not count. The modules below it must be found by us before Python's
own finder: that would look into our package's folder and load each module a second time, with classes of its own.

The modules are the same objects under both names, and keep their own ``__spec__``, so that ``importlib.reload``,
``inspect`` and ``pickle`` work.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.abc import Loader, MetaPathFinder
else:  # importing them costs 9 ms, and Python asks only for the methods
    Loader = MetaPathFinder = object

NAME = "wallaroo"
TARGET = "jupyter_wallaroo.sdk"


class AliasLoader(Loader):
    """Gives the module that is meant.

    Parameters
    ----------
    target
        Its own name.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._own_spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:  # noqa: ARG002
        """Return the module under its own name (Python calls this, and then gives it another ``__spec__``)."""
        module = importlib.import_module(self._target)
        self._own_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module, which has been run, its own ``__spec__`` back (Python calls this)."""
        module.__spec__ = self._own_spec


class AliasFinder(MetaPathFinder):
    """Finds ``wallaroo`` and ``wallaroo.<module>``, unless somebody else has the real ones."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module is to be had (Python calls this)."""
        top, _, below = fullname.partition(".")
        if top != NAME:
            return None
        if not below:
            return _real(self, fullname, path, target) or _spec(fullname, TARGET)
        if sys.modules.get(NAME) is not sys.modules.get(TARGET):
            return None
        own = f"{TARGET}.{below}"
        return _spec(fullname, own) if find_spec(own) else None


def _real(own: AliasFinder, fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    """Return what the other finders have under a name, when it is a package or module that can be run."""
    for finder in sys.meta_path:
        if finder is own or not hasattr(finder, "find_spec"):
            continue
        spec = finder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            return spec
    return None


def _spec(fullname: str, target: str) -> ModuleSpec:
    return ModuleSpec(fullname, AliasLoader(target), origin=f"alias of {target}")


def install() -> None:
    """Let ``import wallaroo`` find the client; more than once is fine."""
    if _installed() is None:
        sys.meta_path.insert(0, AliasFinder())


def uninstall() -> None:
    """Take the name back: later imports of ``wallaroo`` no longer find the client; what is imported stays usable."""
    finder = _installed()
    if finder is None:
        return
    sys.meta_path.remove(finder)
    for name, module in list(sys.modules.items()):
        top, _, below = name.partition(".")
        if top == NAME and module is sys.modules.get(f"{TARGET}.{below}" if below else TARGET):
            del sys.modules[name]


def _installed() -> AliasFinder | None:
    return next((finder for finder in sys.meta_path if isinstance(finder, AliasFinder)), None)


install()
