"""The one error of connectors, and the one for a driver that is not installed."""

from __future__ import annotations

import importlib
from typing import Any

from jupyter_wallaroo.errors import WallarooError


class ConnectorError(WallarooError):
    """Something outside could not be read or written; the sentence shows nothing of the connection's details."""

    code = "connector"


def driver(module: str, extra: str) -> Any:
    """Return an imported driver.

    Parameters
    ----------
    module
        Its dotted name.
    extra
        The extra of this package that installs it.

    Raises
    ------
    ConnectorError
        It is not installed; the hint is the command that does it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConnectorError(
            f"This needs the Python package behind {module!r}, which cannot be imported here: {error}.",
            hint=f"pip install 'jupyter-wallaroo[{extra}]', then restart the kernel.",
        ) from None
