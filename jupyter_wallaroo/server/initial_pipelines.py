"""Pipelines that the server's configuration defines: applied once when it starts, by the call that everybody uses.

Nothing watches the file (S3-06, S3-14): it is read again when the server starts again, or when somebody applies it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from logging import Logger
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_wallaroo.errors import InvalidRequest, WallarooError
from jupyter_wallaroo.types.apply import ApplyPipelines
from jupyter_wallaroo.types.caller import Caller

if TYPE_CHECKING:
    from jupyter_wallaroo.services.services import Services

PATH_VARIABLE = "WALLAROO_PIPELINES"
"""The environment variable with the path of a YAML file."""


async def apply(services: Services, owner: Caller, configured: list[Any], log: Logger) -> None:
    """Apply the file that the environment names, then what the configuration defines; what cannot be is logged.

    Parameters
    ----------
    owner
        The owner of the server, as whom they are applied.
    configured
        ``WallarooApp.pipelines``.
    """
    from jupyter_wallaroo.services import manifest

    path = os.environ.get(PATH_VARIABLE)
    if path:
        await _apply(services, owner, f"{PATH_VARIABLE} ({path})", lambda: manifest.read(_from_file(Path(path))), log)
    if configured:
        read = {"pipelines": configured}
        await _apply(services, owner, "WallarooApp.pipelines", lambda: manifest.read(read), log)


async def _apply(
    services: Services, owner: Caller, source: str, read: Callable[[], ApplyPipelines], log: Logger
) -> None:
    try:
        applied = await services.applying.apply(owner, await asyncio.to_thread(read), via="start")
    except WallarooError as error:
        log.error("wallaroo: %s was not applied: %s", source, error)
    except Exception:  # the edge to Jupyter, which starts whatever is written there
        log.exception("wallaroo: %s was not applied", source)
    else:
        log.info("wallaroo: %s\n%s", source, applied.plan.text)


def _from_file(path: Path) -> dict[str, Any]:
    from jupyter_wallaroo import strict_yaml
    from jupyter_wallaroo.services import manifest

    try:
        with path.expanduser().open("rb") as file:
            content = file.read(strict_yaml.MAX_BYTES + 1)
        return manifest.from_yaml(content.decode())
    except OSError as error:
        raise InvalidRequest(f"the file cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the file is not valid UTF-8 (byte {error.start}).") from None
