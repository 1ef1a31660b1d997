"""Workspaces: made, found, shown, shared."""

from __future__ import annotations

import ast
import datetime
from pathlib import Path

import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from jupyter_wallaroo.sdk import Client
from jupyter_wallaroo.sdk.object import Conflict, EntityNotFoundError
from tests.sdk.conftest import endpoint, unique


def test_s2_18_there_is_a_current_workspace(server: PrivateServer) -> None:
    """At first the default one; calls that do not say mean it."""
    with Client(endpoint(server), token=server.token) as wl:
        default = wl.get_current_workspace()
        assert "Default Workspace" in default.name()
        made = wl.create_workspace(unique("current"))
        assert wl.set_current_workspace(made) is made
        assert wl.get_current_workspace() == made != default
        pipeline = wl.build_pipeline(unique("in-current"))
        assert pipeline.workspace_id() == made.id()
        assert wl.list_models() == []
        with pytest.raises(TypeError, match="takes a Workspace; got str"):
            wl.set_current_workspace(made.name())  # type: ignore[arg-type]


def test_s5_14_s2_20_workspaces_are_listed_and_made(wl: Client) -> None:
    name = unique("listed")
    made = wl.create_workspace(name)
    (found,) = [item for item in wl.list_workspaces() if item.name() == name]
    assert found == made
    assert isinstance(found.id(), int)
    assert wl.get_workspace(name) == made
    with pytest.raises(Conflict):
        wl.create_workspace(name)
    with pytest.raises(EntityNotFoundError, match="Did you mean"):
        wl.get_workspace(f"{name}x")
    assert wl.get_workspace(f"{name}x", create_if_not_exist=True).name() == f"{name}x"
    assert wl.get_workspace(f"{name}x", True).name() == f"{name}x"


def test_s2_19_a_workspace_prints_as_a_dict(wl: Client, model_file: Path) -> None:
    """Keys and kinds of values as the seed shows them."""
    workspace = wl.create_workspace(unique("printed"))
    before = wl.get_current_workspace()
    wl.set_current_workspace(workspace)
    try:
        wl.upload_model("m", model_file)
        wl.build_pipeline("p")
    finally:
        wl.set_current_workspace(before)
    shown = eval(repr(workspace), {"datetime": datetime})  # noqa: S307  our own text
    assert list(shown) == ["name", "id", "archived", "created_by", "created_at", "models", "pipelines"]
    assert shown["archived"] is False
    assert isinstance(shown["created_at"], str)
    (model,) = shown["models"]
    assert list(model) == ["name", "versions", "owner_id", "last_update_time", "created_at"]
    assert model["versions"] == 1
    assert isinstance(model["created_at"], datetime.datetime)
    (pipeline,) = shown["pipelines"]
    assert list(pipeline) == ["name", "create_time", "definition"]
    assert pipeline["definition"] == "[]"
    assert [item.name() for item in workspace.models()] == ["m"]
    assert [item.name() for item in workspace.pipelines()] == ["p"]
    assert ast.literal_eval(pipeline["definition"]) == []


def test_lists_are_tables_and_lists(wl: Client) -> None:
    workspaces = wl.list_workspaces()
    html = workspaces._repr_html_()
    assert html.startswith("<table><tr><th>ID</th><th>Name</th><th>Created At</th><th>Users</th>")
    assert wl.get_current_workspace().name() in html
    assert workspaces[:1] == [workspaces[0]]
    assert type(workspaces[:1]) is type(workspaces)
    assert wl.create_workspace(unique("empty")).models()._repr_html_() == "(no models)"
    assert wl.create_workspace(unique("empty")).pipelines()._repr_html_() == "(no pipelines)"


def test_users_are_known_and_added(wl: Client) -> None:
    """On a server of one user there is one; adding whom nobody knows is refused."""
    workspace = wl.create_workspace(unique("shared"))
    (me,) = workspace.users()
    assert workspace.owners() == [me]
    assert me.id() == workspace.created_by()
    assert me in wl.list_users()
    assert wl.get_user_by_email(me.email()) == me
    assert wl.get_user_by_email("nobody@example.com") is None
    assert me.enabled()
    assert me.username() in repr(me)
    with pytest.raises(EntityNotFoundError):
        workspace.add_user("nobody@example.com")
