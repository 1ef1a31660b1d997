"""Python steps: one file with a function that takes the columns of a request and gives others.

``process_data(input_data)`` takes and gives numpy arrays by column name, or a DataFrame when its parameter is annotated
as one; ``wallaroo_json(data)`` takes a DataFrame and gives one record per row. Both as the tutorials upload them
(WallarooLabs/Wallaroo_Tutorials, python-models).
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa

from jupyter_wallaroo.codec.batch import Batch
from jupyter_wallaroo.engine.runtimes import arrays
from jupyter_wallaroo.engine.runtimes.mac import install
from jupyter_wallaroo.engine.runtimes.stored import read_pinned
from jupyter_wallaroo.errors import InvalidModel
from jupyter_wallaroo.types.framework import Runtime
from jupyter_wallaroo.types.plan import Inspect, Inspected, PlannedModel

ENTRIES = ("process_data", "wallaroo_json")
_MODULE = "wallaroo_step"


def check(request: Inspect) -> Inspected:
    """Parse the file, without running it, and look for its entry."""
    tree = parse(Path(request.path).read_bytes(), request.label)
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if not names.intersection(ENTRIES):
        raise InvalidModel(
            f"{request.label} has no function {' or '.join(ENTRIES)}; it has {sorted(names) or 'none'}.",
            hint="Define process_data(input_data), which takes numpy arrays by column name and returns the same.",
        )
    return Inspected(runtime=Runtime.FLIGHT)


def parse(source: bytes, label: str) -> ast.Module:
    """Return the syntax tree of a Python file.

    Raises
    ------
    InvalidModel
        It is not Python; says on which line.
    """
    try:
        return ast.parse(source)
    except SyntaxError as error:
        line, reason = f", line {error.lineno}" if error.lineno else "", error.msg
    except (ValueError, RecursionError, MemoryError) as error:
        line, reason = "", str(error) or "it is nested too deep"
    raise InvalidModel(f"{label} is not a Python file{line}: {reason[:200]}.")


def load(model: PlannedModel, threads: int) -> PythonStep:
    """Run the file and keep its entry."""
    install()
    module = ModuleType(_MODULE)
    module.__file__ = f"{model.name}.py"
    sys.modules[_MODULE] = module
    exec(compile(read_pinned(model), module.__file__, "exec"), module.__dict__)  # noqa: S102  this is the model
    name = next((name for name in ENTRIES if callable(getattr(module, name, None))), None)
    if name is None:
        raise InvalidModel(f"Model {model.name!r} has no function {' or '.join(ENTRIES)}.")
    return PythonStep(getattr(module, name), takes_frame=name == "wallaroo_json")


class PythonStep:
    """A loaded step.

    Parameters
    ----------
    entry
        The function.
    takes_frame
        Whether it is one that takes a DataFrame unless annotated otherwise.
    """

    def __init__(self, entry: Callable[[Any], Any], *, takes_frame: bool) -> None:
        self._entry = entry
        parameter = next(iter(inspect.signature(entry).parameters.values()), None)
        annotation = getattr(parameter, "annotation", inspect.Parameter.empty)
        kind = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
        self._kind = kind.rpartition(".")[2] or ("DataFrame" if takes_frame else "")
        if takes_frame and self._kind not in ("DataFrame", "Table", "str"):
            self._kind = "DataFrame"

    def run(self, columns: Mapping[str, pa.Array]) -> Batch:
        """Return what the function gives for the columns (see `ColumnRuntime.run`)."""
        rows = len(next(iter(columns.values())))
        return as_columns(self._entry(self._argument(columns)), rows)

    def _argument(self, columns: Mapping[str, pa.Array]) -> Any:
        if self._kind == "Table":
            return pa.table(dict(columns))
        if self._kind == "DataFrame":
            return pa.table(dict(columns)).to_pandas()
        if self._kind == "str":
            return pa.table(dict(columns)).to_pandas().to_json()
        return arrays.from_columns(columns)


def as_columns(given: Any, rows: int) -> Batch:
    """Return whatever form of columns a step gave as columns: a frame, a table, a mapping, or records.

    Several records for a single row are taken for its columns, as some tutorials give them.
    """
    if isinstance(given, pa.Table):
        return {name: given.column(name).combine_chunks() for name in given.column_names}
    if hasattr(given, "to_dict") and hasattr(given, "columns"):
        return arrays.to_columns({name: given[name] for name in given.columns})
    if isinstance(given, list) and given and all(isinstance(record, Mapping) for record in given):
        if rows == 1 and len(given) > 1:
            given = [{name: value for record in given for name, value in record.items()}]
        return arrays.to_columns({name: [record[name] for record in given] for name in given[0]})
    return arrays.to_columns(given)
