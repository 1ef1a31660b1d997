"""What becomes of an uploaded file: it is looked into, its requirements are installed, it is converted where it can be.

ONNX files, and what comes by the route that waits, are converted before anything is written. Others are written first
and converted in the background, one after the other; a conversion that a kill cut off begins again at the next start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path

from jupyter_wallaroo.errors import InvalidRequest, WallarooError
from jupyter_wallaroo.store import models
from jupyter_wallaroo.store.blobs import Blobs
from jupyter_wallaroo.store.db import Store
from jupyter_wallaroo.supervisor import inspection, requirements
from jupyter_wallaroo.supervisor.environments import Environments
from jupyter_wallaroo.types.event import ModelChanged, Notify
from jupyter_wallaroo.types.framework import CODE, UNSUPPORTED, Framework
from jupyter_wallaroo.types.model import Conversion
from jupyter_wallaroo.types.plan import Converted, Inspect, Sample

_log = logging.getLogger(__name__)


class ConversionService:
    """Converts uploads.

    Parameters
    ----------
    store, blobs
        Where rows and files are kept.
    installed
        The environments of models with requirements.
    work_directory
        An empty directory for the process that looks into files.
    allow_code_models
        Whether formats that run code when they are loaded are taken.
    notify
        Told of every change of a model version.
    """

    def __init__(
        self,
        store: Store,
        blobs: Blobs,
        installed: Environments,
        work_directory: Path,
        *,
        allow_code_models: bool,
        notify: Notify,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._environments = installed
        self._work_directory = work_directory
        self._allow_code_models = allow_code_models
        self._notify = notify
        self._waiting: asyncio.Queue[int] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def start(self, unready: Iterable[int]) -> None:
        """Begin to work, first on what was left when the server last ended."""
        for version_id in unready:
            self.enqueue(version_id)
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """End the conversion under way; it begins again at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def enqueue(self, version_id: int) -> None:
        """Convert a version when its turn comes."""
        self._waiting.put_nowait(version_id)

    async def tell(self, version_id: int) -> None:
        """Tell whoever listens how a version is now."""
        found = await self._store.read(models.version, version_id)
        assert found is not None, "versions are never deleted"
        self._notify(ModelChanged.of(found.model_version))

    def check(self, conversion: Conversion) -> Framework:
        """Refuse an upload that cannot be converted, before its bytes come; return its framework.

        Raises
        ------
        InvalidRequest
            The framework is unknown, has no runtime here, or is switched off.
        """
        try:
            framework = Framework(conversion.framework)
        except ValueError:
            raise InvalidRequest(
                f"Framework {conversion.framework[:60]!r} is not known; expected one of "
                f"{', '.join(item for item in Framework if item not in UNSUPPORTED)}.",
            ) from None
        if framework in UNSUPPORTED:
            raise InvalidRequest(
                f"Models of framework {framework.value!r} cannot be run here.",
                hint="Upload it as a model of framework 'custom', with its own inference class.",
            )
        if framework in CODE and not self._allow_code_models:
            raise InvalidRequest(
                f"Models of framework {framework.value!r} run code of their own when they are loaded, which is "
                "switched off on this server (WallarooApp.allow_code_models).",
                hint="Convert the model to ONNX and upload the .onnx file.",
            )
        needed = requirements.checked(conversion.requirements)
        if needed and not self._allow_code_models:
            raise InvalidRequest(
                f"The model needs {', '.join(needed)[:200]} installed, which runs code of theirs; that is switched "
                "off on this server (WallarooApp.allow_code_models).",
                hint="Upload a model that needs nothing installed.",
            )
        return framework

    async def convert(
        self,
        path: Path,
        label: str,
        conversion: Conversion,
        *,
        input_schema: str | None,
        output_schema: str | None,
        sample: Sample | None,
    ) -> Converted:
        """Look into a file and convert it, with its requirements installed.

        Parameters
        ----------
        path, label
            The file, and how messages call it.
        conversion
            How it is to be read.
        input_schema, output_schema
            Base64 of Arrow schema messages.
        sample
            Records that a converted model must answer as the original does.

        Raises
        ------
        InvalidUpload
            It is not what its framework says, or its requirements cannot be installed.
        """
        needed = requirements.checked(conversion.requirements)
        interpreter = await self._environments.make(needed)
        artifact = self._blobs.scratch()
        request = Inspect(
            path=str(path),
            label=repr(label),
            framework=self.check(conversion),
            artifact=str(artifact),
            allows_code=self._allow_code_models,
            input_schema=input_schema,
            output_schema=output_schema,
            sample=sample,
        )
        try:
            found = await inspection.inspect(request, self._work_directory, interpreter=interpreter)
            if found.requirements:
                needed = requirements.checked([*needed, *found.requirements])
                await self._environments.make(needed)
            artifact_sha = await asyncio.to_thread(self._blobs.adopt, artifact) if found.is_converted else None
        finally:
            artifact.unlink(missing_ok=True)
        return Converted(found=found, artifact_sha=artifact_sha, requirements=needed)

    async def _work(self) -> None:
        while True:
            version_id = await self._waiting.get()
            try:
                await self._convert_stored(version_id)
            except WallarooError as error:
                reason = f"{error.message} {error.hint}".strip()
                await self._store.write(models.set_failed, version_id, reason)
            except Exception as error:  # noqa: BLE001  one upload must not end the work on all others
                _log.exception("wallaroo: model version %d could not be converted", version_id)
                reason = f"The conversion failed ({type(error).__name__}); the server's log has the details."
                await self._store.write(models.set_failed, version_id, reason)
            await self.tell(version_id)

    async def _convert_stored(self, version_id: int) -> None:
        stored = await self._store.read(models.stored, version_id)
        if stored is None:
            return
        await self._store.write(models.set_converting, version_id)
        await self.tell(version_id)
        version, config = stored.configured.model_version, stored.configured.config
        done = await self.convert(
            self._blobs.path(version.file_info.sha),
            version.file_info.file_name,
            version.conversion,
            input_schema=config.input_schema,
            output_schema=config.output_schema,
            sample=await self._store.read(models.sample, version_id),
        )
        await self._store.write(models.set_ready, version_id, done)
