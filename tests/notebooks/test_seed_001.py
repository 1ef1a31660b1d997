"""The workshop on connections: its code, top to bottom, in a kernel under the server, with a small summarizer."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import framework_models as made
from tests.kernel import Kernel, Output
from tests.notebooks import seeds

SEED = "001_f9aa841cac6c673a.txt"
COLUMNS = [
    "time", "in.clean_up_tokenization_spaces", "in.inputs", "in.return_tensors", "in.return_text", "out.summary_text",
    "check_failures",
]  # fmt: skip

# Snippets of the text, not cells: they use names that the workshop never gives, and one lacks a parenthesis.
SNIPPETS = ("client.get_connection(", "wl.get_connection(forecast_", "workspace.add_connection(forecast_")

# What the workshop's first notebook leaves behind: a workspace, the model and its pipeline.
FIRST_NOTEBOOK = """
%load_ext jupyter_wallaroo
import wallaroo, pyarrow as pa
wl = wallaroo.Client()
wl.set_current_workspace(wl.create_workspace("workshop-workspace-summarization"))
inputs = pa.schema([("inputs", pa.string()), ("return_text", pa.bool_()), ("return_tensors", pa.bool_()),
                    ("clean_up_tokenization_spaces", pa.bool_())])
summarizer = wl.upload_model(
    "hf-summarizer", {path!r}, framework=wallaroo.framework.Framework.HUGGING_FACE_SUMMARIZATION,
    input_schema=inputs, output_schema=pa.schema([("summary_text", pa.string())]))
wl.build_pipeline("hf-summarizer").add_model_step(summarizer).deploy().undeploy()
"""

# The workshop's file is on GitHub; requests for it are sent to this machine.
FROM_LOOPBACK = """
import requests
_send = requests.Session.request
def _from_loopback(self, method, url, *args, **kwargs):
    return _send(self, method, url.replace("https://raw.githubusercontent.com", {url!r}), *args, **kwargs)
requests.Session.request = _from_loopback
"""


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_the_workshop_runs_as_written(shared_data: Path, tmp_path: Path, loopback_files: tuple[str, Path]) -> None:
    """Only the login with ``api_endpoint`` is taken out; the second creation of a connection is refused (A31)."""
    root, folder = loopback_files
    blocks = seeds.blocks(shared_data, SEED)
    path = next(iter(re.findall(r"https://raw.githubusercontent.com/(\S+?summarization.df.json)", "".join(blocks))))
    row = {"inputs": made.TEXTS[0], "return_text": True, "return_tensors": False, "clean_up_tokenization_spaces": False}
    (folder / path).parent.mkdir(parents=True)
    (folder / path).write_text(json.dumps([row]))
    archive = tmp_path / "summarizer.zip"
    archive.write_bytes(made.summarizer(tmp_path / "summarizer"))
    with PrivateServer(tmp_path / "server") as server, Kernel(server) as kernel:
        kernel.run(FIRST_NOTEBOOK.format(path=str(archive)))
        kernel.run(FROM_LOOPBACK.format(url=root))
        outputs = _run(kernel, blocks)
        assert kernel.value("list(multiple_result.columns)") == COLUMNS
        assert kernel.value("multiple_result['check_failures'].tolist()") == [0]
        assert kernel.value("str(multiple_result['time'].dtype)") == "datetime64[ms]"
        assert isinstance(kernel.value("multiple_result['out.summary_text'][0]"), str)
        assert kernel.value("multiple_result['in.inputs'][0]") == made.TEXTS[0]
    assert root not in server.log_path.read_text()
    _check_displays(outputs)


def _run(kernel: Kernel, blocks: list[str]) -> list[Output]:
    outputs = []
    created = 0
    for block in blocks:
        code = block
        if any(snippet in block for snippet in SNIPPETS):
            continue
        if "api_endpoint=" in block:
            code = seeds.without(block, "wl = wallaroo.Client(api_endpoint", 'auth_type="sso")')
        output = kernel.attempt(code)
        if "wl.create_connection(" in block:
            created += 1
            assert ("exists already" in output.error) == (created == 2), output.error
        else:
            assert not output.error, f"{code}\n{output.error}"
        outputs.append(output)
    assert created == 2
    return outputs


def _check_displays(outputs: list[Output]) -> None:
    """The tables have the seed's rows in its order; details are never shown."""
    html = [output.html for output in outputs]
    pipelines = [text for text in html if "<th>last_updated</th>" in text]
    assert len(pipelines) == 3  # shown, deployed, undeployed
    rows = re.findall(r"<tr><th>(\w+)</th>", pipelines[-1])
    wanted = ["name", "created", "last_updated", "deployed", "tags", "versions", "steps", "published"]
    assert [row for row in rows if row in wanted] == wanted
    connections = [text for text in html if "Linked Workspaces" in text]
    for text in connections:
        assert re.findall(r"<td>([A-Z][A-Za-z ]+)</td>", text)[:1] == ["Name"]
        assert "<td>*****</td>" in text
    assert "['workshop-workspace-summarization']" in re.sub("&#x27;", "'", connections[-1])
    for output in outputs:
        assert "githubusercontent" not in output.html + output.text
        texts = [display.get("text/plain", "") for display in output.displays]
        told = [text for text in texts if "githubusercontent" in text]
        assert all(re.fullmatch(r"'https://\S+'", text) for text in told), (
            told
        )  # only where a cell shows the URL itself
