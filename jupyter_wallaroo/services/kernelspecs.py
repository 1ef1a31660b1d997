"""A project's own kernelspecs: read from its folder ``kernels``, checked, and put where a session's gateway looks.

They have the form of seed 003 (S4-03): ``metadata.process_proxy.class_name`` says what manages the kernel and
``config.image_name`` which environment it runs in. What a container's proxy takes for an image is passed on as it is;
for a kernel on this machine the image is an environment of Python, whose Python stands in for ``python`` in ``argv``.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from jupyter_wallaroo import errors, strict_json
from jupyter_wallaroo.errors import InvalidRequest

FOLDER = "kernels"
MAX_BYTES = 256 * 1024
MAX_KERNELSPECS = 100
LOCAL_PROXY = "LocalProcessProxy"
MOUNTED = "/usr/local/share/jupyter/kernels/"
"""Where the seed's gateway finds the folder; what ``argv`` looks for there is taken from the project."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_PYTHON = re.compile(r"python(3(\.\d+)?)?")


class _Config(Struct, frozen=True):
    image_name: str = ""


class _ProcessProxy(Struct, frozen=True):
    class_name: str
    config: _Config = field(default_factory=_Config)

    @property
    def is_local(self) -> bool:
        return self.class_name.rpartition(".")[2] == LOCAL_PROXY


class _Metadata(Struct, frozen=True):
    process_proxy: _ProcessProxy | None = None


class _KernelSpec(Struct, frozen=True):
    """What is read of a kernelspec; the rest is kept as it is."""

    argv: list[str]
    display_name: str
    language: str
    metadata: _Metadata = field(default_factory=_Metadata)
    env: dict[str, str] = field(default_factory=dict)


class KernelSpecs:
    """The kernelspecs of one project; its methods wait for the disk and belong in a thread.

    Parameters
    ----------
    project
        The project's folder, resolved.
    environments
        Environments of Python by the ``image_name`` that stands for them.
    """

    def __init__(self, project: Path, environments: Mapping[str, str]) -> None:
        self._project = project
        self._environments = environments

    def read(self) -> dict[str, dict[str, Any]]:
        """Return the kernelspecs by name, as the gateway of this machine takes them.

        Raises
        ------
        InvalidRequest
            One is not in the form of a kernelspec, names an environment that is not there, or lies outside the project;
            names it.
        """
        folder = self._project / FOLDER
        names = sorted(path.parent.name for path in folder.glob("*/kernel.json"))
        if len(names) > MAX_KERNELSPECS:
            raise InvalidRequest(f"The project has {len(names)} kernelspecs; at most {MAX_KERNELSPECS} are taken.")
        return {name: self._read(name, folder / name / "kernel.json") for name in names}

    def write(self, kernelspecs: Mapping[str, dict[str, Any]], directory: Path) -> None:
        """Write kernelspecs below ``directory``, with links to what else lies beside each in the project."""
        for name, content in kernelspecs.items():
            source, target = self._project / FOLDER / name, directory / name
            target.mkdir(parents=True)
            (target / "kernel.json").write_bytes(msgspec.json.encode(content))
            for item in source.iterdir():
                if item.name != "kernel.json":
                    (target / item.name).symlink_to(item)

    def _read(self, name: str, path: Path) -> dict[str, Any]:
        if not _NAME.fullmatch(name):
            raise InvalidRequest(
                f"{name[:100]!r} cannot be the name of a kernelspec: expected letters, digits, '.', '_' and '-'."
            )
        if not path.resolve().is_relative_to(self._project) or not path.is_file():
            raise InvalidRequest(f"Kernelspec {name!r} lies outside the project.", hint="Copy it into the project.")
        if path.stat().st_size > MAX_BYTES:
            raise InvalidRequest(f"Kernelspec {name!r} is larger than {MAX_BYTES} bytes, the most that is taken.")
        try:
            given = strict_json.decode_document(path.read_bytes())
            spec = msgspec.convert(given, _KernelSpec)
        except InvalidRequest as error:
            raise InvalidRequest(f"Kernelspec {name!r}: {error.message.replace('The request body', 'It')}") from None
        except msgspec.ValidationError as error:
            raise InvalidRequest(
                f"Kernelspec {name!r}: {str(error).replace('`$.', '`').replace(' - at', ' at')}."
            ) from None
        if not spec.argv:
            raise InvalidRequest(f"Kernelspec {name!r}: 'argv' is empty: expected a program and its arguments.")
        return {**given, **self._prepared(name, spec)}

    def _prepared(self, name: str, spec: _KernelSpec) -> dict[str, Any]:
        """Return what is written otherwise than it was read."""
        argv = [self._from_project(argument) for argument in spec.argv]
        proxy = spec.metadata.process_proxy
        if proxy is None or not proxy.is_local or not proxy.config.image_name:
            return {"argv": argv}
        python = self._python(name, proxy.config.image_name)
        if _PYTHON.fullmatch(argv[0]):
            argv[0] = python
        programs = str(Path(python).parent)
        path = spec.env.get("PATH") or os.environ.get("PATH") or os.defpath
        return {"argv": argv, "env": {**spec.env, "PATH": os.pathsep.join([programs, path])}}

    def _from_project(self, argument: str) -> str:
        if not argument.startswith(MOUNTED) or os.path.exists(argument):
            return argument
        path = self._project / FOLDER / argument.removeprefix(MOUNTED)
        return str(path) if path.resolve().is_relative_to(self._project) and path.exists() else argument

    def _python(self, name: str, image_name: str) -> str:
        """Return the Python of the environment that an image's name stands for on this machine."""
        given = self._project / Path(self._environments.get(image_name, image_name)).expanduser()
        for path in (given / "bin" / "python", given):
            if path.is_file() and os.access(path, os.X_OK):
                return os.path.abspath(path)  # not resolved: the link is what makes an environment of it
        from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

        registered = KernelSpecManager()
        try:
            program: str = registered.get_kernel_spec(image_name).argv[0]
        except (NoSuchKernel, IndexError):
            names = sorted(registered.find_kernel_specs())
            raise InvalidRequest(
                f"Kernelspec {name!r} names the environment {image_name!r}, which is not here: expected the folder "
                "of a Python environment (absolute, or in the project), a Python, or a registered kernelspec's name.",
                hint=f"{errors.nearest(image_name, names)} Or say where it is: "
                f"c.WallarooApp.session_environments = {{{image_name!r}: '/path/to/environment'}}.".strip(),
            ) from None
        return program if os.path.isabs(program) else sys.executable
