"""Runs of step graphs over REST, on a real server: what executes, what is refused, what is left (S4-08 to S4-27)."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests import graphs, models
from tests.deploying import deploy, upload
from tests.faults import drill
from tests.graphs import CODE_STEPS, Evidence, ended, script, statuses, submit, until
from tests.server.test_events import heard, kind

START_LIMIT_S = 2.0


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return Evidence(tmp_path / "evidence")


@pytest.fixture(scope="module")
def pipeline(client: httpx.Client) -> str:
    """The name of a deployed pipeline that adds up three numbers."""
    return deploy(client, "sums-of-steps", [upload(client, models.row_sum(3), "row-sum")]).pipeline_name


@pytest.fixture
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateServer]:
    """A server of this test's own, with little room."""
    options = ("--WallarooApp.background_runs=1", "--WallarooApp.parallel_steps=1")
    with PrivateServer(tmp_path_factory.mktemp("small"), options=options) as running:
        yield running


def test_twelve_steps_and_parts_of_them(client: httpx.Client, pipeline: str, evidence: Evidence) -> None:
    """Must show 6: all of them, then a selection, then what comes before a step; by what the kernels wrote down."""
    steps, parameters = graphs.twelve(pipeline), {"evidence": str(evidence.path)}
    whole = ended(client, submit(client, steps, parameters=parameters))
    assert (whole["status"], whole["outcome"], whole["failed_steps"]) == ("SUCCESS", "ok", []), whole["steps"]
    assert set(statuses(whole).values()) == {"SUCCESS"} and len(statuses(whole)) == 12
    ran = evidence.take()
    assert sorted(ran) == sorted(CODE_STEPS)
    assert all(ran.index(parent) < ran.index(key) for key in ran for parent in steps[key]["parents"] if parent in ran)
    assert client.get(f"runs/{whole['id']}/final/outputs/all").json() == {"merge": [[6.0, 24.0, 42.0], 1], "beside": 3}

    chosen = ["left", "split"]
    part = ended(client, submit(client, steps, parameters=parameters, run_type="selection", selection=chosen))
    assert part["outcome"] == "ok" and set(statuses(part)) == set(chosen)
    assert sorted(evidence.take()) == chosen
    assert client.get(f"runs/{part['id']}/left/outputs/sums").json() == [6.0, 24.0, 42.0]

    before = ended(client, submit(client, steps, parameters=parameters, run_type="incoming", selection=["left"]))
    assert list(statuses(before)) == ["load", "settings", "clean", "split", "score"]
    assert sorted(evidence.take()) == ["clean", "load", "settings", "split"]


def test_a_failing_step_aborts_its_children_only(client: httpx.Client, evidence: Evidence) -> None:
    """Must show 6: the others go on; the run has finished, and its outcome says that it failed (A20)."""
    steps = {
        "load": script(""),
        "bad": graphs.cells("broken = {}\nbroken['houses']", "load"),
        "child": script("", "bad"),
        "grandchild": script("", "child"),
        "good": script("", "load"),
        "mixed": script("", "good", "bad"),
        "apart": script("", "good"),
    }
    run = ended(client, submit(client, steps, parameters={"evidence": str(evidence.path)}))
    aborted = dict.fromkeys(("child", "grandchild", "mixed"), "ABORTED")
    assert statuses(run) == {"load": "SUCCESS", "bad": "FAILURE", "good": "SUCCESS", "apart": "SUCCESS"} | aborted
    assert sorted(evidence.take()) == ["apart", "bad", "good", "load"]
    assert (run["status"], run["outcome"], run["failed_steps"]) == ("SUCCESS", "failed", ["bad"])
    bad = client.get(f"runs/{run['id']}/bad").json()
    assert bad["reason"] == "KeyError: 'houses' (cell 3 of 3)", "the cell with the parameters counts"
    assert "broken['houses']" in bad["traceback"] and "\x1b" not in bad["traceback"]
    assert client.get(f"runs/{run['id']}/grandchild").json()["reason"] == "It needs 'bad', which did not succeed."
    outputs = client.get(f"runs/{run['id']}/bad/notebook").json()["cells"][2]["outputs"]
    assert outputs[0]["ename"] == "KeyError"


