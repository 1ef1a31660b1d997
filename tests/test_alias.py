"""``import wallaroo`` means our client, unless somebody has the real one; each case in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

INSTALL = "import jupyter_wallaroo.alias; jupyter_wallaroo.alias.install()\n"
BLOCK = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ImportError(f"{{name}} is blocked")
sys.meta_path.insert(0, Blocked())
"""


def run(code: str, *, cwd: Path | None = None) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_without_the_extension_there_is_no_wallaroo() -> None:
    """Else the other tests would prove nothing."""
    assert run("import importlib.util; print(importlib.util.find_spec('wallaroo'))") == "None"


def test_importing_the_alias_is_enough() -> None:
    """In a script, where there is no ``%load_ext``."""
    assert run("import jupyter_wallaroo.alias, wallaroo; print(wallaroo.Client.__name__)") == "Client"


@pytest.mark.parametrize("module", ["", ".object", ".framework", ".deployment_config", ".engine_config", ".pipeline"])
def test_modules_are_the_same_objects_under_both_names(module: str) -> None:
    """Loaded twice, an ``except wallaroo.object.X`` would not catch what our own modules raise."""
    code = f"import jupyter_wallaroo.sdk{module} as ours\nimport wallaroo{module} as alias\nprint(ours is alias)"
    assert run(INSTALL + code) == "True"
    assert run(INSTALL + "\n".join(reversed(code.splitlines()[:2])) + "\nprint(ours is alias)") == "True"


def test_s5_20_names_are_importable_as_the_seeds_import_them() -> None:
    code = """
import wallaroo
from wallaroo.object import EntityNotFoundError, RequiredAttributeMissing
from wallaroo.framework import Framework
from wallaroo.deployment_config import DeploymentConfigBuilder
print(wallaroo.__version__, wallaroo.object.EntityNotFoundError is EntityNotFoundError)
print(wallaroo.DeploymentConfigBuilder is DeploymentConfigBuilder is wallaroo.deployment_config.DeploymentConfigBuilder)
"""
    assert run(INSTALL + code) == "0.1.0 True\nTrue"


def test_reload_inspect_and_pickle_work() -> None:
    """They read ``__spec__`` and ``__name__``, which Python sets anew when a module is found under another name."""
    code = """
import importlib, inspect, pickle, wallaroo, wallaroo.framework
print(wallaroo.__spec__.name, wallaroo.__name__, wallaroo.framework.__spec__.name)
print('def infer_framework' in inspect.getsource(wallaroo.framework))
print(pickle.loads(pickle.dumps(wallaroo.Framework.ONNX)) is wallaroo.Framework.ONNX)
print(importlib.reload(wallaroo) is wallaroo)
"""
    shown = "jupyter_wallaroo.sdk jupyter_wallaroo.sdk jupyter_wallaroo.sdk.framework\nTrue\nTrue\nTrue"
    assert run(INSTALL + code) == shown


def test_an_installed_wallaroo_wins(tmp_path: Path) -> None:
    """Whether the extension was loaded before or after."""
    package = tmp_path / "wallaroo"
    package.mkdir()
    (package / "__init__.py").write_text("__version__ = 'the real one'")
    (package / "object.py").write_text("real = True")
    code = f"import sys; sys.path.append({str(tmp_path)!r})\n{INSTALL}"
    code += "import wallaroo, wallaroo.object; print(wallaroo.__version__, wallaroo.object.real)"
    assert run(code) == "the real one True"


def test_a_missing_module_of_the_real_one_stays_missing(tmp_path: Path) -> None:
    """Half of theirs and half of ours would be neither."""
    (tmp_path / "wallaroo").mkdir()
    (tmp_path / "wallaroo" / "__init__.py").touch()
    code = f"import sys; sys.path.append({str(tmp_path)!r})\n{INSTALL}import wallaroo\n"
    assert run(code + "try:\n import wallaroo.framework\nexcept ImportError as error: print(error)").startswith(
        "No module"
    )


def test_a_folder_called_wallaroo_beside_the_notebook_does_not_count(tmp_path: Path) -> None:
    """Python would take it for a namespace package."""
    (tmp_path / "wallaroo").mkdir()
    assert run(INSTALL + "import wallaroo; print(wallaroo.Client.__name__)", cwd=tmp_path) == "Client"


def test_an_unknown_module_is_not_found() -> None:
    code = "import wallaroo\ntry:\n import wallaroo.nothing\nexcept ModuleNotFoundError as error: print(error)"
    assert run(INSTALL + code) == "No module named 'wallaroo.nothing'"


def test_unloading_takes_the_name_back() -> None:
    code = """
import wallaroo, sys
jupyter_wallaroo.alias.install()
jupyter_wallaroo.alias.uninstall()
jupyter_wallaroo.alias.uninstall()
print([name for name in sys.modules if name.partition('.')[0] == 'wallaroo'], wallaroo.Framework.ONNX)
try:
    import wallaroo
except ModuleNotFoundError as error:
    print(error)
"""
    assert run(INSTALL + code) == "[] onnx\nNo module named 'wallaroo'"


def test_the_extension_is_loaded_in_a_real_shell() -> None:
    """And unloaded; as a notebook's first cell does."""
    cell = "%load_ext jupyter_wallaroo\nimport wallaroo\nprint(wallaroo.Client.__name__)\n%unload_ext jupyter_wallaroo"
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", cell],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip().splitlines()[-1] == "Client", done.stdout + done.stderr


def test_it_works_where_no_server_is_installed() -> None:
    """In the environment of a kernel there may be none of these; nor are pandas and pyarrow needed to import it."""
    names = {"jupyter_server", "tornado", "onnxruntime", "sqlite_utils", "sqlite3", "pandas", "pyarrow", "numpy"}
    code = "import wallaroo; print(wallaroo.DeploymentConfigBuilder().cpus(1).build()['engine']['cpu'])"
    assert run(BLOCK.format(names=names) + INSTALL + code) == "1"
