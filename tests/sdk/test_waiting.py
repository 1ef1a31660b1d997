"""The line that grows while the server works."""

from __future__ import annotations

import io

import pytest

from jupyter_wallaroo.sdk.waiting import Outcome, wait_until


def test_the_line_reads_as_in_the_tutorials() -> None:
    """``Waiting for deployment - this will take up to 45s ....... ok``"""
    answers = iter([False, False, True])
    output = io.StringIO()
    outcome = wait_until("Waiting for x - this will take up to 45s", lambda: next(answers), 45, output=output)
    assert outcome is Outcome.DONE
    assert output.getvalue() == "Waiting for x - this will take up to 45s ... ok\n"


def test_a_wait_that_is_over_says_so() -> None:
    output = io.StringIO()
    assert wait_until("Waiting", lambda: False, 0.05, output=output) is Outcome.TIMED_OUT
    assert output.getvalue() == "Waiting . timed out\n"


def test_a_failure_ends_the_line() -> None:
    """Else the traceback would begin in the middle of it."""
    output = io.StringIO()
    with pytest.raises(ZeroDivisionError):
        wait_until("Waiting", lambda: bool(1 / 0), 1, output=output)
    assert output.getvalue() == "Waiting . failed\n"
