"""Secrets at rest: the right key and the right row open them, nothing else does; the key file is private and whole."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from jupyter_wallaroo.errors import StorageFull
from jupyter_wallaroo.secret import Secret
from jupyter_wallaroo.store import private_file
from jupyter_wallaroo.store.secrets import Keyring, Sealed, Unreadable

CANARY = b'{"token": "canary-3f9c"}'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets.key"


@pytest.fixture
def keyring(path: Path) -> Keyring:
    return Keyring(path)


def test_what_was_sealed_opens_again_after_a_restart(path: Path) -> None:
    for content in (CANARY, b"", b"\x00\xff" * 10**6):
        sealed = Keyring(path).seal("row", Secret(content))
        assert Keyring(path).unseal("row", sealed).reveal() == content
        assert content == b"" or content not in sealed.ciphertext


def test_the_key_is_of_256_bits_in_a_private_file(keyring: Keyring, path: Path) -> None:
    assert not path.exists()
    keyring.seal("row", Secret(CANARY))
    assert path.stat().st_mode & 0o777 == 0o600
    (line,) = path.read_text().splitlines()
    assert len(bytes.fromhex(line)) == 32
    assert list(path.parent.iterdir()) == [path]


def test_the_same_content_is_sealed_differently_each_time(keyring: Keyring) -> None:
    """A nonce of its own for each: nobody sees that two are the same."""
    first, second = keyring.seal("row", Secret(CANARY)), keyring.seal("row", Secret(CANARY))
    assert first.key_id == second.key_id
    assert first.nonce != second.nonce
    assert first.ciphertext != second.ciphertext


def test_a_row_opens_in_its_own_place_only(keyring: Keyring) -> None:
    """Whoever can write to the database cannot give one connection the details of another."""
    sealed = keyring.seal("row", Secret(CANARY))
    with pytest.raises(Unreadable, match="belongs to something else"):
        keyring.unseal("other", sealed)


@pytest.mark.parametrize("field", ["nonce", "ciphertext"])
def test_a_changed_row_does_not_open(keyring: Keyring, field: str) -> None:
    sealed = keyring.seal("row", Secret(CANARY))
    value = bytearray(getattr(sealed, field))
    value[0] ^= 1
    with pytest.raises(Unreadable, match="damaged") as caught:
        keyring.unseal("row", msgspec.structs.replace(sealed, **{field: bytes(value)}))
    assert caught.value.__suppress_context__


def _lost(path: Path) -> None:
    path.unlink()


def _other(path: Path) -> None:
    path.write_text("ab" * 32)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _garbage(path: Path) -> None:
    path.write_bytes(b"\xff\xfe not a key\n" + b"zz" * 32 + b"\n" + b"AB" * 16)


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_lost, "'secrets.key' is missing"),
        (_other, "'secrets.key' has other keys"),
        (_empty, "'secrets.key' has other keys"),
        (_garbage, "'secrets.key' has other keys"),
        (_directory, "'secrets.key' cannot be read"),
    ],
)
def test_without_its_key_nothing_opens_and_the_file_is_named(
    keyring: Keyring, path: Path, harm: Any, said: str
) -> None:
    sealed = keyring.seal("row", Secret(CANARY))
    harm(path)
    with pytest.raises(Unreadable) as caught:
        keyring.unseal("row", sealed)
    assert said in caught.value.reason
    assert harm is _directory or sealed.key_id in caught.value.reason


def test_a_key_that_is_found_again_opens_at_once_beside_the_new_one(keyring: Keyring, path: Path) -> None:
    """The old key as a line of its own; the last line seals."""
    sealed = keyring.seal("row", Secret(CANARY))
    old = path.read_text()
    path.unlink()
    new = keyring.seal("new", Secret(b"new"))
    assert new.key_id != sealed.key_id
    path.write_text(old + path.read_text())
    assert keyring.unseal("row", sealed).reveal() == CANARY
    assert keyring.unseal("new", new).reveal() == b"new"
    assert keyring.seal("later", Secret(b"")).key_id == new.key_id


def test_two_at_once_make_one_key(path: Path) -> None:
    keyring = Keyring(path)
    found: list[Sealed] = []
    threads = [threading.Thread(target=lambda: found.append(keyring.seal("row", Secret(CANARY)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({sealed.key_id for sealed in found}) == 1 and len(found) == 8
    assert len(path.read_text().splitlines()) == 1


def test_what_is_sealed_and_why_it_does_not_open_show_nothing(keyring: Keyring) -> None:
    sealed = keyring.seal("row", Secret(CANARY))
    assert b"canary" not in repr(sealed).encode()
    assert "canary" not in repr(keyring.unseal("row", sealed))


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    private_file.write(path, b"one")
    path.chmod(0o644)
    private_file.write(path, b"two")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_a_private_file_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    private_file.write(path, b"one")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull, match=r"'file' could not be written: No space left"):
        private_file.write(path, b"two")
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]
