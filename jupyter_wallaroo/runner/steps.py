"""Executes the steps of one run: ``python -m jupyter_wallaroo.runner.steps PARENT``; only the server does.

Notebooks are parsed, cells sent and outputs gathered here, so that neither happens on Jupyter's event loop nor in its
memory. Orders come in on standard input, verdicts go out on standard output; the end of the input is the end.
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback

import msgspec

from jupyter_wallaroo.engine.process import die_with_parent
from jupyter_wallaroo.types.step_order import StepOrder, StepVerdict, ToRunner

LINE_BYTES = 4 * 2**20

_decode = msgspec.json.Decoder(ToRunner).decode
_encode = msgspec.json.Encoder().encode


class Steps:
    """The steps that are under way.

    Parameters
    ----------
    answers
        The file descriptor that verdicts are written to.
    """

    def __init__(self, answers: int) -> None:
        self._answers = answers
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def serve(self, orders: asyncio.StreamReader) -> None:
        """Take orders until there are no more."""
        while line := await orders.readline():
            said = _decode(line)
            if said.execute is not None:
                self._tasks[said.execute.number] = asyncio.create_task(self._execute(said.execute))
            if said.cancel is not None and said.cancel.number in self._tasks:
                self._tasks[said.cancel.number].cancel()

    async def _execute(self, order: StepOrder) -> None:
        from jupyter_wallaroo.runner import notebook

        try:
            verdict = await notebook.execute(order)
        except Exception as error:  # noqa: BLE001  the edge of the process: one step must not end the others
            traceback.print_exc()
            said = f"{type(error).__name__}: {error}"
            verdict = StepVerdict(number=order.number, reason=f"The step could not be executed ({said:.300}).")
        finally:
            del self._tasks[order.number]
        os.write(self._answers, _encode(verdict) + b"\n")


def main(parent: int) -> None:
    """Run the process to its end."""
    die_with_parent(parent)
    os.umask(0o077)
    answers = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints goes to the log, not among the verdicts

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        orders = asyncio.StreamReader(limit=LINE_BYTES)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        from jupyter_wallaroo.runner import notebook  # noqa: F401  imported while the kernels start

        await Steps(answers).serve(orders)

    asyncio.run(serve())


if __name__ == "__main__":
    main(int(sys.argv[1]))
