"""Model versions: one uploaded file each."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk import display
from jupyter_wallaroo.sdk.engine_config import Acceleration, Architecture
from jupyter_wallaroo.sdk.model_config import ModelConfig
from jupyter_wallaroo.sdk.noun import Noun
from jupyter_wallaroo.types import model as wire

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from jupyter_wallaroo.sdk.client import Client
    from jupyter_wallaroo.sdk.framework import Framework
    from jupyter_wallaroo.sdk.tag import Tag


class ModelVersion(Noun[wire.ConfiguredModelVersion]):
    """One uploaded file of a model, usable as a step of a pipeline."""

    @classmethod
    def fetch(cls, client: Client, version_id: int) -> ModelVersion:
        """Return the model version with an id."""
        request = wire.GetModelVersion(model_version_id=version_id)
        return cls(client, client.api.call("models/get_version_by_id", request, wire.GotModelVersion).model_version)

    @property
    def _version(self) -> wire.ModelVersion:
        return self._facts.model_version

    def refresh(self) -> ModelVersion:
        """Ask the server anew and return the version itself."""
        self._facts = ModelVersion.fetch(self._client, self.id())._facts
        return self

    def id(self) -> int:
        """Return the version's number on this server."""
        return self._version.id

    def name(self) -> str:
        """Return the model's name."""
        return self._version.name

    def version(self) -> str:
        """Return the version's UUID."""
        return self._version.file_info.version

    def sha(self) -> str:
        """Return the file's SHA-256 in hex."""
        return self._version.file_info.sha

    def file_name(self) -> str:
        """Return the name of the uploaded file."""
        return self._version.file_info.file_name

    def status(self) -> str:
        """Return ``ready`` once it can be deployed, else ``pending_conversion``, ``converting`` or ``error``."""
        return self._version.status

    def error_summary(self) -> str | None:
        """Return why the status is ``error``, None when it is not."""
        return self._version.error_summary

    def note(self) -> str | None:
        """Return what the server made of the file, such as that it was converted to ONNX."""
        return self._version.note

    def framework(self) -> str:
        """Return where the model comes from, such as ``onnx``."""
        return self._version.conversion.framework

    def image_path(self) -> str | None:
        """Return the container image; None, because this server has none."""
        return self._version.image_path

    def arch(self) -> Architecture | str:
        """Return the processor architecture it was uploaded for; default: the server's own."""
        return self._version.conversion.arch or self._client.default_arch

    def accel(self) -> Acceleration | str:
        """Return the accelerator it was uploaded for."""
        accel = self._version.conversion.accel
        return str(accel) if accel else Acceleration.NONE

    def workspace_id(self) -> int:
        """Return the id of the workspace it is in."""
        return self._version.workspace_id

    def last_update_time(self) -> datetime:
        """Return when it was uploaded."""
        return display.moment(self._version.created_at)

    def created_at(self) -> datetime:
        """Return when it was uploaded."""
        return display.moment(self._version.created_at)

    def inputs(self) -> list[wire.TensorSpec]:
        """Return the model's inputs as its file declares them; none where it declares none."""
        return self._version.signature.inputs if self._version.signature else []

    def outputs(self) -> list[wire.TensorSpec]:
        """Return the model's outputs as its file declares them; none where it declares none."""
        return self._version.signature.outputs if self._version.signature else []

    def tags(self) -> list[Tag]:
        """Return its tags, oldest first."""
        from jupyter_wallaroo.sdk.tag import Tag

        return [Tag(self._client, facts) for facts in self.refresh()._version.tags]

    def config(self) -> ModelConfig:
        """Return the newest configuration."""
        return ModelConfig(self._facts.config)

    def configure(
        self,
        runtime: str | Framework | None = None,  # noqa: ARG002  the tutorials pass it
        tensor_fields: Sequence[str] | None = None,
        filter_threshold: float | None = None,
        *,
        input_schema: pa.Schema | None = None,
        output_schema: pa.Schema | None = None,
        batch_config: str | None = None,
        dynamic_batching_config: dict[str, Any] | None = None,
        continuous_batching_config: dict[str, Any] | None = None,
    ) -> ModelVersion:
        """Say how the model is to be run from now on, and return the version itself.

        Parameters
        ----------
        runtime
            Accepted for old notebooks; the server knows what runs the file and refuses nothing here.
        tensor_fields
            The request's columns that are the model's inputs, in order.
        filter_threshold
            Confidence below which detections are left out.
        input_schema, output_schema
            Arrow schemas of what the model takes and gives.
        batch_config
            ``list`` or ``single``.
        dynamic_batching_config, continuous_batching_config
            As contract/deployment_config.md has them.

        Raises
        ------
        InvalidRequest
            ``tensor_fields`` has another number of names than the model has inputs, or a number is out of its range.
        """
        request = wire.InsertModelConfig(
            model_version_id=self.id(),
            tensor_fields=list(tensor_fields) if tensor_fields is not None else None,
            filter_threshold=filter_threshold,
            input_schema=encode_schema(input_schema),
            output_schema=encode_schema(output_schema),
            batch_config=batch_config,
            dynamic_batching_config=_batching(dynamic_batching_config),
            continuous_batching_config=continuous_batching_config,
        )
        found = self._client.api.call("models/insert_model_config", request, wire.GotModelConfig)
        self._facts = wire.ConfiguredModelVersion(model_version=self._version, config=found.model_config)
        return self

    def reference(self) -> dict[str, str]:
        """Return the triple by which a step of a pipeline names this version."""
        return {"name": self.name(), "version": self.version(), "sha": self.sha()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModelVersion) and other.reference() == self.reference()

    def __hash__(self) -> int:
        return hash(self.version())

    def __repr__(self) -> str:
        shown = {
            "name": self.name(),
            "version": self.version(),
            "file_name": self.file_name(),
            "image_path": self.image_path(),
            "last_update_time": self.last_update_time(),
        }
        return repr(shown)

    def pretty_rows(self) -> list[tuple[str, object]]:
        """Return what tables show (S2-22)."""
        return [
            ("Name", self.name()),
            ("Version", self.version()),
            ("File Name", self.file_name()),
            ("SHA", self.sha()),
            ("Status", self.status()),
            ("Image Path", self.image_path()),
            ("Architecture", self.arch()),
            ("Acceleration", self.accel()),
            ("Updated At", display.short_moment(self.last_update_time())),
            ("Workspace id", self.workspace_id()),
            ("Workspace name", self._client.workspace_name(self.workspace_id())),
        ]

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001  IPython's signature
        display.pretty(printer, self.pretty_rows(), repr(self))

    def _repr_html_(self) -> str:
        return display.plain_facts(self.pretty_rows())


class ModelVersions(display.Listing[ModelVersion]):
    """The versions of a model, oldest first (S2-21)."""

    headings = ("Name", "Version", "File Name", "SHA", "Status", "Updated At")
    nothing = "(no model versions)"

    def line(self, item: ModelVersion) -> tuple[object, ...]:
        """Return the cells of one version."""
        updated = display.short_moment(item.last_update_time())
        return item.name(), item.version(), item.file_name(), item.sha(), item.status(), updated


def encode_schema(schema: pa.Schema | None) -> str | None:
    """Return a schema as the wire has it: base64 of Arrow's own message."""
    import base64

    return None if schema is None else base64.b64encode(schema.serialize().to_pybytes()).decode()


def _batching(config: dict[str, Any] | None) -> wire.DynamicBatching | None:
    try:
        return msgspec.convert(config, wire.DynamicBatching | None)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"'dynamic_batching_config': {error}.") from None
