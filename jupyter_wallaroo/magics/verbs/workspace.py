"""``%wl workspace``: which workspace is meant."""

from __future__ import annotations

from jupyter_wallaroo.magics.parser import Live, Parser
from jupyter_wallaroo.magics.results import Facts
from jupyter_wallaroo.magics.usage import unknown
from jupyter_wallaroo.magics.verb import Call, Verb


def _configure(parser: Parser) -> None:
    parser.live(
        "name", Live.WORKSPACE, metavar="NAME", nargs="?", help="the one to use from now on; default: say which"
    )
    parser.add_argument("--create", action="store_true", help="make it when it is not there")


def _run(call: Call) -> Facts:
    client, name = call.client, call.args.name
    if name is not None:
        names = [item.name() for item in client.list_workspaces()]
        if name not in names and not call.args.create:
            raise unknown("workspace", name, names)
        client.set_current_workspace(client.get_workspace(name, create_if_not_exist=call.args.create))
    found = client.get_current_workspace()
    return Facts(
        f"Workspace {found.name()!r}",
        {
            "id": found.id(),
            "created": found.created_at()[:16].replace("T", " "),
            "pipelines": len(found.pipelines()),
            "models": len(found.models()),
            "connections": len(found.list_connections()),
        },
    )


VERB = Verb(
    "workspace",
    "say which workspace is used, or use another one",
    _run,
    _configure,
    examples=("%wl workspace", "%wl workspace fraud-team --create"),
)
