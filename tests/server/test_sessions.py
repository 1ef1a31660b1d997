"""Sessions on a real Enterprise Gateway: launched in order, one per pipeline, found again, ended without remains."""

from __future__ import annotations

import asyncio
import http.server
import json
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import psutil
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.errors import NotFound
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.object import SessionError
from jupyter_wallaroo.supervisor import process_table
from jupyter_wallaroo.supervisor.session import LiveSession
from jupyter_wallaroo.supervisor.session_setup import MARK, SessionSpec
from jupyter_wallaroo.types.session import Part
from tests.counterparts import GatewayProgram
from tests.kernel import Kernel

LIMIT_S = 90.0
LOCAL = "enterprise_gateway.services.processproxies.processproxy.LocalProcessProxy"
SWARM = "enterprise_gateway.services.processproxies.docker_swarm.DockerSwarmProcessProxy"
IMAGE = "elyra/kernel-py:2.2.0"
IPYKERNEL = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]

LAUNCHER = """
import json, os, pathlib, sys
told = {"argv": sys.argv[1:], "image": os.environ.get("KERNEL_IMAGE")}
pathlib.Path(__file__).with_name("told.json").write_text(json.dumps(told))
sys.exit("it only tells")
"""


def kernelspec(class_name: str, image_name: str, argv: list[str]) -> dict[str, Any]:
    """Return a kernelspec in the form of seed 003."""
    return {
        "language": "python",
        "display_name": "A kernel of the project",
        "metadata": {"process_proxy": {"class_name": class_name, "config": {"image_name": image_name}}},
        "env": {"OF_THE_SPEC": "yes"},
        "argv": argv,
    }


@dataclass(frozen=True)
class Address:
    """A session's Jupyter server."""

    port: int
    token: str
    base_url: str = "/"

    @classmethod
    def of(cls, session: dict[str, Any]) -> Address:
        return cls(urlsplit(session["base_url"]).port or 0, session["token"])


