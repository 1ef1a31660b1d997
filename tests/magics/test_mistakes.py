"""What a person gets wrong is one line that says what was meant."""

from __future__ import annotations

import pytest
from IPython.core.error import UsageError

from tests.magics.shell import Shell

MISTAKES = {
    "%wl deplyo x": "There is no verb 'deplyo'. Did you mean 'deploy'",
    "%wl panel x": "Pipeline 'x' does not exist",
    "%wl connection creat x": "There is no verb 'creat' of connection. Did you mean 'create'",
    "%wl task nightly": "There is no verb 'nightly' of task.",
    "%wl task log x": "There is no verb 'log' of task. Did you mean 'logs'? %%wl task, with two %, takes a cell.",
    "%%wl task x --shedule y\nz": "There is no flag '--shedule' of %%wl task. Did you mean '--schedule'",
    "%%wl task\nx": "%%wl task: the following arguments are required: NAME",
    "%wl deploy x --replica 3": r"There is no flag '--replica' of %wl deploy. Did you mean '--replicas'",
    "%wl deploy x --replicas three": "argument --replicas: invalid int value: 'three'",
    "%wl status": "the following arguments are required: PIPELINE",
    "%wl status a b": "'b' is one argument too many",
    "%wl status 'a": "cannot be read: No closing quotation. Close the quotes",
    "%wl upload x": "the following arguments are required: --name",
    "%wl status nobody-has-this": "Pipeline 'nobody-has-this' does not exist",
    "%wl connection get nope": "There is no connection 'nope'",
    "%%wl\nx": "takes no cell",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_one_line_says_it(shell: Shell, line: str) -> None:
    with pytest.raises(UsageError) as refused:
        shell.run(line)
    assert MISTAKES[line].replace("\\", "") in str(refused.value)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 700


def test_a_name_that_is_nearly_one_is_offered(shell: Shell, deployed: str) -> None:
    """The server knows the names."""
    with pytest.raises(UsageError, match=f"Did you mean .*{deployed!r}"):
        shell.run(f"%wl status {deployed}x")
