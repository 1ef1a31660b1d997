"""A browser, and Jupyter applications with pages in processes of their own, under a path as a hub gives it.

The applications run in an environment that has nothing of ours but the wheel of this tree (`tests.ui.fresh`).

What is missing is said: here such tests are skipped, in CI they fail. `JUPYTER_WALLAROO_TEST_SCREENSHOTS=1` takes the
screenshots beside this file again.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests.counterparts import Missing, environments
from tests.ui import fresh

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
AXE = ROOT / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BASE_URL = "/user/bob/"
LIMIT_MS = 60_000
"""How long anything may take that merely has to happen."""

_SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "filebrowser-extension/browser": {"singleClickNavigation": False},
}


def _missing() -> str | None:
    if not any(shutil.which(name) for name in BROWSERS):
        return "no chromium (Debian: apt-get install chromium)"
    if importlib.util.find_spec("playwright") is None:
        return "no playwright (pip install playwright)"
    if shutil.which("npm") is None:
        return "no npm, which builds the JupyterLab half of the wheel"
    if not AXE.is_file():
        return "no axe-core (npm ci in labextension/)"
    return None


@pytest.fixture(scope="package", autouse=True)
def everything_is_there() -> None:
    """Skip what cannot run here; in CI everything can."""
    missing = _missing()
    if missing is None:
        return
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture(autouse=True)
def jp_asyncio_loop() -> None:
    """Keep pytest-jupyter's loop away from these tests: playwright has its own, and they run no server here."""


@pytest.fixture(autouse=True)
def jp_server_cleanup() -> None:
    """Keep pytest-jupyter from cleaning up a server that there is not."""


@pytest.fixture(scope="package")
def browser(everything_is_there: None) -> Iterator[Browser]:
    """A browser; it ends with this package, or its event loop would be in the way of other tests."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, BROWSERS)))
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"],
        )
        yield running
        running.close()


@pytest.fixture(scope="session")
def wheel_python(pytestconfig: pytest.Config) -> Path:
    """The Python of a new user's environment: the wheel, what it asks for, JupyterLab and Notebook."""
    try:
        return fresh.python(environments.cache_of(pytestconfig))
    except Missing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


def application(directory: Path, module: str, python: Path) -> PrivateServer:
    """Return a server with pages, not started yet, that asks nothing of the network and shows no news."""
    options = ["--allow-root", "--WallarooApp.max_schedules=0"]
    if module == "jupyterlab":
        options += ["--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    server = PrivateServer(
        directory,
        base_url=BASE_URL,
        options=tuple(options),
        application=module,
        python=python,
        environment=fresh.environment(python, directory),
    )
    for name, values in _SETTINGS.items():
        _write_settings(server, name, values)
    return server


def set_theme(server: PrivateServer, theme: str) -> None:
    """Have pages that are loaded from now on appear in a theme, ``Light`` or ``Dark``."""
    _write_settings(server, "apputils-extension/themes", {"theme": f"JupyterLab {theme}"})


def _write_settings(server: PrivateServer, name: str, values: dict[str, object]) -> None:
    folder, _, plugin = name.partition("/")
    path = server.directory / "jupyter_config_dir" / "lab" / "user-settings" / "@jupyterlab" / folder
    path.mkdir(parents=True, exist_ok=True)
    (path / f"{plugin}.jupyterlab-settings").write_text(json.dumps(values))


@pytest.fixture(scope="package")
def lab(
    everything_is_there: None, wheel_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivateServer]:
    """JupyterLab; tests share it, each makes its own models and pipelines."""
    with application(tmp_path_factory.mktemp("lab"), "jupyterlab", wheel_python) as running:
        yield running


@pytest.fixture(scope="package")
def notebook_7(
    everything_is_there: None, wheel_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivateServer]:
    """Notebook 7; tests share it as they do `lab`."""
    with application(tmp_path_factory.mktemp("notebook"), "notebook", wheel_python) as running:
        yield running


@pytest.fixture(scope="package")
def lab_client(lab: PrivateServer) -> Iterator[httpx.Client]:
    """A client of the server behind `lab`."""
    with lab.client as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty tab in a session of its own; what goes wrong in our scripts fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(LIMIT_MS)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: "jupyter-wallaroo" in (error.stack or "") and complaints.append(error.stack))
    yield opened
    context.close()
    assert complaints == []