class _NoContainers(http.server.BaseHTTPRequestHandler):
    """What answers in Docker's place: it is there, and runs nothing."""

    def do_GET(self) -> None:
        body = json.dumps({"ApiVersion": "1.43"} if self.path.endswith("/version") else []).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def _docker() -> Iterator[None]:
    """A gateway's proxies for containers ask for Docker before they start their launcher."""
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), _NoContainers) as docker,
        pytest.MonkeyPatch.context() as patch,
    ):
        thread = threading.Thread(target=docker.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        patch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{docker.server_port}")
        yield
        docker.shutdown()
        thread.join()


class Project:
    """A server with a project folder, and what a test asks about its session."""

    path = "sessions/team%2Fchurn/main"

    def __init__(self, directory: Path, program: GatewayProgram) -> None:
        self.folder = directory / "team" / "churn"
        self.folder.mkdir(parents=True)
        self.add("here", kernelspec(LOCAL, sys.prefix, IPYKERNEL))
        self.add("named", kernelspec(LOCAL, IMAGE, [*IPYKERNEL, "--InteractiveShell.banner1={kernel_id}"]))
        mounted = "/usr/local/share/jupyter/kernels/python_docker/scripts/launch_docker.py"
        placeholders = ["--RemoteProcessProxy.kernel-id", "{kernel_id}"]
        placeholders += ["--RemoteProcessProxy.response-address", "{response_address}"]
        self.add("python_docker", kernelspec(SWARM, IMAGE, ["python", mounted, *placeholders]))
        scripts = self.folder / "kernels" / "python_docker" / "scripts"
        scripts.mkdir()
        (scripts / "launch_docker.py").write_text(LAUNCHER)
        options = (
            f"--WallarooApp.gateway_command={program.command}",
            f"--WallarooApp.session_environments={IMAGE}={sys.prefix}",
        )
        self.server = PrivateServer(directory, options=options)

    def add(self, name: str, content: Any) -> Path:
        path = self.folder / "kernels" / name / "kernel.json"
        path.parent.mkdir(parents=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def launch(self) -> dict[str, Any]:
        with self.server.client as client:
            response = client.post("sessions/", json={"project": "team/churn", "pipeline": "main"})
        assert response.status_code == 200, response.text
        return self.until("RUNNING")

    def get(self) -> dict[str, Any]:
        with self.server.client as client:
            found = client.get(self.path)
        assert found.status_code == 200, found.text
        return dict(found.json())

    def until(self, status: str) -> dict[str, Any]:
        until = time.monotonic() + LIMIT_S
        with self.server.client as client:
            while (found := client.get(self.path).json())["status"] != status:
                assert found["status"] != "FAILED" and time.monotonic() < until, found
                time.sleep(0.05)
        return dict(found)

    def stop(self) -> None:
        with self.server.client as client:
            assert client.delete(self.path).status_code in (204, 404)

    def row(self) -> dict[str, Any]:
        """Return what is written down of the session."""
        with sqlite3.connect(self.server.directory / "data" / "wallaroo.db") as db:
            db.row_factory = sqlite3.Row
            found = dict(db.execute("SELECT * FROM sessions").fetchone())
        db.close()
        return found

    def part(self, name: str) -> Part:
        return msgspec.json.decode(self.row()[name], type=Part)

    @property
    def mark(self) -> str:
        return f"{MARK}={self.row()['id']}"


@pytest.fixture(scope="module")
def project(
    tmp_path_factory: pytest.TempPathFactory, enterprise_gateway: GatewayProgram, _docker: None
) -> Iterator[Project]:
    """A running server; whatever a test left of the session is ended."""
    made = Project(tmp_path_factory.mktemp("sessions"), enterprise_gateway)
    with made.server:
        yield made
        made.stop()


@contextmanager
def running_kernel(session: dict[str, Any], name: str) -> Iterator[Kernel]:
    with Kernel(Address.of(session), name) as kernel:
        kernel.until_ready()
        yield kernel


def assert_gone(mark: str, *more: int) -> None:
    """Assert that no process carries the mark and that none of ``more`` runs."""
    assert process_table.family(mark) == set()
    assert [pid for pid in more if process_table.identity(pid) is not None] == []


def test_s4_01_to_06_a_session_is_a_gateway_and_a_server_and_kernels_of_chosen_environments(
    project: Project, enterprise_gateway: GatewayProgram
) -> None:
    """Both in their order, over the project; launched twice it is one; each kernelspec has its own ``sys.prefix``."""
    session = project.launch()
    gateway, server = project.part("gateway"), project.part("server")
    assert gateway.process.started < server.process.started
    assert "--gateway-url" in " ".join(psutil.Process(server.process.pid).cmdline())
    assert project.launch() == session
    assert (project.part("gateway"), project.part("server")) == (gateway, server)

    with httpx.Client(base_url=session["base_url"], headers={"Authorization": f"token {session['token']}"}) as jupyter:
        assert {item["path"] for item in jupyter.get("api/contents").json()["content"]} == {"kernels"}
        assert {"here", "named", "python_docker", "python3"} <= set(
            jupyter.get("api/kernelspecs").json()["kernelspecs"]
        )
        assert session["kernelspecs"] == ["here", "named", "python_docker"]
        prefixes = {}
        for name in ("python3", "here", "named"):
            with running_kernel(session, name) as kernel:
                prefixes[name] = kernel.value("__import__('sys').prefix")
                environment = kernel.value("dict(__import__('os').environ)")
                assert kernel.value("__import__('os').getcwd()") == str(project.folder)
                assert not {name for name in environment if "TOKEN" in name or "SECRET" in name}
                if name == "named":
                    assert environment["OF_THE_SPEC"] == "yes"
                    assert environment["KERNEL_ID"] in kernel.value("__import__('sys').argv")[-1]
        assert prefixes == {"python3": enterprise_gateway.prefix, "here": sys.prefix, "named": sys.prefix}

        refused = jupyter.post("api/kernels", json={"name": "python_docker"}, timeout=60)
        assert refused.status_code >= 500
        told = json.loads((project.folder / "kernels" / "python_docker" / "scripts" / "told.json").read_text())
        assert told["image"] == IMAGE
        assert told["argv"][::2] == ["--RemoteProcessProxy.kernel-id", "--RemoteProcessProxy.response-address"]
        kernel_id, response_address = told["argv"][1::2]
        assert len(kernel_id) == 36 and int(response_address.rpartition(":")[2]) > 0


def test_no_token_is_seen_where_others_look(project: Project) -> None:
    """Not in command lines, environments or logs; both ask for one; the listing is for everybody, the token is not."""
    session = project.launch()
    directory = project.server.directory / "data" / "sessions" / project.row()["id"]
    tokens = [
        session["token"],
        json.loads((directory / "gateway.json").read_text())["EnterpriseGatewayApp"]["auth_token"],
    ]
    processes = [psutil.Process(item.pid) for item in process_table.family(project.mark)]
    assert len(processes) >= 2
    shown = [" ".join(process.cmdline()) + str(process.environ()) for process in processes]
    shown += [path.read_text() for path in (*directory.glob("*.log"), project.server.log_path)]
    assert [text for text in shown if any(token in text for token in (*tokens, project.server.token))] == []
    assert (directory.stat().st_mode & 0o777, (directory / "server.json").stat().st_mode & 0o777) == (0o700, 0o600)
    for name in ("gateway", "server"):
        port = project.part(name).port
        assert httpx.get(f"http://127.0.0.1:{port}/api/kernels", trust_env=False).status_code in (401, 403)
        listening = {
            c.laddr.ip for c in psutil.Process(project.part(name).process.pid).net_connections() if c.status == "LISTEN"
        }
        assert listening == {"127.0.0.1"}, name


def test_it_outlives_a_killed_server_and_is_found_again(project: Project) -> None:
    """Same processes, same address, same token; what a kernel knew it still knows; and it is busy while that works."""
    before = project.launch()
    with running_kernel(before, "here") as kernel:
        kernel.run("x = 42")
        project.server.kill()
        assert kernel.value("x") == 42
        project.server.start()
        assert project.get() == before
        assert kernel.value("x") == 42
        kernel.run("import time")
        assert asyncio.run(_is_busy(project)) is False
        kernel.begin("while True: time.sleep(0.01)")
        until = time.monotonic() + LIMIT_S
        while not asyncio.run(_is_busy(project)):
            assert time.monotonic() < until
        kernel.interrupt()


async def _is_busy(project: Project) -> bool:
    """Ask as the server does before it reports activity."""
    row = project.row()
    directory = project.server.directory / "data" / "sessions" / row["id"]
    live = LiveSession(SessionSpec(id=row["id"], directory=directory, project=project.folder, gateway_command=[]))
    await live.adopt(project.part("gateway"), project.part("server"))
    try:
        return await live.is_busy()
    finally:
        live.release()


def test_a_stop_leaves_no_process(project: Project) -> None:
    """Not a kernel that ignores signals, nor what it started in a session and an environment of its own."""
    session = project.launch()
    kernel = Kernel(Address.of(session), "here")
    kernel.until_ready()
    stubborn = kernel.value(
        "[__import__('signal').signal(n, __import__('signal').SIG_IGN) and 0 for n in (2, 15)] and __import__('subprocess')"
        ".Popen(['sh', '-c', 'trap \"\" TERM; while :; do sleep 1; done'], env={}, start_new_session=True).pid"
    )
    own = kernel.value("__import__('os').getpid()")
    mark, files = project.mark, project.server.directory / "data" / "sessions"
    assert process_table.identity(stubborn) is not None
    project.stop()
    assert_gone(mark, stubborn, own)
    assert list(files.iterdir()) == []
    kernel.abandon()
    with project.server.client as client:
        assert client.get(project.path).status_code == 404
        assert client.delete(project.path).status_code == 404
        assert client.get("sessions").json() == {"sessions": []}


def test_s4_07_what_is_dead_says_so_and_never_blocks_a_launch(project: Project) -> None:
    """A gateway that was killed: its kernels go, the server stays to save in; a launch sweeps that and starts anew."""
    project.launch()
    with running_kernel(project.get(), "here") as kernel:
        own = kernel.value("__import__('os').getpid()")
        old = project.mark
        psutil.Process(project.part("gateway").process.pid).kill()
        found = _until(project.get, lambda found: found["status"] == "FAILED")
        assert (found["base_url"], found["token"]) == (None, None)
        assert found["reason"] == "Its gateway was ended by SIGKILL." or "not running any more" in found["reason"]
        _until(lambda: process_table.identity(own), lambda found: found is None)
        assert psutil.Process(project.part("server").process.pid).is_running()
        kernel.abandon()
    project.launch()
    assert_gone(old)
    new = project.mark

    project.server.stop()  # a person's Ctrl-C leaves it running; meanwhile the machine loses all of it
    for process in process_table.family(new):
        psutil.Process(process.pid).kill()
    project.server.start()
    assert project.get()["status"] == "FAILED"
    assert project.launch()["status"] == "RUNNING"
    project.stop()


def test_a_launch_that_was_acknowledged_is_finished_after_a_kill(project: Project) -> None:
    """Whatever had been started by then is ended first, so that there is one of each."""
    with project.server.client as client:
        client.post("sessions", json={"project": "team/churn", "pipeline": "main"})
    _until(project.row, lambda row: row["gateway"] is not None)
    lost = project.part("gateway")
    project.server.kill()
    project.server.start()
    project.until("RUNNING")
    assert not process_table.is_alive(lost.process)
    gateways = [
        item
        for item in process_table.family(project.mark)
        if item.pid in (project.part("gateway").process.pid, lost.process.pid)
    ]
    assert len(gateways) == 1
    project.stop()


def test_the_client_launches_and_stops_sessions(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """And what a notebook shows of one has no token in it."""
    with Client(project.server.api_url.removesuffix("/v1/api"), token=project.server.token) as wl:
        session = wl.launch_session("team/churn", "main")
        assert capsys.readouterr().out.startswith("Waiting for session 'team/churn/main' .")
        assert session.status() == "RUNNING"
        assert session.base_url is not None
        token = session.token()
        assert token is not None
        with httpx.Client(headers={"Authorization": f"token {token}"}, trust_env=False) as jupyter:
            assert jupyter.get(f"{session.base_url}api/status").status_code == 200
        assert wl.sessions() == [session]
        shown = (
            repr(session)
            + session._repr_html_()
            + wl.sessions()._repr_html_()
            + repr(wl.sessions())
            + str(vars(session))
        )
        assert token not in shown
        assert session.base_url in shown
        session.stop()
        assert session.status() == "STOPPED"
        assert wl.sessions() == []
        with pytest.raises(NotFound, match="team/churn/main"):
            session.stop()
        broken = project.add("broken", "{}")
        try:
            with pytest.raises(ValueError, match="Kernelspec 'broken': Object missing required field `argv`"):
                wl.launch_session("team/churn", "main")
        finally:
            broken.unlink()
        assert wl.sessions() == []


@pytest.mark.parametrize("given", ["..", "team/../..", "/etc", "", ".", "a\0b", "out", "x" * 2000, "team/./churn"])
def test_no_project_lies_outside_the_root(project: Project, given: str) -> None:
    """Neither by its name nor by a link; and a GET or DELETE of such a name finds nothing."""
    out = project.server.directory / "out"
    if not out.is_symlink():
        out.symlink_to("/usr")
    with project.server.client as client:
        refused = client.post("sessions", json={"project": given, "pipeline": "main"})
        assert refused.status_code in (400, 404), refused.text
        if given != "/etc":  # is the folder 'etc' below the root, as in Jupyter's own paths, and there is none
            assert refused.status_code == 400
            assert "below this server's root directory" in refused.json()["message"]
        assert client.get("sessions").json() == {"sessions": []}


def test_mistakes_are_told_with_the_next_step(project: Project) -> None:
    with project.server.client as client:

        def refused(**body: str) -> tuple[int, str]:
            response = client.post("sessions", json=body)
            said = response.json()
            return response.status_code, f"{said['message']} {said['hint']}"

        assert refused(project="tean", pipeline="main") == (404, "Project 'tean' does not exist. Did you mean 'team'?")
        assert refused(project="team/churn", pipeline="a/b")[0] == 400
        assert refused(project="team/churn")[0] == 400
        missing = project.add("lost", kernelspec(LOCAL, "no-such-environment", IPYKERNEL))
        try:
            status, said = refused(project="team/churn", pipeline="main")
        finally:
            missing.unlink()
        assert status == 400
        assert "Kernelspec 'lost' names the environment 'no-such-environment'" in said
        assert "session_environments" in said
        assert client.get("sessions/team%2Fchurn/main").status_code == 404


def test_without_a_gateway_it_says_what_to_install_and_what_to_set(tmp_path: Path) -> None:
    """A program that is missing is a mistake of the set-up; one that ends at once is told in its own words."""
    (tmp_path / "p").mkdir()
    with (
        PrivateServer(tmp_path, options=("--WallarooApp.gateway_command=/no/such/gateway",)) as server,
        server.client as client,
    ):
        said = client.post("sessions", json={"project": "p", "pipeline": "main"})
        assert said.status_code == 400
        assert "pip install jupyter_enterprise_gateway" in said.json()["hint"]
        assert "c.WallarooApp.gateway_command" in said.json()["hint"]
    command = [sys.executable, "-c", "import sys; sys.exit('no licence')"]
    options = tuple(f"--WallarooApp.gateway_command={item}" for item in command)
    with (
        PrivateServer(tmp_path, options=options) as server,
        Client(server.api_url.removesuffix("/v1/api"), token=server.token) as wl,
    ):
        for _ in range(2):  # what failed is in nobody's way
            with pytest.raises(SessionError, match=r"is FAILED.*Its gateway ended with status 1 .*no licence"):
                wl.launch_session("p", "main")
        (failed,) = wl.sessions()
        failed.stop()
        assert wl.sessions() == []


def _until(ask: Callable[[], Any], is_it: Callable[[Any], bool]) -> Any:
    until = time.monotonic() + LIMIT_S
    while not is_it(found := ask()):
        assert time.monotonic() < until, found
        time.sleep(0.02)
    return found
