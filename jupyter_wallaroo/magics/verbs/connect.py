"""``%wl connect``: which server the magics talk to."""

from __future__ import annotations

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.magics.parser import Parser
from jupyter_wallaroo.magics.results import Facts
from jupyter_wallaroo.magics.verb import Call, Verb
from jupyter_wallaroo.sdk.client import Client


def _configure(parser: Parser) -> None:
    parser.add_argument(
        "url", metavar="URL", nargs="?", help="Jupyter's address followed by /wallaroo; default: this one"
    )


def _run(call: Call) -> Facts:
    client = _client(call)
    call.session.connect(client)
    return Facts(
        f"Connected to {client.api_endpoint}",
        {"workspace": client.get_current_workspace().name(), "server": client.server_version},
    )


def _client(call: Call) -> Client:
    """Return a client; the token of a server that is not the notebook's own is asked for."""
    try:
        return Client(call.args.url)
    except InvalidRequest as error:
        if call.args.url is None or "No token is known" not in error.message:
            raise
    return Client(call.args.url, token=call.session.ask_secret(f"Token for {call.args.url}: "))


VERB = Verb(
    "connect",
    "use a server, by default the one that runs this notebook",
    _run,
    _configure,
    examples=("%wl connect", "%wl connect http://localhost:8888/wallaroo"),
)
