"""The names of tables."""

from __future__ import annotations

import pytest

from jupyter_wallaroo.errors import InvalidRequest
from jupyter_wallaroo.sdk.connectors import sql


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("houses", ["houses"]),
        ("public.houses", ["public", "houses"]),
        ('public."in.2024"', ["public", "in.2024"]),
        ('"my ""own"" table"', ['my "own" table']),
    ],
)
def test_parts(name: str, expected: list[str]) -> None:
    assert sql.parts(name) == expected
    assert sql.parts(sql.quoted(name)) == expected


@pytest.mark.parametrize("name", ["", ".", "a.", ".a", "a..b", '"a', 'a"b"', '""'])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="not a table's name"):
        sql.parts(name)


def test_text_with_a_blank_is_sql() -> None:
    assert sql.statement("SELECT 1", sql.quoted) == "SELECT 1"
    assert sql.statement('a"; DROP'.replace(" ", ""), lambda name: f"<{name}>") == 'SELECT * FROM <a";DROP>'
    assert sql.statement('"my table"', sql.quoted) == 'SELECT * FROM "my table"'
