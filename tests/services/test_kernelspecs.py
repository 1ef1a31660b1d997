"""A project's kernelspecs: the form of seed 003, environments by image, nothing from outside the project."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.services.kernelspecs import MOUNTED, KernelSpecs

LOCAL = "enterprise_gateway.services.processproxies.processproxy.LocalProcessProxy"
SEED: dict[str, Any] = {
    "language": "python",
    "display_name": "Python on Docker",
    "metadata": {
        "process_proxy": {
            "class_name": "enterprise_gateway.services.processproxies.docker_swarm.DockerProcessProxy",
            "config": {"image_name": "elyra/kernel-py:2.2.0"},
        }
    },
    "env": {},
    "argv": ["python", f"{MOUNTED}python_docker/scripts/launch.py", "--RemoteProcessProxy.kernel-id", "{kernel_id}"],
}


def add(project: Path, name: str, content: Any) -> Path:
    folder = project / "kernels" / name
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def local(image_name: str, argv: list[str] | None = None, **more: Any) -> dict[str, Any]:
    proxy = {"class_name": LOCAL, "config": {"image_name": image_name}}
    return {**SEED, "metadata": {"process_proxy": proxy}, "argv": argv or ["python3", "-m", "x", "{kernel_id}"], **more}


def test_s4_03_a_containers_image_and_placeholders_are_passed_on(tmp_path: Path) -> None:
    """And what the seed's gateway finds where its folder is mounted is found in the project."""
    folder = add(tmp_path, "python_docker", SEED)
    specs = KernelSpecs(tmp_path, {})
    assert specs.read() == {"python_docker": SEED}, "there is no such script"
    (folder / "scripts").mkdir()
    (folder / "scripts" / "launch.py").write_text("")
    found = specs.read()["python_docker"]
    assert found["argv"] == ["python", str(folder / "scripts" / "launch.py"), *SEED["argv"][2:]]
    assert {**found, "argv": SEED["argv"]} == SEED
    specs.write({"python_docker": found}, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "python_docker" / "kernel.json").read_text()) == found
    assert (tmp_path / "out" / "python_docker" / "scripts" / "launch.py").is_file()


@pytest.mark.parametrize("image", ["absolute", "relative", "python itself", "named"])
def test_s4_06_an_image_of_this_machine_is_an_environment(tmp_path: Path, image: str) -> None:
    """Its Python stands in for ``python``, its programs come first in the path; the link to it is not followed."""
    project = tmp_path / "project"
    programs = project / "venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    names = {
        "absolute": str(project / "venv"),
        "relative": "venv",
        "python itself": str(programs / "python"),
        "named": "elyra/kernel-py:2.2.0",
    }
    add(project, "here", local(names[image]))
    add(project, "other-program", local(names[image], argv=["xeus", "{connection_file}"], env={"PATH": "/own"}))
    found = KernelSpecs(project, {names["named"]: str(project / "venv")}).read()
    assert found["here"]["argv"] == [str(programs / "python"), "-m", "x", "{kernel_id}"]
    assert found["here"]["env"]["PATH"].split(os.pathsep)[0] == str(programs)
    assert found["other-program"]["argv"] == ["xeus", "{connection_file}"]
    assert found["other-program"]["env"]["PATH"] == f"{programs}{os.pathsep}/own"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "missing required field `argv`"),
        ("[1]", "Expected `object`, got `array`"),
        ("{", "It is not valid JSON"),
        ({**SEED, "argv": []}, "'argv' is empty"),
        ({**SEED, "argv": ["python", 1]}, r"Expected `str`, got `int` at `argv\[1\]`"),
        ({**SEED, "env": {"A": 1}}, r"Expected `str`, got `int` at `env\[...\]`"),
        ({**SEED, "metadata": {"process_proxy": {}}}, "missing required field `class_name`"),
        (local("no-such-environment"), "names the environment 'no-such-environment', which is not here"),
        (json.dumps(SEED) + " " * 300_000, "larger than"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: Any, said: str) -> None:
    add(tmp_path, "mine", content)
    with pytest.raises(InvalidRequest, match=said) as caught:
        KernelSpecs(tmp_path, {}).read()
    assert caught.value.message.startswith("Kernelspec 'mine'")


def test_nothing_is_read_from_outside(tmp_path: Path) -> None:
    """Neither a linked file nor a linked folder; a name that is no kernelspec's is refused."""
    project, outside = tmp_path / "project", tmp_path / "outside"
    add(outside, "there", SEED)
    (project / "kernels").mkdir(parents=True)
    link = project / "kernels" / "there"
    link.symlink_to(outside / "kernels" / "there")
    with pytest.raises(InvalidRequest, match="lies outside the project"):
        KernelSpecs(project, {}).read()
    link.unlink()
    folder = add(project, "linked", SEED)
    (folder / "kernel.json").unlink()
    (folder / "kernel.json").symlink_to(outside / "kernels" / "there" / "kernel.json")
    with pytest.raises(InvalidRequest, match="lies outside the project"):
        KernelSpecs(project, {}).read()
    (folder / "kernel.json").unlink()
    add(project, "a b", SEED)
    with pytest.raises(InvalidRequest, match="'a b' cannot be the name of a kernelspec"):
        KernelSpecs(project, {}).read()


def test_a_project_without_any_has_none(tmp_path: Path) -> None:
    assert KernelSpecs(tmp_path, {}).read() == {}
