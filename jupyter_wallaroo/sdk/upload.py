"""Uploads: a file streamed from disk to the server, and the wait until it is ready to run."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx
import msgspec

from jupyter_wallaroo.errors import InvalidRequest, WallarooError
from jupyter_wallaroo.sdk import frames, waiting
from jupyter_wallaroo.sdk.framework import Framework, infer_framework
from jupyter_wallaroo.sdk.model_version import ModelVersion, encode_schema
from jupyter_wallaroo.sdk.object import ModelConversionError, ModelConversionTimeoutError, ModelRefused
from jupyter_wallaroo.sdk.waiting import Outcome, wait_until
from jupyter_wallaroo.types.framework import ModelStatus
from jupyter_wallaroo.types.model import Conversion, ModelUploaded, UploadModel
from jupyter_wallaroo.types.names import deploy_id_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from jupyter_wallaroo.sdk.client import Client

Sample: TypeAlias = "pd.DataFrame | pa.Table | list[dict[str, Any]]"
"""Rows of input, by which the server tries a model out."""

SAMPLE_ROWS = 1000
"""The most rows of a sample that the server looks at."""
CONVERSION_LIMIT_S = 30 * 60.0
TRANSFER_LIMIT_S = 60 * 60.0

SETTLED = (ModelStatus.READY, ModelStatus.ERROR)


def upload(
    client: Client,
    name: str,
    source: str | Path | Any,
    framework: Framework | str | None,
    *,
    input_schema: pa.Schema | None,
    output_schema: pa.Schema | None,
    requirements: Sequence[str],
    arch: str | None,
    accel: str | None,
    framework_config: dict[str, Any] | None,
    sample: Sample | Any | None,
) -> ModelVersion:
    """Send a file, or a model in a variable, to the current workspace and return the version it became, ready or not.

    Raises
    ------
    InvalidRequest
        There is no such file, or its framework has to be said.
    ModelConversionError
        The model in the variable cannot be converted as it is.
    ModelRefused
        The server did not take it.
    """
    if not isinstance(source, str | os.PathLike):
        with _converted(name, source, framework, sample) as made:
            return upload(
                client, name, made, None, input_schema=input_schema, output_schema=output_schema,
                requirements=requirements, arch=arch, accel=accel, framework_config=framework_config, sample=None,
            )  # fmt: skip
    path = Path(source)
    if not path.is_file():
        raise InvalidRequest(f"There is no file {str(path)!r} to upload.", hint=f"It was looked for in {Path.cwd()}.")
    chosen = str(framework) if framework is not None else str(infer_framework(path))
    metadata = UploadModel(
        name=name,
        workspace_id=client.get_current_workspace().id(),
        conversion=Conversion(
            framework=chosen,
            requirements=list(requirements),
            arch=arch,
            accel=accel,
            framework_config=framework_config,
        ),
        input_schema=encode_schema(input_schema),
        output_schema=encode_schema(output_schema),
        sample=None if sample is None else _records(sample),
    )
    route = "models/upload" if chosen == Framework.ONNX else "models/upload_and_convert"
    number = _send(client, route, metadata, path)
    return ModelVersion.fetch(client, number)


@contextlib.contextmanager
def _converted(name: str, model: Any, framework: Framework | str | None, sample: Any) -> Iterator[Path]:
    """Give the ONNX file that a model in a variable becomes, and remove it afterwards."""
    from jupyter_wallaroo.sdk import live_models

    if framework is not None and str(framework) != Framework.ONNX:
        raise InvalidRequest(
            f"framework={str(framework)!r:.60} is for files: a model in a variable is converted to ONNX here.",
            hint="Leave framework out, or save the model and upload the file.",
        )
    made = model if isinstance(model, live_models.LiveModel) else live_models.convert(model, sample)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / f"{deploy_id_of(name)}.onnx"
        path.write_bytes(made.onnx)
        yield path


def _records(sample: Sample) -> list[dict[str, Any]]:
    """Return at most `SAMPLE_ROWS` rows of a sample as records."""
    if frames.is_frame(sample):
        sample = frames.to_table(sample.head(SAMPLE_ROWS))
    rows = sample.slice(0, SAMPLE_ROWS).to_pylist() if frames.is_table(sample) else sample
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) and row for row in rows):
        raise InvalidRequest("sample: expected a DataFrame, an Arrow table or a list of records, with at least a row.")
    return rows[:SAMPLE_ROWS]


class _Watched(io.RawIOBase):
    """A file that says how much of it was read."""

    def __init__(self, file: io.RawIOBase | io.FileIO, size: int, advance: Callable[[float], None]) -> None:
        self._file = file
        self._size = size
        self._advance = advance

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place in the file."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place in the file."""
        return self._file.tell()

    def readinto(self, buffer: Any) -> int | None:
        """Read some bytes, and say how much of the file has been read."""
        count = self._file.readinto(buffer)
        if self._size:
            self._advance(min(1.0, self._file.tell() / self._size))
        return count


def _send(client: Client, route: str, metadata: UploadModel, path: Path) -> int:
    text = msgspec.json.encode(metadata)
    size = path.stat().st_size
    message = f"Uploading {path.name} ({size / 1e6:.1f} MB)"
    with path.open("rb", buffering=0) as raw, waiting.progress(message) as advance:
        file = io.BufferedReader(_Watched(raw, size, advance))

        def build() -> httpx.Request:
            file.seek(0)
            form = {
                "metadata": (None, text, "application/json"),
                "file": (path.name, file, "application/octet-stream"),
            }
            return client.api.build_form(route, form, timeout_s=TRANSFER_LIMIT_S)

        try:
            response = client.api.send(build, timeout_s=TRANSFER_LIMIT_S)
        except InvalidRequest as error:
            raise ModelRefused(error.message, hint=error.hint, details=error.details) from None
    return client.api.decode(response, ModelUploaded).insert_models.returning[0].models[0].id


def wait_until_ready(version: ModelVersion) -> ModelVersion:
    """Return a version once the server has made it ready.

    Raises
    ------
    ModelConversionError
        It could not be; says the server's reason.
    ModelConversionTimeoutError
        It took too long.
    """

    def is_settled() -> bool:
        return version.refresh().status() in SETTLED

    if version.status() not in SETTLED:
        message = f"Waiting for model loading - this will take up to {CONVERSION_LIMIT_S / 60:.1f}min."
        if wait_until(message, is_settled, CONVERSION_LIMIT_S) is Outcome.TIMED_OUT:
            raise ModelConversionTimeoutError(
                f"Model {version.name()!r} was not ready within {CONVERSION_LIMIT_S:g} s; its status is "
                f"{version.status()!r}.",
                hint="The server goes on with it: look at model_version.refresh().status().",
            )
    if version.status() == ModelStatus.ERROR:
        raise _conversion_failure(version)
    return version


def _conversion_failure(version: ModelVersion) -> WallarooError:
    reason = version.error_summary() or "the server did not say why"
    return ModelConversionError(
        f"Model {version.name()!r} ({version.framework()}) could not be made ready: {reason}",
        hint="Mend the file and upload it again.",
    )
