"""The files of steps: a working copy for the time a step runs, and what it left among the blobs.

Each step has a directory of its own: ``source``, ``work`` (the working copy, a piece of the root folder with the files
that the step named), ``tmp``, ``inputs.json``, ``outputs``. It goes when the step has ended. All methods wait for the
disk and belong in a thread.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.store.blobs import Blobs
from jupyter_wallaroo.types.run import StepOutput
from jupyter_wallaroo.types.run_plan import CodeWork, InputFile, StepInputs, WrittenOutput
from jupyter_wallaroo.types.step_order import (
    DIRECTORY_VARIABLE,
    EXECUTED_NAME,
    INDEX_NAME,
    INPUTS_NAME,
    KERNEL_NAME,
    OUTPUTS_NAME,
    SOURCE_NAME,
    TEMPORARY_NAME,
    WORK_NAME,
)

_log = logging.getLogger(__name__)

_decode_written = msgspec.json.Decoder(WrittenOutput).decode
_encode = msgspec.json.Encoder().encode

Outputs = Sequence[StepOutput]


class StepFiles:
    """The steps' directories of one server.

    Parameters
    ----------
    directory
        Holds them; what a killed server left there goes with `sweep`.
    blobs
        Where sources are, and outputs go.
    """

    def __init__(self, directory: Path, blobs: Blobs) -> None:
        self._directory = directory
        self.blobs = blobs

    def sweep(self) -> list[str]:
        """End every process and remove every file that steps of an earlier server left; return their kernels' ids."""
        kill_marked(self._directory)
        kernels = [path.read_text() for path in self._directory.glob(f"*/*/{KERNEL_NAME}")]
        shutil.rmtree(self._directory, ignore_errors=True)
        self._directory.mkdir(mode=0o700)
        return kernels

    def idle(self, run_id: str) -> Path:
        """Return a directory of a run in which its runner works."""
        path = self._directory / run_id / "runner"
        path.mkdir(parents=True, mode=0o700)
        return path

    def forget_run(self, run_id: str) -> None:
        """Remove whatever a run still has here."""
        shutil.rmtree(self._directory / run_id, ignore_errors=True)

    def prepare(self, run_id: str, key: str, work: CodeWork, inputs: Mapping[str, Outputs]) -> Path:
        """Make the directory of a step with everything that it needs."""
        directory = self._directory / run_id / f"step-{key}"
        for name in (WORK_NAME, TEMPORARY_NAME, OUTPUTS_NAME):
            (directory / name).mkdir(parents=True, mode=0o700)
        shutil.copyfile(self.blobs.path(work.source_sha), directory / SOURCE_NAME)
        for place, sha in {**work.files, work.place: work.source_sha}.items():
            target = directory / WORK_NAME / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.blobs.path(sha), target)
        given = {parent: [self._input(output) for output in outputs] for parent, outputs in inputs.items()}
        (directory / INPUTS_NAME).write_bytes(_encode(StepInputs(parents=given, parameters=work.parameters)))
        return directory

    def _input(self, output: StepOutput) -> InputFile:
        path = str(self.blobs.path(output.sha))
        return InputFile(name=output.name, kind=output.kind, path=path, file_name=output.file_name)

    @staticmethod
    def note_kernel(directory: Path, kernel_id: str) -> None:
        """Write down which kernel runs a step, for `sweep`."""
        (directory / KERNEL_NAME).write_text(kernel_id)

    def collect(self, directory: Path) -> tuple[list[StepOutput], str | None]:
        """Take what a step left, the last of each name, and its executed notebook's SHA-256, in among the blobs.

        Raises
        ------
        InvalidRequest
            An output is not there, or no regular file.
        """
        executed = directory / EXECUTED_NAME
        notebook_sha = self.blobs.adopt(executed) if executed.is_file() else None
        index = directory / OUTPUTS_NAME / INDEX_NAME
        lines = index.read_bytes().splitlines() if index.is_file() else []
        written = {output.name: output for output in map(_decode_written, lines)}
        return [self._keep(directory / OUTPUTS_NAME, output) for output in written.values()], notebook_sha

    def _keep(self, folder: Path, written: WrittenOutput) -> StepOutput:
        path = folder / Path(written.stored).name
        try:
            facts = path.lstat()
        except FileNotFoundError:
            facts = None
        if facts is None or not stat.S_ISREG(facts.st_mode):
            raise InvalidRequest(f"The step's output {written.name!r} is no longer where the step put it.")
        return StepOutput(
            name=written.name,
            kind=written.kind,
            sha=self.blobs.adopt(path),
            size_bytes=facts.st_size,
            file_name=written.file_name,
        )

    @staticmethod
    def remove(directory: Path) -> None:
        """End whatever of a step still runs, and remove its directory (A21)."""
        kill_marked(directory)
        shutil.rmtree(directory, ignore_errors=True)


def kill_marked(directory: Path) -> int:
    """End every process that was told of a step's directory at or below ``directory``; return how many those were.

    A process that a step started inherits its environment, wherever it went since.
    """
    mark = f"\0{DIRECTORY_VARIABLE}={directory}".encode()
    killed = 0
    for pid in (int(name) for name in os.listdir("/proc") if name.isdecimal()):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                told = b"\0" + file.read()
            at = told.find(mark)
            if at >= 0 and told[at + len(mark) : at + len(mark) + 1] in (b"", b"\0", b"/") and pid != os.getpid():
                os.kill(pid, signal.SIGKILL)
                killed += 1
        except OSError:
            continue
    if killed:
        _log.info("wallaroo: ended %s processes that steps had left", killed)
    return killed
