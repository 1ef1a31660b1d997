"""Rows that a model in a variable takes, as the original has them and as the converted model is fed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from jupyter_wallaroo.conversion.inputs import NUMBER, TEXT, TRUTH, Feature
from jupyter_wallaroo.conversion.libraries import need
from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import frames
from jupyter_wallaroo.sdk.upload import SAMPLE_ROWS

LiveSample: TypeAlias = Any
"""A DataFrame, an Arrow table, an array, a list of rows, a tensor, or a mapping or tuple of tensors."""

MATRIX = "inputs"
"""What the only input of a model is called whose features have no names."""
GENERATED_ROWS = 64


class Features:
    """Rows of features.

    Parameters
    ----------
    frame
        The rows, a column per feature.
    columns
        What the converted model takes, None for one matrix.
    name
        What the matrix is called.
    kind
        What rows they are, for messages.
    """

    def __init__(self, frame: Any, columns: Sequence[Feature] | None, name: str, kind: str) -> None:
        self._frame = frame
        self.columns = columns
        self.name = name
        self.kind = kind

    def original(self, *, has_names: bool) -> Any:
        """Return what the original takes: the frame when it was fitted on one, else the matrix."""
        return self._frame if has_names else self.matrix()

    def matrix(self) -> Any:
        """Return the rows as one array."""
        return self._frame.to_numpy()

    def feeds(self) -> dict[str, Any]:
        """Return what the converted model is fed."""
        if self.columns is None:
            return {self.name: self._frame.to_numpy().astype(NUMBER)}
        kinds = {NUMBER: NUMBER, TRUTH: TRUTH, TEXT: object}
        return {item.name: self._frame[[item.name]].to_numpy().astype(kinds[item.dtype]) for item in self.columns}


def features_of(width: int, names: Sequence[str] | None, sample: LiveSample | None, label: str) -> Features:
    """Return the rows by which a model of ``width`` features, perhaps with names, is compared.

    Raises
    ------
    InvalidRequest
        The sample has other columns, or none that such a model takes.
    """
    import numpy as np
    import pandas as pd

    if sample is None:
        rows = np.random.default_rng(0).normal(size=(GENERATED_ROWS, width))
        frame = pd.DataFrame(rows, columns=list(names) if names else None)
        return Features(frame, _plain(names), MATRIX, "random rows")
    given = frames.to_frame(sample) if frames.is_table(sample) else sample
    kind = "rows of the sample"
    if frames.is_frame(given) and not (given.shape[1] == 1 and width > 1):
        frame = _chosen(given.head(SAMPLE_ROWS), names, width, label)
        return Features(frame, [_feature(name, frame[name], label) for name in frame.columns], MATRIX, kind)
    name = str(given.columns[0]) if frames.is_frame(given) else MATRIX
    rows = _array(given.iloc[:, 0].tolist() if frames.is_frame(given) else given, label)
    if rows.ndim != 2 or rows.shape[1] != width or not len(rows):
        raise InvalidRequest(f"sample: expected rows of {width} features for {label}; got the shape {rows.shape}.")
    return Features(pd.DataFrame(rows, columns=list(names) if names else None), _plain(names), name, kind)


def _plain(names: Sequence[str] | None) -> list[Feature] | None:
    return [Feature(str(name), NUMBER) for name in names] if names else None


def _array(values: Any, label: str) -> Any:
    import numpy as np

    try:
        return np.asarray(values.toarray() if hasattr(values, "toarray") else values)[:SAMPLE_ROWS]
    except (ValueError, TypeError, IndexError):
        raise InvalidRequest(f"sample: expected rows of equal length for {label}.") from None


def _chosen(frame: Any, names: Sequence[str] | None, width: int, label: str) -> Any:
    """Return the columns of a frame that a model takes, in its order."""
    if not len(frame):
        raise InvalidRequest(f"sample: expected rows for {label}; the frame has none.")
    if names is not None:
        missing = [name for name in names if name not in frame.columns]
        if missing:
            raise InvalidRequest(f"sample: the frame lacks the columns {missing!r:.200} that {label} was fitted on.")
        return frame[list(names)]
    if frame.shape[1] != width:
        raise InvalidRequest(f"sample: expected {width} columns for {label}; the frame has {frame.shape[1]}.")
    return frame.set_axis([str(name) for name in frame.columns], axis=1)


def _feature(name: str, column: Any, label: str) -> Feature:
    import pandas as pd

    types = pd.api.types
    if types.is_bool_dtype(column.dtype):
        return Feature(name, TRUTH)
    if types.is_numeric_dtype(column.dtype):
        return Feature(name, NUMBER)
    if all(isinstance(value, str) for value in column):
        return Feature(name, TEXT)
    raise InvalidRequest(
        f"sample: column {name!r} holds {column.dtype}; expected numbers, truths or text for {label}.",
        hint="Prepare such columns before the model, for example as numbers.",
    )


def tensors_of(sample: LiveSample, names: Sequence[str], label: str) -> dict[str, Any]:
    """Return the tensors that a module takes, by name, in the order in which it takes them.

    Raises
    ------
    InvalidRequest
        There are more or fewer of them, or other ones.
    """
    torch = need("torch", "pytorch", label)
    given = frames.to_frame(sample) if frames.is_table(sample) else sample
    if frames.is_frame(given):
        given = _of_frame(given, names)
    if isinstance(given, Mapping):
        if list(given) != list(names) and set(given) != set(names):
            raise InvalidRequest(f"sample: expected {list(names)} for {label}; got {list(given)!r:.200}.")
        parts = [given[name] for name in names]
    else:
        parts = list(given) if isinstance(given, tuple) else [given]
    if len(parts) != len(names):
        raise InvalidRequest(f"sample: expected {len(names)} inputs, {list(names)}, for {label}; got {len(parts)}.")
    return {name: _tensor(torch, part) for name, part in zip(names, parts, strict=True)}


def _of_frame(frame: Any, names: Sequence[str]) -> Any:
    """Return a frame's columns by input where they are called so, else all of them as one matrix."""
    if set(frame.columns) == set(names):
        return {name: frame[name].tolist() for name in names}
    return frame.to_numpy()


def _tensor(torch: Any, part: Any) -> Any:
    """Return a tensor of at most `SAMPLE_ROWS` rows; doubles become single, as weights are."""
    import numpy as np

    found = part.detach().cpu() if hasattr(part, "detach") else torch.from_numpy(np.array(part))
    return (found.float() if found.dtype == torch.float64 else found)[:SAMPLE_ROWS].contiguous()
