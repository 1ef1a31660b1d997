"""What a ``requirements.txt`` becomes: arguments of the installer, or a refusal that names the line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_wallaroo.errors import InvalidUpload
from jupyter_wallaroo.supervisor.requirements import MAX_REQUIREMENTS, from_file


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", []),
        ("# nothing\n\n   \n", []),
        ("--pre\n", []),
        ("b >=1,<2\na[y,x] == 1.0  # why\n", ["a[x,y]==1.0", "b<2,>=1"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("a \\\n  ==1.0\n", ["a==1.0"]),
        ("# a comment that ends so \\\na\n", ["a"]),
        ("a==1.0 \\", ["a==1.0"]),
        ("a\na\n", ["a"]),
        ('a; python_version < "3"', ['a; python_version < "3"']),
        ("b\n--pre\n--only-binary :all:\n--prefer-binary", ["--only-binary=:all:", "--pre", "--prefer-binary", "b"]),
        ("b\n--no-binary=b,c-d\n", ["--no-binary=b,c-d", "b"]),
    ],
)
def test_what_is_taken(text: str, arguments: list[str]) -> None:
    """In one form, so that the same ones in another order are the same environment."""
    assert from_file(text) == arguments


@pytest.mark.parametrize(
    ("text", "line", "remedy"),
    [
        ("a\n\n--index-url http://example.org", 3, "Leave it out"),
        ("a\n-r other.txt", 2, "Leave it out"),
        ("-e .", 1, "Leave it out"),
        ("--pre=1", 1, "Leave it out"),
        ("--only-binary", 1, "--only-binary=:all:"),
        ("--no-binary ../x", 1, "names of packages"),
        ("--only-binary=numpy --index-url=http://example.org", 1, "names of packages"),
        ("a\n${NAME}", 2, "variables are not replaced"),
        ("a\n\n\nb==1 --hash=sha256:00", 4, "Leave '--hash' out"),
        ("x @ file:///tmp/x.whl", 1, "Write 'x' with its version"),
        ("a \\\n-r x", 1, "Leave '-r' out"),
        ("./x.whl", 1, "one package per line"),
    ],
)
def test_what_is_refused(text: str, line: int, remedy: str) -> None:
    """By its line, with what to do (SECURITY B7)."""
    with pytest.raises(InvalidUpload) as caught:
        from_file(text)
    assert caught.value.message.startswith(f"requirements.txt, line {line}: ")
    assert remedy in caught.value.hint


def test_too_many() -> None:
    """Counted without those that are there twice."""
    assert len(from_file("\n".join(f"p{number % 100}" for number in range(300)))) == 100
    with pytest.raises(InvalidUpload, match=f"at most {MAX_REQUIREMENTS}"):
        from_file("\n".join(f"p{number}" for number in range(MAX_REQUIREMENTS + 1)))


_WORDS = st.sampled_from(
    ["numpy", "==1.0", " ", "\n", "\\\n", "#", "-", "--pre", "--only-binary", "=", ":all:", "-r", "x", "${A}", "/", "@"]
)


@given(st.lists(_WORDS | st.text(max_size=3), max_size=12).map("".join))
def test_any_text_gives_harmless_arguments_or_is_refused(text: str) -> None:
    """Each is a package with versions or one of four options: no path, no address, no other option."""
    try:
        arguments = from_file(text)
    except InvalidUpload:
        return
    for argument in arguments:
        name, _, value = argument.partition("=")
        assert argument[0].isalnum() or name in ("--pre", "--prefer-binary", "--only-binary", "--no-binary")
        assert argument[0].isalnum() or not set(value) & set("/\\@$ ")
        assert argument[0] == "-" or "@" not in argument
        assert argument.isprintable()
    assert from_file("\n".join(arguments)) == arguments
