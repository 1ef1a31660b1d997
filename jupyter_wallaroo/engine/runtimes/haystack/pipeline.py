"""A loaded Haystack pipeline, run once for each row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from haystack import Document, Pipeline
from haystack.core.errors import PipelineError, PipelineRuntimeError
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.document_stores.types import DuplicatePolicy

from jupyter_wallaroo.codec.batch import Batch
from jupyter_wallaroo.conversion.libraries import said
from jupyter_wallaroo.engine.runtimes.haystack import values
from jupyter_wallaroo.engine.runtimes.haystack.definition import Definition
from jupyter_wallaroo.engine.runtimes.haystack.sockets import Socket, Sockets, described
from jupyter_wallaroo.errors import InvalidInput, InvalidModel, without_paths


def build(definition: Definition, label: str) -> Pipeline:
    """Return the pipeline of a definition.

    Raises
    ------
    InvalidModel
        A class is not installed or does not take its settings, or a connection does not fit; names the component.
    """
    try:
        return Pipeline.from_dict(definition.pipeline)
    except Exception as error:  # noqa: BLE001  a component may raise anything over its settings
        raise InvalidModel(
            f"{label}: Haystack cannot build the pipeline: {_first_line(error)}",
            hint="Compare its settings with its documentation; a package it needs goes into the model's requirements.",
        ) from None


def _first_line(error: BaseException) -> str:
    """Return what Haystack says, without the whole definition that it repeats, and what it was caused by."""
    line = without_paths(str(error).partition("\n")[0]).removesuffix(" with the following data:")
    reason = error.__cause__ or error.__context__
    return f"{line.rstrip('.')}: {said(reason)}" if reason is not None else line


def write(pipe: Pipeline, documents: Sequence[Mapping[str, Any]], label: str) -> None:
    """Write documents to every in-memory document store of a pipeline.

    Raises
    ------
    InvalidModel
        There is none, or Haystack refuses a document.
    """
    if not documents:
        return
    holders = [getattr(component, "document_store", None) for _, component in pipe.walk()]
    stores = [store for store in holders if isinstance(store, InMemoryDocumentStore)]
    if not stores:
        raise InvalidModel(
            f"{label} brings {len(documents)} documents, and no component has an in-memory document store."
        )
    try:
        made = [Document.from_dict(dict(document)) for document in documents]
        for store in stores:
            store.write_documents(made, policy=DuplicatePolicy.OVERWRITE)
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidModel(f"{label}: a document cannot be stored: {said(error)}") from None


class HaystackPipeline:
    """A pipeline, and which columns are which inputs and outputs.

    Parameters
    ----------
    pipe, definition
        What was built, and of what.
    name
        How messages call the model.
    inputs, outputs
        The declared schemas. Without one for the inputs a request's columns are looked up as they come; without one for
        the outputs those that the definition declares are given, else all that no other component takes.

    Raises
    ------
    InvalidInput
        A declared column is no input or output, or no column fills an input that must be.
    """

    def __init__(
        self, pipe: Pipeline, definition: Definition, name: str, *, inputs: pa.Schema | None, outputs: pa.Schema | None
    ) -> None:
        self._pipe = pipe
        self._name = name
        self._inputs = Sockets("input", described(pipe.inputs()), definition.inputs)
        open_outputs = described(pipe.outputs())
        every_output = described(pipe.outputs(include_components_with_connected_outputs=True))
        found = Sockets("output", open_outputs, definition.outputs, every_output)
        if inputs is not None:
            self._receivers(inputs.names)
        self._outputs: dict[str, tuple[Socket, pa.DataType | None]]
        if outputs is None:
            self._outputs = {
                column: (socket, values.arrow_type(socket.kind)) for column, socket in found.names().items()
            }
        else:
            self._outputs = {field.name: (found.find(field.name, name)[0], field.type) for field in outputs}
        pa.array([0])  # its first call imports pandas, which would cost the first request 0.3 s
        self._included = {socket.component for socket, _ in self._outputs.values()}

    def run(self, columns: Mapping[str, pa.Array]) -> Batch:
        """Return the outputs, row by row (see `ColumnRuntime.run`)."""
        receivers = self._receivers(list(columns))
        cells = {column: array.to_pylist() for column, array in columns.items()}
        rows = len(next(iter(cells.values())))
        answers = [
            self._answer(row, {column: cells[column][row] for column in cells}, receivers) for row in range(rows)
        ]
        return {column: self._column(socket, kind, answers) for column, (socket, kind) in self._outputs.items()}

    def _receivers(self, columns: Sequence[str]) -> dict[str, list[Socket]]:
        """Return the inputs that columns of these names fill."""
        found = {column: self._inputs.find(column, self._name) for column in columns}
        filled = {str(socket) for sockets in found.values() for socket in sockets}
        for socket in self._inputs.open:
            if socket.is_mandatory and str(socket) not in filled:
                raise self._missing(socket, f"got the columns {sorted(columns)}")
        return found

    def _missing(self, socket: Socket, got: str) -> InvalidInput:
        names = [name for name, alike in self._inputs.names().items() if alike == socket] or [str(socket)]
        return InvalidInput(
            f"Model {self._name!r}: component {socket.component!r} needs the input {socket.name!r}; {got}.",
            hint=f"Send it as column {names[0]!r}.",
            details={"component": socket.component, "input": socket.name},
        )

    def _answer(self, row: int, cells: Mapping[str, Any], receivers: Mapping[str, list[Socket]]) -> dict[str, Any]:
        data: dict[str, dict[str, Any]] = {}
        for column, sockets in receivers.items():
            for socket in sockets:
                if cells[column] is not None:
                    data.setdefault(socket.component, {})[socket.name] = self._given(column, row, cells[column], socket)
                elif socket.is_mandatory:
                    raise self._missing(socket, f"got null in column {column!r}, row {row}")
        try:
            answer: dict[str, Any] = self._pipe.run(data, include_outputs_from=self._included)
        except PipelineRuntimeError as error:
            component = f"component {error.component_name!r}" if error.component_name else "the pipeline"
            raise InvalidInput(
                f"Model {self._name!r}, row {row}: {component} failed: {said(error.__cause__ or error)}",
                details={"component": error.component_name, "row": row},
            ) from error
        except (PipelineError, ValueError) as error:
            raise InvalidInput(f"Model {self._name!r}, row {row}: {said(error)}") from error
        return answer

    def _given(self, column: str, row: int, value: Any, socket: Socket) -> Any:
        try:
            return values.given(value, socket)
        except (ValueError, TypeError) as error:
            raise InvalidInput(
                f"Column {column!r}, row {row}: component {socket.component!r} of model {self._name!r} takes for its "
                f"input {socket.name!r} {error}.",
                details={"column": column, "row": row, "component": socket.component, "input": socket.name},
            ) from None

    def _column(self, socket: Socket, kind: pa.DataType | None, answers: Sequence[Mapping[str, Any]]) -> pa.Array:
        cells = [answer.get(socket.component, {}).get(socket.name) for answer in answers]
        try:
            return values.column(cells, kind)
        except (pa.ArrowException, ValueError, TypeError) as error:
            raise values.refused(self._name, socket, kind, cells, said(error)) from None
