"""Run an application that ends with whoever started it: ``python -m jupyter_wallaroo.demo.tied PIPE MODULE OPTIONS…``.

Nobody writes to the pipe. Its other end is the starter's alone, so it is closed when the starter is gone, however that
came: a program that was killed cannot end its server itself.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    """Run a module as the program, with the options that follow its name."""
    pipe, module = int(sys.argv[1]), sys.argv[2]
    os.set_inheritable(pipe, False)
    del sys.argv[1:3]
    threading.Thread(target=_end_with, args=(pipe,), name="tied", daemon=True).start()
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with(pipe: int) -> None:
    os.read(pipe, 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
