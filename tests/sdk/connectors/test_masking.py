"""Nothing of a connection's details may be seen in an error, in whatever form somebody repeats it."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from jupyter_wallaroo.sdk.connectors.masking import MASK, masked

CANARY = "c4n&ry/s3cr%t +x"


@pytest.mark.parametrize(
    "text",
    [
        CANARY,
        CANARY.upper(),
        quote(CANARY),
        quote(CANARY, safe=""),
        repr({"k": CANARY}),
        json.dumps([CANARY]),
        f"https://user:{quote(CANARY, safe='')}@host/",
    ],
)
def test_every_form_of_a_value_goes(text: str) -> None:
    clean = masked(text, {"a": [{"password": CANARY}]})
    assert "s3cr" not in clean.lower()
    assert MASK in clean


@pytest.mark.parametrize(
    ("leaf", "secret"),
    [
        ("postgresql://me:p%40ssw0rd@host/db", "p@ssw0rd"),
        ("https://host/file?sig=abcdef%3D%3D&x=1", "abcdef=="),
        ("https://host/hooks/T0KEN5/in.json", "/hooks/T0KEN5/out.json"),
        ("host=localhost password='hunter22' port=1", "hunter22"),
        ("-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----\n", "MIIEvQIBADANBg"),
        ('{"private_key": "inner-secret"}', "inner-secret"),
    ],
)
def test_what_is_secret_inside_of_a_value_goes(leaf: str, secret: str) -> None:
    clean = masked(f"it said <{secret}>", {"value": leaf})
    assert secret not in clean
    assert clean.startswith("it said <*****")


def test_a_products_name_is_no_users_name() -> None:
    """Unless it is the secret, or part of one; a user's name goes wherever else it stands."""
    said = 'PostgreSQL: role "postgres" of postgres@host, xPostgreSQLx, PostgreSQL-9'
    assert masked(said, {"user": "postgres"}) == 'PostgreSQL: role "*****" of *****@host, x*****QLx, PostgreSQL-9'
    assert masked("PostgreSQL said PostgreSQL-9", {"password": "PostgreSQL"}) == "***** said *****-9"
    assert masked("PostgreSQL said PostgreSQL-9", {"password": "postgresql-9"}) == "PostgreSQL said *****"
    assert masked("postgresql said", {"user": "postgres"}) == "*****ql said", "drivers write it as its name is"
    assert masked("PostgreSQLpass", {"password": "SQLpass", "user": "nobody"}) == "Postgre*****"


def test_short_values_and_numbers_stay() -> None:
    assert masked("port 5432 of eu is closed", {"port": 5432, "region": "eu"}) == "port 5432 of eu is closed"


def test_the_longer_value_is_taken_out_first() -> None:
    assert masked("secret-and-more", {"a": "secret", "b": "secret-and-more"}) == MASK
