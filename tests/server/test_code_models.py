"""Files that would do something when they are loaded: they never do in the server, and can be switched off."""

from __future__ import annotations

import contextlib
import io
import pickle
from pathlib import Path
from typing import Any

import httpx
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import haystack_pipelines
from tests.deploying import begin_conversion, finish_conversion, post

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


class Marker:
    """Unpickling this makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def evil_pickle(marker: Path) -> bytes:
    return pickle.dumps(Marker(marker))


def evil_joblib(marker: Path) -> bytes:
    """joblib hides a pickle of its own in an array of objects."""
    import joblib
    import numpy as np

    sink = io.BytesIO()
    joblib.dump({"estimator": np.array([Marker(marker)], object)}, sink)
    return sink.getvalue()


def evil_torchscript(marker: Path) -> bytes:
    """TorchScript may run what ``__setstate__`` says when it is loaded; here it maps, and so makes, a file."""
    import torch

    source = f"""
import torch
class Evil(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.w = torch.ones(1)
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.w
    @torch.jit.export
    def __getstate__(self) -> tuple[torch.Tensor, bool]:
        return self.w, self.training
    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]) -> None:
        self.w = torch.from_file({str(marker)!r}, True, 1)
        self.training = state[1]
"""
    path = marker.with_suffix(".py")
    path.write_text(source)
    space: dict[str, Any] = {"__name__": "evil"}
    exec(compile(source, str(path), "exec"), space)  # noqa: S102  the attacker's own machine
    sink = io.BytesIO()
    torch.jit.save(torch.jit.script(space["Evil"]()), sink)
    return sink.getvalue()


EVIL = {
    "sklearn": ("m.pkl", evil_pickle),
    "sklearn-joblib": ("m.joblib", evil_joblib),
    "xgboost": ("m.pkl", evil_pickle),
    "pytorch": ("m.pt", evil_torchscript),
}


@pytest.mark.parametrize("case", EVIL)
def test_the_attack_works_where_it_is_loaded(case: str, tmp_path: Path) -> None:
    """Otherwise the tests below would show nothing."""
    import joblib
    import torch

    marker = tmp_path / "marker"
    body = EVIL[case][1](marker)
    assert not marker.exists()
    with contextlib.suppress(AttributeError, RuntimeError):
        {"m.pt": torch.jit.load}.get(EVIL[case][0], joblib.load)(io.BytesIO(body))
    assert marker.exists()


@pytest.mark.parametrize("case", EVIL)
def test_nothing_happens_at_upload_listing_and_conversion(client: httpx.Client, case: str, tmp_path: Path) -> None:
    """Not in the server, and not in the process that looks into the file either."""
    marker = tmp_path / "marker"
    file_name, make = EVIL[case]
    framework = case.partition("-")[0]
    response = begin_conversion(client, make(marker), f"evil-{case}", framework, file_name)
    version = finish_conversion(client, response)
    post(client, "models/list")
    post(client, "models/list_versions", model_id=f"evil-{case}")
    assert not marker.exists()
    if framework == "pytorch":
        assert version["status"] == "ready"  # TorchScript is not loaded before it is deployed
    else:
        assert version["status"] == "error"
        assert "pathlib.Path.touch, which is not what a model is made of; it was not loaded" in version["error_summary"]


@pytest.fixture(scope="module")
def strict_client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server whose operator takes no models that run code."""
    directory = tmp_path_factory.mktemp("strict")
    with PrivateServer(directory, options=["--WallarooApp.allow_code_models=False"]) as server, server.client as opened:
        yield opened


@pytest.mark.parametrize("case", EVIL)
def test_the_operator_can_switch_them_off(strict_client: httpx.Client, case: str, tmp_path: Path) -> None:
    """Refused before the bytes come; a pickle of XGBoost once it is seen to be one."""
    file_name, make = EVIL[case]
    framework = case.partition("-")[0]
    response = begin_conversion(strict_client, make(tmp_path / "marker"), "m", framework, file_name)
    if framework == "xgboost":
        said = finish_conversion(strict_client, response)["error_summary"]
    else:
        assert response.status_code == 400
        said = response.json()["message"]
    assert "switched off on this server (WallarooApp.allow_code_models)" in said
    assert not (tmp_path / "marker").exists()


def test_the_graphs_of_tensorflow_are_programs_too(strict_client: httpx.Client) -> None:
    """They may read and write files when they are asked."""
    response = begin_conversion(strict_client, b"any", "m", "tensorflow", "m.zip")
    assert response.status_code == 400
    assert "switched off on this server" in response.json()["message"]


def test_what_runs_no_code_is_still_taken(strict_client: httpx.Client, tmp_path: Path) -> None:
    """XGBoost's JSON says numbers only."""
    import numpy as np
    import xgboost

    features = np.arange(20, dtype=np.float32).reshape(10, 2)
    xgboost.XGBRegressor(n_estimators=2).fit(features, features[:, 0]).save_model(tmp_path / "m.json")
    body = (tmp_path / "m.json").read_bytes()
    version = finish_conversion(strict_client, begin_conversion(strict_client, body, "x", "xgboost", "m.json"))
    assert version["status"] == "ready"


def test_nothing_is_installed_for_a_model_there(strict_client: httpx.Client) -> None:
    """A package may run code while it is installed, and whenever its Python starts."""
    response = begin_conversion(strict_client, b"{}", "x", "xgboost", "m.json", requirements=["cronsim==2.5"])
    assert response.status_code == 400
    assert "needs cronsim==2.5 installed" in response.json()["message"]
    assert "switched off on this server (WallarooApp.allow_code_models)" in response.json()["message"]


def test_a_haystack_pipeline_is_taken_without_components_that_reach_out(strict_client: httpx.Client) -> None:
    """A search in memory runs no code of its own; what fetches pages by the request's addresses is refused."""
    fetcher = {"type": "haystack.components.fetchers.link_content.LinkContentFetcher", "init_parameters": {}}
    said = {}
    for name, body in (("bm25", haystack_pipelines.bm25()), ("fetch", haystack_pipelines.definition({"c": fetcher}))):
        response = begin_conversion(strict_client, body, name, "haystack", f"{name}.yaml")
        version = finish_conversion(strict_client, response)
        said[name] = (version["status"], version["error_summary"] or "")
    assert said["bm25"] == ("ready", "")
    assert said["fetch"][0] == "error"
    assert "LinkContentFetcher; as models that run code, they are switched off on this server" in said["fetch"][1]


def test_a_deployed_models_code_sees_no_token(client: httpx.Client, tmp_path: Path) -> None:
    """A sidekick's environment comes from a list; Jupyter's token is not on it (SECURITY B2)."""
    from tests.deploying import convert, deploy, infer

    source = b"""
import os, numpy as np
def process_data(d):
    return {"names": np.array([" ".join(sorted(os.environ))], object)}
"""
    deployed = deploy(client, "env", [convert(client, source, "env", "python", "env.py")])
    (answer,) = infer(client, deployed.url, [{"a": 1.0}])
    assert not [name for name in answer["names"].split() if "TOKEN" in name or name.startswith(("JUPYTER", "WALLAROO"))]
    post(client, "pipelines/undeploy", deployment_id=deployed.deployment_id)