def test_missing_and_stale_outputs_are_refused_before_anything_starts(client: httpx.Client, evidence: Evidence) -> None:
    """A19: with the list, and what to run first."""
    parameters: dict[str, Any] = {"evidence": str(evidence.path), "who": evidence.path.parent.name}
    steps = {"a": script("wallaroo.step.output('x', 1)"), "b": script("", "a"), "c": script("", "b")}
    body = {"definition": {"steps": steps, "parameters": parameters}, "run_type": "selection", "selection": ["c"]}
    refused = client.post("runs/", json=body)
    assert refused.status_code == 409
    assert refused.json()["details"] == {
        "missing": ["b"],
        "offer": {"run_type": "incoming", "selection": ["c"]},
    }
    assert ended(client, submit(client, steps, parameters=parameters))["outcome"] == "ok"
    evidence.take()
    steps["a"]["source"] += "\nwallaroo.step.output('x', 2)"
    assert client.post("runs/", json=body).status_code == 409, "b is stale: what comes before it has changed"
    ended(client, submit(client, steps, parameters=parameters, run_type="selection", selection=["a"]))
    assert client.post("runs/", json=body).status_code == 409, "b has not read what a now leaves"
    ended(client, submit(client, steps, parameters=parameters, run_type="incoming", selection=["c"]))
    assert evidence.take() == ["a", "a", "b"]
    assert ended(
        client, submit(client, steps, parameters=parameters, **{k: body[k] for k in ("run_type", "selection")})
    )
    assert evidence.take() == ["c"]


@pytest.mark.parametrize(
    ("steps", "status", "said"),
    [
        ({"a": script("", "b"), "b": script("", "a")}, 400, "a → b → a"),
        ({"a": script("", "lode"), "load": script("")}, 400, "Did you mean 'load'"),
        ({"a": {"kind": "script", "path": "nowhere.py"}}, 404, "there is no file 'nowhere.py'"),
        ({"a": {"kind": "script", "path": "../../etc/passwd"}}, 400, "not below Jupyter's root folder"),
        ({"a": {"kind": "script", "path": "data/kernel_access.json\0"}}, 400, "expected the path of a file"),
        ({"a": {"kind": "notebook", "source": {"nbformat": 3}}}, 400, "no notebook of format 4"),
        ({"a": {"kind": "script"}}, 400, "either 'path' or 'source'; got neither"),
        ({"a": script("", kernel="pyton3")}, 404, "Did you mean 'python3'"),
        ({"a": script("", parameters={"not a name": 1})}, 400, "cannot be the name of a parameter"),
        ({"a": script(""), "b": graphs.inference("nothing", "a")}, 404, "Pipeline 'nothing' does not exist"),
        ({"a/b": script("")}, 400, "cannot be the name of a step"),
        ({"a": {"kind": "script", "source": "", "parent": []}}, 400, "unknown field `parent`"),
    ],
)
def test_what_cannot_be_run_is_refused(client: httpx.Client, steps: dict[str, Any], status: int, said: str) -> None:
    response = client.post("runs/", json={"definition": {"steps": steps}})
    assert response.status_code == status, response.text
    assert said in response.json()["msg"]


def test_files_of_the_root_folder(server: PrivateServer, client: httpx.Client) -> None:
    """A working copy with the named files beside the source; the source's neighbours are not there (A21)."""
    folder = server.directory / "houses"
    (folder / "parts").mkdir(parents=True)
    (folder / "read.py").write_text(
        "import os, helper, wallaroo\nopen('left-behind', 'w').close()\nhelper.TABLE = 1\n"
        "wallaroo.step.output('seen', [sorted(os.listdir()), open('parts/a.csv').read(), helper.NAME, os.getcwd()])"
    )
    (folder / "helper.py").write_text("NAME = 'helper'")
    (folder / "parts" / "a.csv").write_text("1,2")
    (folder / "other.py").write_text("")
    steps = {"read": {"kind": "script", "path": "read.py", "files": ["helper.py", "parts"]}}
    run = ended(client, submit(client, steps, folder=str(folder)))
    listed, text, name, work = client.get(f"runs/{run['id']}/read/outputs/seen").json()
    assert (listed, text, name) == (["helper.py", "left-behind", "parts", "read.py"], "1,2", "helper")
    assert not Path(work).exists()
    assert sorted(path.name for path in folder.iterdir()) == ["helper.py", "other.py", "parts", "read.py"]


def test_nothing_of_a_run_is_seen_by_the_next(server: PrivateServer, client: httpx.Client) -> None:
    """A21: processes, environment, temporary files, kernel state, and its own processes in the server."""
    code = (
        "import os, subprocess, sys, tempfile, wallaroo\n"
        "seen = [os.environ.get('MARK'), os.listdir(tempfile.gettempdir()), 'leak' in globals()]\n"
        "leak = os.environ['MARK'] = 'set'\n"
        "open(os.path.join(tempfile.gettempdir(), 'leak'), 'w').close()\n"
        "hidden = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "wallaroo.step.output('seen', [seen, hidden.pid, tempfile.gettempdir()])\n"
    )
    before = {process.pid for process in psutil.Process(server.pid).children(recursive=True)}
    for _ in range(2):
        run = ended(client, submit(client, {"a": {"kind": "notebook", "source": graphs.notebook(code)}}))
        seen, pid, temporary = client.get(f"runs/{run['id']}/a/outputs/seen").json()
        assert seen == [None, [], False]
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        assert not Path(temporary).exists()
    assert {process.pid for process in psutil.Process(server.pid).children(recursive=True)} <= before
    assert list((server.directory / "data" / "steps").iterdir()) == []


