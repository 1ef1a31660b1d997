"""YAML as we accept it: what is in it is what JSON could say, and nothing small becomes large."""

from __future__ import annotations

import time
from typing import Any

import pytest

from jupyter_wallaroo import strict_yaml
from jupyter_wallaroo.errors import InvalidRequest


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb: [x, 2.5, true, null]\nc: {d: 'é'}", {"a": 1, "b": ["x", 2.5, True, None], "c": {"d": "é"}}),
        ("- name: a\n- name: b", [{"name": "a"}, {"name": "b"}]),
        ('{"json": [1, "too"]}', {"json": [1, "too"]}),
        ("", None),
        ("key: |\n  two\n  lines\n", {"key": "two\nlines\n"}),
        ("version: '2026-01-01'", {"version": "2026-01-01"}),
    ],
)
def test_what_json_can_say_is_read(text: str, value: Any) -> None:
    assert strict_yaml.decode(text) == value


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [1", "not valid YAML: did not find expected ',' or ']' (line 2, column 1)"),
        ("a: 1\na: 2", "line 2, column 1: the key 'a' comes twice"),
        ("x: &x [1]\ny: *x", "line 2, column 4: aliases (*x) are not read"),
        ("--- 1\n--- 2", "line 2, column 1: a second document begins"),
        ("a: 2026-01-01", "'a': datetime.date(2026, 1, 1) is read as date, which JSON has not"),
        ("a: !!set {b}", "read as set"),
        ("a: [{b: !!binary eA==}]", "'a[0].b': b'x' is read as bytes"),
        ("a: .nan", "'a': expected a number of at most 64 bits; got nan"),
        ("a: -.inf", "expected a number"),
        (f"a: {2**63}", "expected a number of at most 64 bits"),
        ("1: x", "the key 1 should be text; got int"),
        ("a: {on: x}", "'a': the key True should be text; got bool"),
        ("? [a]\n: x", "not valid YAML"),
        ("a: 2026-99-99", "not valid YAML: month must be in 1..12"),
        ("!!python/object/apply:os.system [x]", "could not determine a constructor"),
        ("a: \x07", "not valid YAML"),
        ("[" * 65 + "]" * 65, "nested deeper than 64 levels"),
        ("[" * 5000, "nested deeper than 64 levels"),
        ("- " + "x\n- " * 20_001, "more than 20000 values"),
        ("# " + "x" * strict_yaml.MAX_BYTES, "longer than 262144 bytes"),
        ("a: " + "9" * 5000, "not valid YAML"),
    ],
)
def test_everything_else_is_refused_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        strict_yaml.decode(text)
    assert sentence in caught.value.message


def test_laughs_do_not_multiply() -> None:
    """A kilobyte that would stand for a billion values is refused at once."""
    lines = ["a0: &a0 [lol, lol]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    started = time.monotonic()
    with pytest.raises(InvalidRequest, match="aliases"):
        strict_yaml.decode("\n".join(lines))
    assert time.monotonic() - started < 0.5
