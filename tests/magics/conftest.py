"""What the tests of the magics share: a shell on the running server, in a workspace of its own, and a deployed model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jupyter_wallaroo.demo.server import PrivateServer
from tests.magics.shell import Shell
from tests.sdk.conftest import endpoint, unique

ROWS = 40


@pytest.fixture(scope="module")
def environment(server: PrivateServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The variables by which a kernel of the server finds it."""
    credentials = tmp_path_factory.mktemp("credentials") / "credentials.json"
    credentials.write_text(json.dumps({"token": server.token, "user_email": "ada@example.org", "user_id": "ada"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WALLAROO_URL", endpoint(server))
        patch.setenv("WALLAROO_SDK_CREDENTIALS", str(credentials))
        yield


@pytest.fixture(scope="module")
def shell(environment: None) -> Iterator[Shell]:
    """A shell that the module's tests share, in a workspace of its own."""
    opened = Shell()
    opened.run(f"%wl workspace {unique('magics')} --create")
    yield opened
    opened.close()


def fitted() -> tuple[Any, pd.DataFrame]:
    """A classifier of two numbers, and its rows."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"amount": rng.normal(size=ROWS), "age": rng.integers(18, 80, ROWS)})
    return LogisticRegression().fit(frame, frame["amount"] > 0), frame


@pytest.fixture(scope="module")
def deployed(shell: Shell) -> Iterator[str]:
    """The name of a deployed pipeline of the shell's workspace, whose rows are in the variable ``rows``."""
    name = unique("fraud")
    model, frame = fitted()
    shell.give(model=model, rows=frame)
    shell.run("%wl upload model --name fraud --sample rows")
    shell.run(f"%wl deploy {name} fraud")
    yield name
    shell.run(f"%wl undeploy {name}")