def test_a_kernel_that_dies_fails_its_step(client: httpx.Client) -> None:
    die = "import os, signal\nprint('last words', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    run = ended(client, submit(client, {"a": {"kind": "notebook", "source": graphs.notebook(die)}}))
    assert run["steps"][0]["reason"] == "Its kernel died (ended by SIGKILL)."
    assert run["failed_steps"] == ["a"]


def test_a_step_that_takes_too_long_is_ended(client: httpx.Client) -> None:
    forever = {"kind": "script", "source": "while True: pass", "timeout_s": 2}
    run = ended(client, submit(client, {"a": forever}))
    assert run["steps"][0]["reason"] == "It took longer than its time limit of 2 s."


def test_aborting(client: httpx.Client, evidence: Evidence) -> None:
    """One step with what follows it, then the run; what has ended is not aborted again (S4-20)."""
    wait = "import time\ntime.sleep(600)"
    steps = {"a": script(wait), "after": script("", "a"), "b": script(wait)}
    run = submit(client, steps, parameters={"evidence": str(evidence.path)})
    both = {"a": "STARTED", "b": "STARTED", "after": "PENDING"}
    until(client, run, lambda state: statuses(state) == both)
    step = client.delete(f"runs/{run['id']}/a")
    assert (step.status_code, step.json()["status"]) == (200, "ABORTED")
    assert statuses(client.get(f"runs/{run['id']}").json()) == {"a": "ABORTED", "after": "ABORTED", "b": "STARTED"}
    assert client.delete(f"runs/{run['id']}/a").status_code == 409
    whole = client.delete(f"runs/{run['id']}").json()
    assert (whole["status"], whole["outcome"]) == ("ABORTED", "aborted")
    assert whole["reason"].startswith("aborted by ")
    again = client.delete(f"runs/{run['id']}")
    assert again.status_code == 409 and "has ended (ABORTED)" in again.json()["message"]
    assert client.delete("runs/no-such-run").status_code == 404
    assert client.get(f"runs/{run['id']}/nothing").status_code == 404


def test_a_step_reports_and_listeners_hear_it(server: PrivateServer, client: httpx.Client) -> None:
    """S4-15: several times during its life, live over Jupyter Events; it may fail by its own word."""
    code = "import wallaroo, time\nwallaroo.step.report('half of it')\ntime.sleep(600)"
    run: dict[str, Any] = {}

    def act() -> None:
        run.update(submit(client, {"a": {"kind": "script", "source": code}, "b": script("", "a")}))
        until(client, run, lambda state: state["steps"][0]["message"] == "half of it")
        assert client.put(f"runs/{run['id']}/b", json={"status": "STARTED", "message": "x"}).status_code == 409
        assert client.put(f"runs/{run['id']}/a", json={"status": "SUCCESS"}).status_code == 400
        told = client.put(f"runs/{run['id']}/a", json={"status": "FAILURE", "message": "no data today"})
        assert told.json()["reason"] == "no data today"

    events = heard(server, act, lambda event: kind(event) == "run" and event["outcome"] is not None)
    steps = [(event["step"], event["status"], event["message"]) for event in events if kind(event) == "run_step"]
    assert steps == [
        ("a", "STARTED", None),
        ("a", "STARTED", "half of it"),
        ("a", "FAILURE", None),
        ("b", "ABORTED", None),
    ]
    runs = [(event["status"], event["outcome"]) for event in events if kind(event) == "run"]
    assert runs == [("PENDING", None), ("STARTED", None), ("SUCCESS", "failed")]


def test_a_queued_run_says_that_its_source_has_changed(small: PrivateServer) -> None:
    """A22: it runs what was submitted all the same."""
    with small.client as client:
        (small.directory / "job.py").write_text("import wallaroo; wallaroo.step.output('x', 'old')")
        busy = submit(client, {"a": {"kind": "script", "source": "import time\ntime.sleep(600)"}}, background=True)
        until(client, busy, lambda state: state["status"] == "STARTED")
        queued = submit(client, {"job": {"kind": "script", "path": "job.py"}}, background=True)
        assert (queued["status"], queued["place"], queued["stale"]) == ("PENDING", 0, False)
        (small.directory / "job.py").write_text("import wallaroo; wallaroo.step.output('x', 'new')")
        changed = client.get(f"runs/{queued['id']}").json()
        assert (changed["stale"], changed["changed_steps"]) == (True, ["job"])
        (listed,) = client.get("runs", params={"status": "PENDING"}).json()["runs"]
        assert listed["id"] == queued["id"] and listed["stale"]
        client.delete(f"runs/{busy['id']}")
        assert ended(client, queued)["outcome"] == "ok"
        assert client.get(f"runs/{queued['id']}/job/outputs/x").json() == "old"


