"""What a model or an orchestration needs installed, as arguments of the installer and nothing else (SECURITY B7).

An argument is a package with versions, or one of a few options that say which of its files may be taken. Options that
name other places, files or commands are refused, so are paths and URLs; nothing is expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from packaging.requirements import InvalidRequirement, Requirement

from jupyter_wallaroo.errors import InvalidUpload

MAX_REQUIREMENTS = 200
MAX_LINE = 500
_SWITCHES = ("--pre", "--prefer-binary")
_FORMATS = ("--only-binary", "--no-binary")
_PACKAGES = re.compile(r":all:|:none:|[A-Za-z0-9][A-Za-z0-9._-]*(,[A-Za-z0-9][A-Za-z0-9._-]*)*")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTION = re.compile(r"(?:^|\s)(--?[A-Za-z][A-Za-z-]*)")
_VARIABLE = re.compile(r"\$\{?[A-Za-z_]")


def checked(requirements: Sequence[str]) -> list[str]:
    """Return packages with versions in their normal form, sorted.

    Raises
    ------
    InvalidUpload
        One is something else: options, paths and URLs are refused.
    """
    _check_count(len(requirements))
    return sorted({_package(line) for line in requirements})


def from_file(text: str) -> list[str]:
    r"""Return what a ``requirements.txt`` asks for: options, then packages, each in its normal form and sorted.

    Raises
    ------
    InvalidUpload
        A line is something else; says which and what to write instead.

    Examples
    --------
    >>> from_file("# what we need\n--pre\nstatsmodels == 0.14.4  # newest\n")
    ['--pre', 'statsmodels==0.14.4']
    """
    options: set[str] = set()
    packages: set[str] = set()
    for number, line in _lines(text):
        try:
            if line.startswith("-"):
                options.add(_option(line))
            else:
                packages.add(_package(line))
        except InvalidUpload as error:
            raise InvalidUpload(f"requirements.txt, line {number}: {error.message}", hint=error.hint) from None
        _check_count(len(options) + len(packages))
    return [*sorted(options), *sorted(packages)] if packages else []


def _check_count(count: int) -> None:
    if count > MAX_REQUIREMENTS:
        raise InvalidUpload(f"There are {count} requirements; at most {MAX_REQUIREMENTS} are taken.")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines that say something, with the number each began at; one that ends with a backslash goes on."""
    begun, first = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        first = first if begun else number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            begun += line[:-1] + " "
            continue
        said = _COMMENT.sub("", begun + line.removesuffix("\r")).strip()
        begun = ""
        if said:
            yield first, said
    if begun.strip():
        yield first, begun.strip()


def _option(line: str) -> str:
    name, _, value = line.replace("=", " ", 1).partition(" ")
    value = value.strip()
    if name in _SWITCHES and not value:
        return name
    if name in _FORMATS and len(line) <= MAX_LINE and _PACKAGES.fullmatch(value):
        return f"{name}={value}"
    if name in _FORMATS:
        raise InvalidUpload(
            f"{line[:100]!r} names no packages.", hint=f"Write {name}=:all:, or names of packages with commas between."
        )
    raise InvalidUpload(
        f"the option {name[:40]!r} is not taken.",
        hint=f"Leave it out: of pip's options, {', '.join((*_SWITCHES, *_FORMATS))} may be used. Indexes, proxies and "
        "other files are settings of whoever runs the server.",
    )


def _package(line: str) -> str:
    if len(line) > MAX_LINE or not line.isprintable():
        raise InvalidUpload(
            f"The requirement {line[:100]!r} has {len(line)} characters; at most {MAX_LINE} are taken, all printable."
        )
    try:
        requirement = Requirement(line)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        raise InvalidUpload(
            f"The requirement {line[:100]!r} is not a package with versions: {reason}.", hint=_remedy(line)
        ) from None
    if requirement.url:
        raise InvalidUpload(
            f"The requirement {line[:100]!r} names a URL, which is not installed here.",
            hint=f"Write {requirement.name!r} with its version; it comes from the server's own index.",
        )
    return str(requirement)


def _remedy(line: str) -> str:
    """Return what to write in place of a line that is no package with versions."""
    if _VARIABLE.search(line):
        return "Write out what is meant: variables are not replaced here."
    if found := _OPTION.search(line):
        return f"Leave {found[1]!r} out: options of a single package are not taken."
    return "Write one package per line, such as 'statsmodels==0.14.4'; options, paths and URLs are not taken."
