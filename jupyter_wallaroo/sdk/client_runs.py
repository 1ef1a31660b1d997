"""What a client does with graphs of steps; what that takes is imported with the first graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from jupyter_wallaroo.sdk.client import Client
    from jupyter_wallaroo.sdk.graph import GraphStep
    from jupyter_wallaroo.sdk.run import Run, Runs


class RunningGraphs:
    """A client as those see it who run graphs of steps."""

    def run_graph(
        self,
        steps: Mapping[str, GraphStep],
        *,
        run_type: str = "full",
        selection: Sequence[str] = (),
        parameters: Mapping[str, Any] | None = None,
        name: str | None = None,
        background: bool = False,
        wait: bool = True,
    ) -> Run:
        """Run a graph of steps, or a part of it, in the current workspace, and return the run.

        Each step runs once its parents have ended well, on a kernel and in a working copy of its own; independent steps
        run side by side. Everything is read when this is called: later edits do not change the run.

        Parameters
        ----------
        steps
            Each step by its name; see `wallaroo.graph`.
        run_type
            ``full``; ``selection``, only the selected steps; or ``incoming``, all that comes before them, without
            themselves.
        selection
            Names of steps.
        parameters
            For every notebook and script that does not say otherwise.
        name
            What to call the run.
        background
            Whether it is no person who waits for it: such runs have a queue of their own.
        wait
            Whether to wait until it has ended, with a line for each step.

        Raises
        ------
        InvalidRequest, EntityNotFoundError
            The graph cannot be run: a cycle, an unknown parent, file, kernel or pipeline; names it.
        Conflict
            Steps that are not selected have left nothing, or not as they are now; says what to run first.

        Examples
        --------
        >>> from wallaroo.graph import Notebook, Script  # doctest: +SKIP
        >>> run = wl.run_graph(  # doctest: +SKIP
        ...     {"load": Script("load.py"), "clean": Notebook("clean.ipynb", parents=["load"])}
        ... )
        load: SUCCESS (1.2 s)
        clean: SUCCESS (1.4 s)
        >>> run.outputs("clean")["houses"]  # doctest: +SKIP
        """
        from jupyter_wallaroo.sdk import graph, run

        client = cast("Client", self)
        return run.submit(
            client,
            graph.definition(steps, parameters),
            run_type=run_type,
            selection=[selection] if isinstance(selection, str) else selection,
            workspace_id=client.get_current_workspace().id(),
            name=name,
            background=background,
            folder=run.here(),
            wait=wait,
        )

    def get_run(self, run_id: str) -> Run:
        """Return a run by its UUID."""
        from jupyter_wallaroo.sdk import run

        return run.fetch(cast("Client", self), run_id)

    def list_runs(self, limit: int = 100) -> Runs:
        """Return the newest runs of the current workspace."""
        from jupyter_wallaroo.sdk import run

        client = cast("Client", self)
        return run.fetch_all(client, client.get_current_workspace().id(), limit)
