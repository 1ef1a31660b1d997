"""What IPython meets at ``%load_ext jupyter_wallaroo``: the magic's name, and who completes it. Imports nothing."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jupyter_wallaroo.magics.command import Commands

NAME = "wl"


class Hook:
    """The magic of one shell.

    Parameters
    ----------
    shell
        IPython's shell.
    """

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._commands: Commands | None = None
        self._lock = threading.Lock()

    def commands(self) -> Commands:
        """Return what runs lines, brought in when it is first needed."""
        with self._lock:
            if self._commands is None:
                from jupyter_wallaroo.magics.command import Commands

                self._commands = Commands(self._shell)
            return self._commands

    def warm_up(self, *_: object) -> None:
        """Bring it in beside the person, once the cell that loaded us has ended: the first Tab finds it there."""
        self._shell.events.unregister("post_run_cell", self.warm_up)
        threading.Thread(target=self.commands, name="wl-warm-up", daemon=True).start()

    def wl(self, line: str, cell: str | None = None) -> object:
        """Put models into production: upload, deploy, infer, watch.

        ``%wl`` shows the workspace at a glance, ``%wl -h`` lists the verbs, ``%wl deploy -h`` explains one. Tab
        completes verbs, flags and names.

        ==================================  ============================================================
        ``%wl upload model --name fraud``   a model in a variable, or a file, becomes a model version
        ``%wl deploy fraud fraud``          a pipeline of models is made, or changed, and runs
        ``%wl infer fraud df --out r``      rows in, results out
        ``%wl status fraud``                how it is
        ``%wl logs fraud``                  what was asked of it
        ``%wl panel fraud``                 all of that to click on
        ``%%wl task nightly``               the cell is run by the server, once or on a schedule
        ==================================  ============================================================
        """
        return self.commands().run(line, cell)

    def complete(self, context: Any) -> Any:
        """Return IPython's answer to Tab on a line of ours, and none on any other."""
        if f"%{NAME}" not in context.full_text:
            return {"completions": [], "suppress": False}
        commands = self.commands()
        from jupyter_wallaroo.magics import completion

        if context.cursor_line and context.full_text.lstrip().startswith(f"%%{NAME}"):
            return completion.nothing()
        return completion.matches(context.text_until_cursor, commands)

    def install(self) -> None:
        """Add the magic and its completion."""
        from IPython.core.completer import context_matcher

        self._shell.register_magic_function(self.wl, "line_cell", NAME)
        self.matcher = context_matcher(priority=100, identifier="jupyter_wallaroo")(_matcher_of(self))
        self._shell.Completer.custom_matchers.append(self.matcher)
        self._shell.events.register("post_run_cell", self.warm_up)

    def uninstall(self) -> None:
        """Take both away again."""
        for kind in ("line", "cell"):
            self._shell.magics_manager.magics[kind].pop(NAME, None)
        self._shell.Completer.custom_matchers.remove(self.matcher)
        if self.warm_up in self._shell.events.callbacks["post_run_cell"]:
            self._shell.events.unregister("post_run_cell", self.warm_up)


def _matcher_of(hook: Hook) -> Any:
    """Return a function that IPython's decorator can mark, which a method is not."""

    def complete(context: Any) -> Any:
        return hook.complete(context)

    return complete


_installed: dict[int, Hook] = {}


def install(shell: Any) -> None:
    """Give a shell the magic; more than once is fine."""
    if id(shell) not in _installed:
        hook = Hook(shell)
        hook.install()
        _installed[id(shell)] = hook


def uninstall(shell: Any) -> None:
    """Take the magic from a shell."""
    hook = _installed.pop(id(shell), None)
    if hook is not None:
        hook.uninstall()
