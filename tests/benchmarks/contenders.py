"""Who is compared: how each is installed, started and asked. One worker process and one thread of the model each.

Every one that is not part of this project's own extras has an environment of its own, which `Contender.python` builds
on request and keeps where the tests keep theirs. Only ours writes down what it was asked and what it said.
"""

from __future__ import annotations

import json
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import httpx

from jupyter_wallaroo.demo.server import PrivateServer
from tests.benchmarks import forms
from tests.benchmarks.forms import Form
from tests.counterparts import environments
from tests.counterparts.processes import free_port, listening
from tests.deploying import Deployed, deploy, post, upload

PROGRAMS = Path(__file__).parent / "programs"
JSON, ARROW = "JSON", "Arrow"


@dataclass(frozen=True)
class Endpoint:
    """One line of the table: where and how a running server is asked, for the formats it takes.

    ``pid`` is the process whose tree is the server.
    """

    name: str
    url: str
    pid: int
    form: Form
    kind: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Place:
    """Where a contender may write: a folder of its own, with the model in it."""

    folder: Path
    cache: Path

    @property
    def model(self) -> Path:
        return self.folder / "model.onnx"


class Contender(ABC):
    """A server of models."""

    name: str
    requirements: tuple[str, ...] = ()
    """What is installed into an environment of its own; nothing: it runs in this one."""

    def python(self, cache: Path) -> Path:
        """Return the Python that has the contender, built when it is not there yet."""
        if not self.requirements:
            return Path(sys.executable)
        return environments.made(cache, f"benchmark-{self.name}", self.requirements)

    def is_built(self, cache: Path) -> bool:
        """Whether `python` has nothing to install."""
        done = cache / f"benchmark-{self.name}" / "requirements"
        return not self.requirements or (done.is_file() and done.read_text() == "\n".join(self.requirements))

    @abstractmethod
    def start(self, place: Place, stack: ExitStack) -> list[Endpoint]:
        """Run the server until the stack is closed."""

    def listen(
        self, place: Place, stack: ExitStack, command: Callable[[int], list[str]], **env: str
    ) -> tuple[str, int]:
        """Run a command that is told its port; return the URL and the process id."""
        port = free_port()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        binaries = str(self.python(place.cache).parent)
        variables = {**kept, "PATH": f"{binaries}:{kept['PATH']}", "OMP_NUM_THREADS": "1", **env}
        log = place.folder / "server.log"
        pid = stack.enter_context(listening(command(port), port, log, env=variables, cwd=place.folder))
        return f"http://127.0.0.1:{port}", pid


class Ours(Contender):
    """This project: its own door and Jupyter's, with the log on."""

    name = "ours"

    def start(self, place: Place, stack: ExitStack) -> list[Endpoint]:
        server = stack.enter_context(PrivateServer(place.folder / "server"))
        client = stack.enter_context(server.client)
        version = upload(client, place.model.read_bytes(), "classifier")
        deployed = deploy(client, "benchmark", [version])
        return endpoints_of(server, client, deployed)


def endpoints_of(server: PrivateServer, client: httpx.Client, deployed: Deployed) -> list[Endpoint]:
    """Return the two doors of a pipeline, for each format."""
    where = {"workspace_id": deployed.workspace_id, "pipeline_name": deployed.pipeline_name}
    direct = post(client, "admin/get_pipeline_direct_access", **where)
    only_out = urlencode({"dataset[]": "out", "dataset.separator": "."})
    doors = {
        "ours, through Jupyter": (deployed.url, server.token),
        "ours, direct": (direct["url"], direct["token"]),
    }
    return [
        Endpoint(name, f"{url}?{only_out}", server.pid, form, kind, {"Authorization": f"Bearer {token}"})
        for name, (url, token) in doors.items()
        for kind, form in ((JSON, forms.RECORDS_FORM), (ARROW, forms.ARROW_FORM))
    ]


class FastApi(Contender):
    """A server by hand; of extra ``bench``."""

    name = "fastapi"

    def start(self, place: Place, stack: ExitStack) -> list[Endpoint]:
        program = str(PROGRAMS / "fastapi_server.py")
        url, pid = self.listen(place, stack, lambda port: [sys.executable, program, str(place.model), str(port)])
        return [
            Endpoint("FastAPI", f"{url}/json", pid, forms.RECORDS_FORM),
            Endpoint("FastAPI, Arrow", f"{url}/arrow", pid, forms.ARROW_FORM, ARROW),
            Endpoint("FastAPI, raw", f"{url}/raw", pid, forms.RAW_FORM, ARROW),
        ]


