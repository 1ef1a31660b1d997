"""``%wl connection``: what is needed to reach other systems, made without a secret in the notebook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jupyter_wallaroo import strict_yaml
from jupyter_wallaroo.magics import connection_details
from jupyter_wallaroo.magics.connection_details import ASKED, completed, parse
from jupyter_wallaroo.magics.parser import Live, Parser
from jupyter_wallaroo.magics.usage import unknown, usage
from jupyter_wallaroo.magics.verb import Call, Verb
from jupyter_wallaroo.sdk.connection import Connection

_QUESTION = re.compile(r"(?m)(:[ \t]+)\?(?=[ \t]*$)")
"""``password: ?``, which YAML itself takes for the beginning of a key."""


def _configure_name(parser: Parser) -> None:
    parser.live("name", Live.CONNECTION, metavar="NAME", help="the connection's name")


def _configure_create(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", help="its name, which nobody else's has")
    parser.live("type", Live.CONNECTION_TYPE, metavar="TYPE", help="such as POSTGRES, S3, HTTP or FILE")
    parser.add_argument("details", metavar="KEY=VALUE", nargs="*", help="details; ? asks, $NAME is of the environment")
    parser.add_argument("--secret", metavar="KEY", action="append", default=[], help="ask for this one")
    parser.add_argument(
        "--env", metavar="KEY=VARIABLE", action="append", default=[], help="take it from the environment"
    )
    parser.add_argument("--file", metavar="PATH", help="more details, in a JSON or YAML file; may hold secrets")
    parser.add_argument("--attach", action="store_true", help="attach it to the workspace at once")


def _create(call: Call) -> Connection:
    args = call.args
    written = parse(args.details) | (
        _mapping(_QUESTION.sub(r"\1'?'", call.cell), "The cell") if call.cell is not None else {}
    )
    details = _of_file(args.file) | completed(written, lambda place: _ask(call, place))
    for pair in args.env:
        key, equals, name = pair.partition("=")
        if not equals:
            raise usage(f"--env {pair[:60]!r}: expected KEY=VARIABLE, as password=PGPASSWORD.")
        details[key] = connection_details.variable(name, key)
    details |= {key: _ask(call, key) for key in args.secret}
    kind = args.type.upper()
    if not details.get("anonymous"):
        asked = {key: _ask(call, key) for key in ASKED.get(kind, ()) if key not in details}
        details |= {key: value for key, value in asked.items() if value}
    made = call.client.create_connection(args.name, args.type, details)
    if args.attach:
        made.add_to(call.client.get_current_workspace().id())
        made = call.client.get_connection(args.name)
    return made


def _ask(call: Call, place: str) -> str:
    return call.session.ask_secret(f"{place} of {call.args.name}: ")


def _of_file(path: str | None) -> dict[str, Any]:
    if path is None:
        return {}
    return _mapping(Path(path).expanduser().read_text(encoding="utf-8"), path)


def _mapping(text: str, label: str) -> dict[str, Any]:
    found = strict_yaml.decode(text)
    if not isinstance(found, dict):
        raise usage(f"{label} does not hold details: expected YAML or JSON with keys, as host: db.example.org.")
    return found


def _get(call: Call) -> Connection:
    return _named(call)


def _configure_attach(parser: Parser) -> None:
    _configure_name(parser)
    parser.live("--workspace", Live.WORKSPACE, metavar="W", help="default: the current one")


def _attach(call: Call) -> Connection:
    connection = _named(call)
    name = call.args.workspace
    workspace = call.client.get_current_workspace() if name is None else call.client.get_workspace(name)
    connection.add_to(workspace.id())
    return call.client.get_connection(connection.name())


def _configure_read(parser: Parser) -> None:
    _configure_name(parser)
    parser.add_argument(
        "source", metavar="SOURCE", nargs="?", help="a query, path or topic; default: as the details say"
    )
    parser.add_argument("--arrow", action="store_true", help="as an Arrow table")


def _read(call: Call) -> Any:
    return _named(call).read(call.args.source, arrow=call.args.arrow)


def _remove(call: Call) -> None:
    _named(call).delete_connection()
    call.say(f"Connection {call.args.name!r} is deleted, from every workspace.")


def _named(call: Call) -> Connection:
    names = [item.name() for item in call.client.list_connections()]
    if call.args.name not in names:
        raise unknown("connection", call.args.name, names)
    return call.client.get_connection(call.args.name)


VERB = Verb(
    "connection",
    "make, show, attach, read or delete a connection",
    verbs=(
        Verb(
            "create",
            "make a connection; secrets are asked for and never stand in the notebook",
            _create,
            _configure_create,
            cell="details as YAML or JSON, with ? where a secret is to be asked for",
            examples=(
                "%wl connection create houses POSTGRES host=db.local user=ada database=houses",
                "%wl connection create lake S3 bucket=lake --env key=AWS_KEY --env secret=AWS_SECRET",
                "%%wl connection create houses POSTGRES",
                "host: db.local",
                "password: ?",
            ),
        ),
        Verb("get", "show a connection, without its details", _get, _configure_name),
        Verb("attach", "let a workspace use a connection", _attach, _configure_attach),
        Verb(
            "read",
            "read data from where a connection leads",
            _read,
            _configure_read,
            examples=('%wl connection read houses "SELECT * FROM houses" --out df',),
        ),
        Verb("rm", "delete a connection", _remove, _configure_name),
    ),
)
