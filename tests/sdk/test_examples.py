"""The examples in the client's docstrings run, and every public name has a docstring that says what it gives."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

from jupyter_wallaroo import sdk

MODULES = sorted(module.name for module in pkgutil.iter_modules(sdk.__path__) if not module.ispkg)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"{sdk.__name__}.{name}"))
    assert result.failed == 0


def test_there_are_examples() -> None:
    """Else the test above could not fail."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for name in MODULES for test in finder.find(importlib.import_module(f"{sdk.__name__}.{name}"))]
    assert sum(len(test.examples) for test in found) >= 5


def test_public_names_are_sorted_and_there() -> None:
    assert sdk.__all__ == sorted(sdk.__all__)
    assert all(hasattr(sdk, name) for name in sdk.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_every_public_method_is_typed(name: str) -> None:
    """What an editor shows while somebody writes a notebook."""
    module = importlib.import_module(f"{sdk.__name__}.{name}")
    kinds = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if kind.__module__ == module.__name__]
    for kind in kinds:
        for attribute, method in vars(kind).items():
            if inspect.isfunction(method) and not attribute.startswith("_"):
                assert "return" in method.__annotations__, f"{kind.__name__}.{attribute}"
                assert method.__doc__, f"{kind.__name__}.{attribute}"