class MlServer(Contender):
    """MLServer in one process (``parallel_workers`` 0)."""

    name = "mlserver"
    requirements = ("mlserver==1.7.*", "onnxruntime")

    def start(self, place: Place, stack: ExitStack) -> list[Endpoint]:
        settings = {"parallel_workers": 0, "debug": False, "host": "127.0.0.1", "use_structured_logging": False}
        model = {
            "name": "classifier",
            "implementation": "mlserver_model.OnnxModel",
            "parameters": {"uri": str(place.model)},
        }
        (place.folder / "model-settings.json").write_text(json.dumps(model))
        (place.folder / "mlserver_model.py").write_bytes((PROGRAMS / "mlserver_model.py").read_bytes())
        program = str(self.python(place.cache).parent / "mlserver")

        def command(port: int) -> list[str]:
            ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
            (place.folder / "settings.json").write_text(json.dumps({**settings, **ports}))
            return [program, "start", str(place.folder)]

        url, pid = self.listen(place, stack, command)
        return [Endpoint("MLServer", f"{url}/v2/models/classifier/infer", pid, forms.V2_FORM)]


class BentoMl(Contender):
    """BentoML with one worker."""

    name = "bentoml"
    requirements = ("bentoml==1.4.*", "onnxruntime", "numpy")

    def start(self, place: Place, stack: ExitStack) -> list[Endpoint]:
        (place.folder / "service.py").write_bytes((PROGRAMS / "bentoml_service.py").read_bytes())
        program = str(self.python(place.cache).parent / "bentoml")
        url, pid = self.listen(
            place,
            stack,
            lambda port: [program, "serve", "service:Classifier", "--host", "127.0.0.1", "--port", str(port)],
            BENCHMARK_MODEL=str(place.model),
            BENTOML_DO_NOT_TRACK="True",
            BENTOML_HOME=str(place.folder / "home"),
        )
        return [Endpoint("BentoML", f"{url}/predict", pid, forms.ROWS_FORM)]


class MlFlow(Contender):
    """MLflow's scoring server, with one worker, in its own environment."""

    name = "mlflow"
    requirements = ("mlflow==3.*", "onnx", "onnxruntime")

    def start(self, place: Place, stack: ExitStack) -> list[Endpoint]:
        python = self.python(place.cache)
        environments.run(python, PROGRAMS / "mlflow_model.py", place.model, place.folder / "model")
        command = [str(python.parent / "mlflow"), "models", "serve", "--env-manager", "local", "--workers", "1"]
        url, pid = self.listen(
            place,
            stack,
            lambda port: [*command, "-m", str(place.folder / "model"), "-h", "127.0.0.1", "-p", str(port)],
            MLFLOW_DISABLE_TELEMETRY="true",
        )
        return [Endpoint("MLflow", f"{url}/invocations", pid, forms.MLFLOW_FORM)]


class LitServe(Contender):
    """LitServe with one API server and one worker."""

    name = "litserve"
    requirements = ("litserve==0.2.*", "onnxruntime", "numpy")

    def start(self, place: Place, stack: ExitStack) -> list[Endpoint]:
        command = [str(self.python(place.cache)), str(PROGRAMS / "litserve_server.py"), str(place.model)]
        url, pid = self.listen(place, stack, lambda port: [*command, str(port)])
        return [Endpoint("LitServe", f"{url}/predict", pid, forms.ROWS_FORM)]


class RayServe(Contender):
    """Ray Serve with one replica."""

    name = "ray"
    requirements = ("ray[serve]==2.*", "onnxruntime", "numpy")

    def start(self, place: Place, stack: ExitStack) -> list[Endpoint]:
        command = [str(self.python(place.cache)), str(PROGRAMS / "ray_server.py"), str(place.model)]
        url, pid = self.listen(place, stack, lambda port: [*command, str(port)], RAY_USAGE_STATS_ENABLED="0")
        return [Endpoint("Ray Serve", f"{url}/", pid, forms.ROWS_FORM)]


CONTENDERS: dict[str, Contender] = {
    contender.name: contender
    for contender in (Ours(), FastApi(), MlServer(), BentoMl(), MlFlow(), LitServe(), RayServe())
}
