"""Long work as it is seen: a line that is one line, nothing when quiet, never half an end."""

from __future__ import annotations

import pytest

from jupyter_wallaroo.sdk import waiting
from jupyter_wallaroo.sdk.progress import Headless, Silent
from tests.magics.shell import Shell


def test_headless_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """However often it goes on."""
    with waiting.shown_by(Headless):
        with waiting.progress("Uploading") as advance:
            for share in range(1000):
                advance(share / 1000)
        waiting.wait_until("Waiting", lambda: True, 1.0)
    assert capsys.readouterr().out == "Uploading  ok\nWaiting . ok\n"


def test_quiet_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting.shown_by(Silent), waiting.progress("Uploading") as advance:
        advance(0.5)
    assert capsys.readouterr().out == ""


def test_a_failure_ends_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    """And is raised."""
    with pytest.raises(KeyError), waiting.shown_by(Headless), waiting.progress("Uploading"):
        raise KeyError("x")
    assert capsys.readouterr().out == "Uploading  failed\n"


def test_who_did_not_ask_sees_what_was_always_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Uploads of the client say nothing by themselves."""
    with waiting.progress("Uploading") as advance:
        advance(1.0)
    assert capsys.readouterr().out == ""


def test_the_extension_goes_and_comes_back(environment: None) -> None:
    """The magic is gone after unload, and there again after load; twice is fine."""
    shell = Shell()
    try:
        shell.run("%load_ext jupyter_wallaroo")
        shell.shell.run_line_magic("unload_ext", "jupyter_wallaroo")
        assert "wl" not in shell.shell.magics_manager.magics["line"]
        assert not any("wallaroo" in str(item) for item in shell.shell.Completer.custom_matchers)
        shell.run("%load_ext jupyter_wallaroo")
        assert "wl" in shell.shell.magics_manager.magics["cell"]
    finally:
        shell.close()
