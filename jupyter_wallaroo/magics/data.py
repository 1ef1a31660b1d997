"""What DATA means on a line: a variable, a file, a connection; and rows in the form that a model takes.

Files and connections stay what they are called: whoever takes them reads them by and by (`sdk.batch_source`). Only a
``.json`` file is read at once: it may hold JSON as a model takes it.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.errors import NotFound, nearest
from jupyter_wallaroo.magics.usage import usage
from jupyter_wallaroo.sdk import batch_source, frames, inference
from jupyter_wallaroo.sdk.connection import BATCH_ROWS, PREFIX

if TYPE_CHECKING:
    from jupyter_wallaroo.magics.session import Session
    from jupyter_wallaroo.magics.verb import Call
    from jupyter_wallaroo.sdk.client import Client
    from jupyter_wallaroo.sdk.pipeline import Pipeline

SUFFIXES = (".json", ".jsonl", ".csv", ".parquet", ".arrow", ".feather")


def variable(session: Session, name: str, what: str) -> Any:
    """Return a variable's value, or say which there are."""
    variables = session.variables()
    if name not in variables:
        raise usage(f"{what}: there is no variable {name[:80]!r}.", nearest(name, _holding_data(variables)))
    return variables[name]


def is_data(value: object) -> bool:
    """Tell whether a value is rows: a frame, a table, an array or tensor."""
    return not isinstance(value, type) and (
        frames.is_frame(value) or frames.is_table(value) or hasattr(value, "__array__")
    )


def is_array(value: object) -> bool:
    """Tell whether rows are an array, whose columns have no names."""
    return hasattr(value, "tolist") and not frames.is_frame(value)


def resolve(call: Call, word: str) -> Any:
    """Return what DATA names: rows, JSON as the pipeline's model takes it, or where rows are (see `is_place`).

    Raises
    ------
    UsageError
        It names nothing, or something that is no rows.
    """
    if word.startswith(PREFIX):
        return word
    variables = call.session.variables()
    if word in variables:
        return _rows(variables[word], word)
    path = Path(word).expanduser()
    if not path.is_file():
        raise usage(
            f"DATA {word[:80]!r} is neither a variable nor a file.",
            nearest(word, [*_holding_data(variables), *_files()]),
        )
    return read_file(path)


def _rows(value: Any, name: str) -> Any:
    if isinstance(value, str | Path):
        return read_file(Path(value))
    if frames.is_frame(value) or frames.is_table(value) or isinstance(value, dict | list):
        return value
    if is_data(value):
        import numpy as np

        return np.asarray(value)
    raise usage(
        f"The variable {name!r} holds a {type(value).__name__}, which is no rows.",
        "Give a DataFrame, an Arrow table, an array, a list or a dict.",
    )


def is_place(rows: object) -> bool:
    """Tell whether `resolve` returned where rows are: a path, or the name of a connection."""
    return isinstance(rows, str | Path)


def read_file(path: Path) -> Any:
    """Return a file as `resolve` does: its rows when it is JSON, else where it is."""
    if not path.is_file():
        raise usage(f"There is no file {str(path)!r}.")
    if path.suffix.lower() == ".json":
        return inference.read_file(path)
    if path.suffix.lower() not in SUFFIXES:
        raise usage(f"{path.name!r} is of no kind that can be read: expected one of {', '.join(SUFFIXES)}.")
    return path


def of_text(text: str) -> Any:
    """Return the rows in a cell: JSON when it begins as JSON does, else CSV with a heading."""
    from jupyter_wallaroo.sdk.connectors import formats

    begun = text.lstrip()[:1]
    if begun == "{" and all(line.lstrip().startswith("{") for line in text.strip().splitlines()):
        chosen = formats.choose("jsonl", "")
    elif begun in "[{":
        return inference.read_json(text, "The cell")
    else:
        chosen = formats.choose("csv", "")
    lines = "\n".join(line.strip() for line in text.strip().splitlines())
    return frames.to_frame(formats.decode(lines.encode(), chosen))


def as_matrix(client: Client, pipeline: Pipeline, rows: Any) -> Any | None:
    """Return numbers in columns, or an array, as the columns of the pipeline's first model; None if it cannot be.

    What was fitted on an array takes one column of lists, which nobody keeps data in. Rows that are at a place come as
    an iterator of frames.
    """
    specs = _inputs(client, pipeline)
    if not is_place(rows):
        return _matrix(specs, rows)
    tables = batch_source.source_of(client, rows, BATCH_ROWS).tables
    first = next(tables, None)
    begun = None if first is None else _matrix(specs, first)
    return None if begun is None else itertools.chain([begun], (_matrix(specs, table) for table in tables))


def _matrix(specs: list[Any], rows: Any) -> Any | None:
    import pandas as pd

    if frames.is_table(rows):
        rows = frames.to_frame(rows)
    if frames.is_frame(rows):
        if not all(pd.api.types.is_numeric_dtype(kind) for kind in rows.dtypes):
            return None
        rows = rows.to_numpy()
    if not hasattr(rows, "tolist") or not specs:
        return None
    if len(specs) == 1:
        return pd.DataFrame({specs[0].name: rows.tolist()})
    if rows.ndim == 2 and rows.shape[1] == len(specs):
        return pd.DataFrame({spec.name: rows[:, place] for place, spec in enumerate(specs)})
    return None


def _inputs(client: Client, pipeline: Pipeline) -> list[Any]:
    """Return what the first model of a pipeline takes, as far as it says."""
    from jupyter_wallaroo.sdk import steps

    for reference in steps.references(pipeline.steps()):
        try:
            return client.get_model(reference["name"], reference["version"]).inputs()
        except NotFound:
            return []
    return []


def _holding_data(variables: dict[str, Any]) -> list[str]:
    return [name for name, value in variables.items() if is_data(value)]


def _files() -> list[str]:
    return [path.name for path in Path.cwd().iterdir() if path.suffix.lower() in SUFFIXES]
