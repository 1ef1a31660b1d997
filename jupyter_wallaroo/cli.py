"""The command ``jupyter wallaroo``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from jupyter_wallaroo import __version__


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one sub-command and return the exit status."""
    parser = argparse.ArgumentParser(
        "jupyter wallaroo", description="Put models into production from a notebook, in one Jupyter server."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    demo = commands.add_parser(
        "demo", help="deploy a real model on a private server, ask it, read the log, and clean up (about 10 s)"
    )
    demo.set_defaults(run=_demo)
    chosen = parser.parse_args(arguments)
    status: int = chosen.run()
    return status


def _demo() -> int:
    from jupyter_wallaroo.demo.tour import tour
    from jupyter_wallaroo.errors import WallarooError

    try:
        tour()
    except WallarooError as error:
        print(f"jupyter wallaroo demo: {error.message} {error.hint}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
