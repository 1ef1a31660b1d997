"""Run a command that the kernel ends when the server does: ``python -m jupyter_wallaroo.engine.tethered PARENT …``."""

from __future__ import annotations

import os
import sys

from jupyter_wallaroo.engine.process import die_with_parent

if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606  the server's own command, without a shell