def test_an_interactive_run_starts_while_background_jobs_saturate_the_queue(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Must show 6, S4-23: 20 background jobs, and an interactive run's own code runs soon."""
    spin = {"kind": "script", "source": "while True: pass"}
    evidence = Evidence(tmp_path / "evidence")
    with PrivateServer(tmp_path_factory.mktemp("busy")) as server, server.client as client:
        jobs = [submit(client, {"a": spin, "b": spin}, background=True) for _ in range(20)]
        until(client, jobs[1], lambda state: set(statuses(state).values()) == {"STARTED"})
        begun = time.monotonic()
        run = submit(client, {"a": script("")}, parameters={"evidence": str(evidence.path)})
        until(client, run, lambda state: statuses(state) == {"a": "STARTED"})
        started_s = time.monotonic() - begun
        assert ended(client, run)["outcome"] == "ok"
        waiting = client.get("runs", params={"status": "PENDING"}).json()["runs"]
        assert len(waiting) == 18
        print(f"started after {started_s:.2f} s, ended after {time.monotonic() - begun:.2f} s")
    assert started_s < START_LIMIT_S
    assert evidence.take() == ["a"]


def test_a_kernel_that_somebody_shuts_down(server: PrivateServer, client: httpx.Client) -> None:
    """Kernels of steps are among Jupyter's own, where a person may end one."""
    before = kernels(server, client)
    run = submit(client, {"a": {"kind": "script", "source": "import time\ntime.sleep(600)"}})
    until(client, run, lambda _: "busy" in (kernels(server, client).get(key) for key in new(server, client, before)))
    (kernel,) = new(server, client, before)
    assert client.delete(f"http://127.0.0.1:{server.port}/api/kernels/{kernel}").status_code == 204
    assert ended(client, run)["steps"][0]["reason"].startswith("Its kernel died (")


def test_the_process_that_executes_steps_dies(server: PrivateServer, client: httpx.Client) -> None:
    before = kernels(server, client)
    run = submit(client, {"a": {"kind": "script", "source": "import time\ntime.sleep(600)"}, "b": script("", "a")})
    until(client, run, lambda _: "busy" in (kernels(server, client).get(key) for key in new(server, client, before)))
    (runner,) = runners(server)
    os.kill(runner, signal.SIGKILL)
    state = ended(client, run)
    assert state["steps"][0]["reason"] == "The process that executed it died."
    assert new(server, client, before) == set()


def test_steps_run_on_the_kernels_of_a_gateway(tmp_path: Path) -> None:
    """Another Jupyter server stands for the gateway: it speaks the same API. Nothing runs beside its kernels."""
    where = "import os, wallaroo\nwallaroo.step.output('parent', os.getppid())"
    with PrivateServer(tmp_path / "gateway", options=drill.EXTENSION_ONLY) as gateway:
        options = (f"--gateway-url=http://127.0.0.1:{gateway.port}", f"--GatewayClient.auth_token={gateway.token}")
        with PrivateServer(tmp_path / "server", options=options) as server, server.client as client:
            steps = {
                "a": {"kind": "script", "source": where},
                "b": {"kind": "notebook", "source": graphs.notebook("1 / 0"), "parents": ["a"]},
                "c": {"kind": "script", "source": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"},
            }
            run = ended(client, submit(client, steps))
            assert statuses(run) == {"a": "SUCCESS", "b": "FAILURE", "c": "FAILURE"}, run["steps"]
            assert client.get(f"runs/{run['id']}/a/outputs/parent").json() == gateway.pid
            assert client.get(f"runs/{run['id']}/b").json()["reason"].startswith("ZeroDivisionError")
            assert client.get(f"runs/{run['id']}/c").json()["reason"].startswith("Its kernel died")
            with gateway.client as other:
                assert kernels(gateway, other) == {}


def kernels(server: PrivateServer, client: httpx.Client) -> dict[str, str]:
    """How each kernel of the server is."""
    listed = client.get(f"http://127.0.0.1:{server.port}/api/kernels").json()
    return {kernel["id"]: kernel["execution_state"] for kernel in listed}


def new(server: PrivateServer, client: httpx.Client, before: dict[str, str]) -> set[str]:
    """The kernels that were not there before."""
    return kernels(server, client).keys() - before.keys()


def runners(server: PrivateServer) -> list[int]:
    """The processes that execute steps."""
    found = []
    for child in psutil.Process(server.pid).children():
        with contextlib.suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
            found.extend([child.pid] if "jupyter_wallaroo.runner.steps" in child.cmdline() else [])
    return found
