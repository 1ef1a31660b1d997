"""Connections by magic: what stands in a notebook is no secret."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.error import StdinNotImplementedError, UsageError

from jupyter_wallaroo.magics.connection_details import completed
from jupyter_wallaroo.sdk.connection import Connection
from tests.magics.shell import Shell
from tests.sdk.conftest import unique

SECRET = "correct horse battery"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked, each answered with the secret."""
    questions: list[str] = []

    def answer(question: str) -> str:
        questions.append(question)
        return SECRET

    monkeypatch.setattr(getpass, "getpass", answer)
    return questions


def details(shell: Shell, name: str) -> Any:
    return shell.run(f"%wl connection get {name}").details()


def test_the_secret_of_a_type_is_asked_for(shell: Shell, asked: list[str]) -> None:
    """And appears nowhere that is shown."""
    name = unique("pg")
    found = shell.run(f"%wl connection create {name} POSTGRES host=db.local port=5433 user=ada database=d --attach")
    assert asked == [f"password of {name}: "]
    assert isinstance(found, Connection) and len(found.workspace_names()) == 1
    assert SECRET not in shell.text_of(found) + shell.html_of(found) + shell.printed
    assert details(shell, name) == {
        "host": "db.local", "port": 5433, "user": "ada", "database": "d", "password": SECRET
    }  # fmt: skip


def test_secrets_from_the_environment_and_files(
    shell: Shell, asked: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody is asked then."""
    monkeypatch.setenv("MY_SECRET", SECRET)
    name = unique("env")
    shell.run(f"%wl connection create {name} POSTGRES host=h user=u database=d --env password=MY_SECRET")
    assert details(shell, name)["password"] == SECRET
    name = unique("file")
    (tmp_path / "details.yaml").write_text(f"host: h\npassword: {SECRET}\n")
    shell.run(f"%wl connection create {name} POSTGRES --file {tmp_path / 'details.yaml'} user=u database=d")
    assert details(shell, name) == {"host": "h", "password": SECRET, "user": "u", "database": "d"}
    assert asked == []
    with pytest.raises(UsageError, match="'NOT_SET' is not set"):
        shell.run("%wl connection create x POSTGRES --env password=NOT_SET")


def test_a_cell_of_details(shell: Shell, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A question mark asks, a dollar takes from the environment, at any depth."""
    monkeypatch.setenv("MY_SECRET", SECRET)
    name = unique("cell")
    shell.run(
        f"%%wl connection create {name} HTTP\nurl: http://127.0.0.1:9\ntoken: ?\nheaders:\n  X-Secret: $MY_SECRET\n"
    )
    assert asked == [f"token of {name}: "]
    assert details(shell, name) == {"url": "http://127.0.0.1:9", "token": SECRET, "headers": {"X-Secret": SECRET}}


@pytest.mark.parametrize(
    "words", ["password=hunter22", "secret=hunter22", "url=http://ada:hunter22@db/x", "aws_session_token=hunter22"]
)
def test_a_secret_in_clear_is_refused(shell: Shell, asked: list[str], words: str) -> None:
    """On the line and in a cell; the message does not repeat it, nothing is made."""
    for text in (
        f"%wl connection create clear HTTP {words}",
        f"%%wl connection create clear HTTP\n{words.replace('=', ': ', 1)}",
    ):
        with pytest.raises(UsageError, match="is a secret, and this notebook is saved") as refused:
            shell.run(text)
        assert "hunter22" not in str(refused.value)
    assert "clear" not in [item.name() for item in shell.run("%wl ls connections")]


def test_nobody_to_ask(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a notebook is run by a program: the line says where secrets may come from."""

    def refuse(_: str) -> str:
        raise StdinNotImplementedError("no")

    monkeypatch.setattr(getpass, "getpass", refuse)
    with pytest.raises(UsageError, match="--env KEY=VARIABLE"):
        shell.run("%wl connection create x POSTGRES host=h")


def test_attach_read_and_remove(shell: Shell, tmp_path: Path) -> None:
    """A folder: its rows, its workspaces, its end."""
    (tmp_path / "rows.csv").write_text("a,b\n1,x\n2,y\n")
    name, other = unique("folder"), unique("room")
    shell.run(f"%wl connection create {name} FILE path={tmp_path}")
    here = shell.run("%wl workspace").title.split("'")[1]
    shell.run(f"%wl workspace {other} --create")
    shell.run(f"%wl workspace {here}")
    shell.run(f"%wl connection attach {name}")
    assert shell.run(f"%wl connection attach {name} --workspace {other}").workspace_names() == [here, other]
    assert shell.run(f"%wl connection read {name} rows.csv").to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    assert shell.run(f"%wl connection read {name} rows.csv --arrow").num_rows == 2
    shell.run(f"%wl connection rm {name}")
    with pytest.raises(UsageError, match="There is no connection"):
        shell.run(f"%wl connection rm {name}")


@given(st.dictionaries(st.sampled_from(["host", "port", "database", "path"]), st.integers() | st.text(alphabet="abc ")))
def test_what_is_no_secret_stays_as_it_is(written: dict[str, Any]) -> None:
    assert completed(written, pytest.fail) == written
