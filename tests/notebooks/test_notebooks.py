"""The notebooks that come with the project: run top to bottom against a real server, and fit to be shared."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.magics.registry import VERBS
from tests.counterparts import BigQueryService
from tests.kernel import Kernel, Output

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))
LIMIT_S = 60.0
"""How long the first notebook may take, server and kernel included."""
SECRETS = re.compile(
    r"(?i)BEGIN [A-Z ]*PRIVATE KEY|bearer\s+[a-z0-9._-]{16,}|eyJ[\w-]{20,}|(password|secret|token)\s*=\s*['\"]\w{8,}"
)


def cells(name: str, kind: str) -> list[str]:
    notebook: Any = nbformat.read(FOLDER / name, as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def run(kernel: Kernel, name: str) -> list[Output]:
    """Run every code cell; each must succeed."""
    return [kernel.run(code) for code in cells(name, "code")]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_fit_to_be_shared(name: str) -> None:
    """No outputs, no execution counts, no secrets, and no links that could be dead."""
    notebook: Any = nbformat.read(FOLDER / name, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
        assert not SECRETS.search(cell.source), cell.source
        links = re.findall(r"https?://[^\s\"')>`]+", cell.source)
        assert all(link.startswith(("http://127.0.0.1", "https://…")) for link in links), links


def test_the_folder_has_the_notebooks() -> None:
    """They are numbered without a gap."""
    assert [name[:2] for name in NAMES] == [f"{number:02d}" for number in range(len(NAMES))]


def test_start_here(tmp_path: Path) -> None:
    """From a variable to a watched endpoint in less than a minute, with every magic there is."""
    started = time.monotonic()
    with PrivateServer(tmp_path) as server, Kernel(server) as kernel:
        outputs = run(kernel, "00-start-here.ipynb")
        assert time.monotonic() - started < LIMIT_S
        assert kernel.value("bool((results['out.predictions'] == classifier.predict(X_test)).all())")
        assert kernel.value("len(log), 'out_forest.predictions' in log, len(from_connection)") == [100, True, 143]
    plain = "\n".join(output.plain for output in outputs)
    printed = "".join(output.text for output in outputs)
    assert "0 of 143 labels changed" in printed
    assert "● Running 2/2" in plain and "○ not deployed" in plain
    assert "P99 MS" in plain and "jupyter-wallaroo doctor" in plain
    assert "+ step 1" in printed and "forest" in printed
    assert "143 rows, malignant: " in printed and "report: ● success after " in printed
    assert "weekly: fires next Mon " in printed and "weekly: ○ killed" in printed


def test_start_here_shows_every_magic() -> None:
    """Each verb has an example there that is executed."""
    lines = [line for cell in cells("00-start-here.ipynb", "code") for line in cell.splitlines()]
    for verb in VERBS:
        for name in [f"{verb.name} {item.name}" for item in verb.verbs] or [verb.name]:
            assert any(f"%wl {name}" in line and "%%wl" not in line for line in lines), name
            is_cell = (next((item for item in verb.verbs if name.endswith(item.name)), verb)).cell
            assert not is_cell or any(line.startswith(f"%%wl {name}") for line in lines), name
        assert not verb.cell or any(line.startswith(f"%%wl {verb.name} ") for line in lines), verb.name


def test_deploy_and_infer(tmp_path: Path) -> None:
    """Five rows, all rows as Arrow, all rows in parallel, the log, the error that explains itself."""
    with PrivateServer(tmp_path) as server, Kernel(server) as kernel:
        outputs = run(kernel, "01-deploy-and-infer.ipynb")
        assert kernel.value("len(answers), len(spread), 'error' in spread") == [569, 569, False]
    printed = "".join(output.text for output in outputs)
    assert "expected 30 float32 values per row" in printed
    assert "Waiting for deployment" in printed
    assert "'Running'" in "".join(output.plain for output in outputs)


def test_connections(tmp_path: Path) -> None:
    """Texts over HTTP in, summaries in SQLite out; the path of the database is shown nowhere."""
    with PrivateServer(tmp_path) as server, Kernel(server) as kernel:
        outputs = run(kernel, "02-connections.ipynb")
        assert kernel.value("list(result['in.inputs']) == texts, len(result)") == [True, 2]
        folder = kernel.value("str(folder)")
    shown = "".join(output.text + output.html + output.plain for output in outputs)
    assert "*****" in shown
    assert folder not in shown


def test_bigquery_house_prices(tmp_path: Path, bigquery: BigQueryService) -> None:
    """Houses out of one table, prices into another; the key is shown nowhere."""
    key = tmp_path / "key.json"
    key.write_text(json.dumps(bigquery.details))
    with PrivateServer(tmp_path / "server") as server, Kernel(server) as kernel:
        kernel.run(f"import os\nos.environ.update({bigquery.environment | {'HOUSES_KEY': str(key)}!r})")
        outputs = run(kernel, "03-bigquery-house-prices.ipynb")
        assert kernel.value("len(frame), len(result)") == [20, 20]
        assert kernel.value("float(abs(regressor.predict(features[:20]) - result['out.predictions']).max())") < 1.0
        assert "Converted to ONNX; answers 100 rows of the sample" in str(kernel.value("model.note()"))
    shown = "".join(output.text + output.html + output.plain for output in outputs)
    assert bigquery.details["private_key"].splitlines()[1] not in shown


def test_step_graphs(tmp_path: Path) -> None:
    """A whole run, parts of it, one that is refused, one that fails, one in the background."""
    with PrivateServer(tmp_path) as server, Kernel(server) as kernel:
        kernel.run(f"import os\nos.chdir({str(tmp_path)!r})  # a notebook works in its own folder")
        outputs = run(kernel, "05-step-graphs.ipynb")
        assert kernel.value("run.outcome(), part.outcome(), broken.outcome(), job.outcome()") == [
            "ok",
            "ok",
            "failed",
            "ok",
        ]
        assert kernel.value("[len(run.outputs('report')['scores']), part.outputs('report')['count']]") == [50, 20]
        assert kernel.value("sorted(step.key for step in before.steps())") == ["load", "sample", "score"]
    printed = "".join(output.text for output in outputs)
    assert "no outputs are stored of 'score' as it is now" in printed
    assert "ValueError: the model is on holiday" in printed
    html = "".join(output.html for output in outputs)
    assert "✘ FAILURE" in html and "⊘ ABORTED" in html and "✔ SUCCESS" in html


def test_orchestrations(tmp_path: Path) -> None:
    """Rows of a database to findings in another table by a task; a schedule, and a run that fails and says why."""
    with PrivateServer(tmp_path) as server, Kernel(server) as kernel:
        outputs = run(kernel, "04-orchestrations.ipynb")
        assert sum(output.plain.count("datetime.datetime(") for output in outputs) == 3, "the next firings"
        assert kernel.value("scheduled.status() in ('killed', 'pending_kill'), wrong.last_runs()[0].status()") == [
            True,
            "failure",
        ]
        findings = kernel.value("pd.read_sql('SELECT * FROM findings', sqlite3.connect(database)).to_dict('list')")
    assert findings["patient"] == [0, 1, 2, 3, 4]
    shown = "".join(output.text + output.html + output.plain for output in outputs)
    assert "5 findings written" in shown and "KeyError" in shown and "Scheduled Run" in shown


def test_batch_inference(tmp_path: Path) -> None:
    """Rows from file to file and from file to table, as batches, and one that does not fit."""
    with PrivateServer(tmp_path) as server, Kernel(server) as kernel:
        outputs = run(kernel, "06-batch-inference.ipynb")
        assert kernel.value("sum(sizes), max(sizes), kept.index[kept['error'].notna()].tolist()") == [
            56_900,
            5_000,
            [321],
        ]
        kernel.run(
            "import sqlite3\nscores = sqlite3.connect(folder / 'results.db').execute('SELECT count(*) FROM scores')"
        )
        assert kernel.value("list(scores.fetchone())") == [56_900]
    printed = "".join(output.text for output in outputs)
    plain = "\n".join(output.plain for output in outputs)
    assert "Row 321 (row 21 of rows 300 to 399): Column 'features'" in printed
    assert "56,900 rows of results are in connection:batch-results:scores." in printed
    assert "Inferring 56,900 rows" in plain + "".join(output.html for output in outputs)
