"""Import time is shared property: what the package may cost, and what it must not pull in (DESIGN, budgets).

Times are those of the CPU: what else the machine does meanwhile is not the import's fault.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

import pytest

ROUNDS = 7

_CODE = """
import sys, time
{before}
started = time.process_time()
{statement}
taken = time.process_time() - started
import json
print(json.dumps([taken, sorted(sys.modules)]))
"""


def _measure(statement: str, before: str = "") -> tuple[float, set[str]]:
    """Return the median seconds a statement takes in fresh interpreters, and the modules loaded after it."""
    taken = []
    loaded: set[str] = set()
    for _ in range(ROUNDS):
        code = _CODE.format(statement=statement, before=before)
        output = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
        seconds, modules = json.loads(output)
        taken.append(seconds)
        loaded = set(modules)
    return statistics.median(taken), loaded


def test_the_package_costs_20_ms() -> None:
    seconds, loaded = _measure("import jupyter_wallaroo")
    assert seconds < 0.020
    assert not {"numpy", "pandas", "pyarrow", "msgspec", "jupyter_server"} & loaded


def test_the_server_extension_costs_50_ms_over_jupyters_own() -> None:
    seconds, loaded = _measure(
        "from jupyter_wallaroo.server.app import WallarooApp",
        before="import jupyter_server.extension.application, jupyter_server.serverapp",
    )
    assert seconds < 0.050
    assert not {"numpy", "pandas", "pyarrow", "onnxruntime", "sqlite_utils"} & loaded


def test_the_client_costs_300_ms_and_loads_nothing_heavy() -> None:
    seconds, loaded = _measure("import jupyter_wallaroo.sdk")
    assert seconds < 0.300
    server = {"jupyter_server", "tornado", "onnxruntime", "sqlite_utils"}
    assert not (server | {"numpy", "pandas", "pyarrow", "IPython"}) & loaded
    rooms = {name.split(".")[1] for name in loaded if name.startswith("jupyter_wallaroo.")}
    assert rooms <= {"codec", "errors", "sdk", "secret", "types"}


def test_loading_the_extension_costs_20_ms() -> None:
    """Over IPython itself: the name ``wallaroo`` and the magic are there, and nothing is imported for them."""
    seconds, loaded = _measure(
        "shell.extension_manager.load_extension('jupyter_wallaroo')",
        before="from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell()\n"
        "shell.history_manager.enabled = False",
    )
    assert seconds < 0.020
    assert not {"jupyter_wallaroo.sdk", "jupyter_wallaroo.magics.command", "httpx", "pandas", "pyarrow"} & loaded


def test_the_magics_load_nothing_heavy() -> None:
    """The first line brings in the client, and no library of data or models."""
    seconds, loaded = _measure(
        "from jupyter_wallaroo.magics.command import overview; overview()",
        before="import IPython.core.interactiveshell",
    )
    assert seconds < 0.400
    server = {"jupyter_server", "tornado", "onnxruntime", "sqlite_utils"}
    assert not (server | {"numpy", "pyarrow", "pandas", "sklearn"}) & loaded


@pytest.mark.parametrize("package", ["errors", "strict_json", "types.model", "types.pipeline", "types.deployment"])
def test_the_words_load_nothing_heavy(package: str) -> None:
    _, loaded = _measure(f"import jupyter_wallaroo.{package}")
    assert not {"numpy", "pandas", "pyarrow", "tornado", "jupyter_server", "onnxruntime"} & loaded


def test_the_room_of_panels_costs_20_ms_and_no_widget_library() -> None:
    seconds, loaded = _measure("import jupyter_wallaroo.widgets", before="import enum, jupyter_wallaroo")
    assert seconds < 0.020
    assert not {"anywidget", "ipywidgets", "IPython", "numpy", "pandas", "pyarrow", "httpx", "msgspec"} & loaded
