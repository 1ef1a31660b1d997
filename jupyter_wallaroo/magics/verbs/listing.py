"""``%wl ls``: what there is."""

from __future__ import annotations

from collections.abc import Callable

from jupyter_wallaroo.magics import listings
from jupyter_wallaroo.magics.parser import Parser
from jupyter_wallaroo.magics.results import Shown
from jupyter_wallaroo.magics.usage import unknown
from jupyter_wallaroo.magics.verb import Call, Verb

_NOUNS: dict[str, Callable[[Call], Shown]] = {
    "pipelines": lambda call: listings.pipelines(call.client.get_current_workspace().pipelines()),
    "models": lambda call: listings.models(call.client.list_models()),
    "tasks": lambda call: listings.tasks(call.client.list_tasks()),
    "orchestrations": lambda call: listings.orchestrations(
        call.client.list_orchestrations(call.client.get_current_workspace().id())
    ),
    "runs": lambda call: listings.runs(call.client.list_runs()),
    "connections": lambda call: listings.connections(call.client.list_connections()),
    "workspaces": lambda call: listings.workspaces(call.client),
    "tags": lambda call: listings.tags(call.client.list_tags()),
    "users": lambda call: listings.users(call.client.list_users()),
}


def _configure(parser: Parser) -> None:
    noun = parser.add_argument("noun", metavar="NOUN", help=f"one of {', '.join(_NOUNS)}")
    parser.completes(noun, _NOUNS)


def _run(call: Call) -> Shown:
    noun = call.args.noun if call.args.noun.endswith("s") else f"{call.args.noun}s"
    if noun not in _NOUNS:
        raise unknown("noun", call.args.noun, _NOUNS)
    return _NOUNS[noun](call)


VERB = Verb(
    "ls",
    "list pipelines, models, tasks, connections, workspaces and so on",
    _run,
    _configure,
    examples=("%wl ls pipelines", "mine = %wl ls models"),
)
