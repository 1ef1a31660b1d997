"""Secrets at rest: AES-256-GCM with a key in a private file outside the database (SECURITY B3).

A sealed secret is bound to its owner, the row it belongs to, by the associated data: rows that are swapped do not open.
The key file has one key a line, in hex; the last one seals, all of them open, so that a key that was lost and found
again is put back as a line of its own. A key's id is a digest of it and is stored with what it sealed.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from pathlib import Path

from msgspec import Struct

from jupyter_wallaroo.secret import Secret
from jupyter_wallaroo.store import private_file

KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID_DIGITS = 16


class Sealed(Struct, frozen=True):
    """A secret as the database holds it."""

    key_id: str
    nonce: bytes
    ciphertext: bytes


class Unreadable(Exception):
    """A secret cannot be sealed or opened; ``reason`` says why, as the end of a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Keyring:
    """The keys of one data directory; its methods wait for the disk and belong in a thread.

    Parameters
    ----------
    path
        The key file, made with the first secret.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._making = threading.Lock()

    def seal(self, owner: str, content: Secret[bytes]) -> Sealed:
        """Return ``content`` encrypted for the row called ``owner``, with the newest key.

        Raises
        ------
        Unreadable
            The key file is there and cannot be read.
        StorageFull
            There was no key yet and the file for it could not be written.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = self._newest()
        nonce = os.urandom(NONCE_BYTES)
        ciphertext = AESGCM(key.reveal()).encrypt(nonce, content.reveal(), owner.encode())
        return Sealed(_key_id(key.reveal()), nonce, ciphertext)

    def unseal(self, owner: str, sealed: Sealed) -> Secret[bytes]:
        """Return what was sealed for ``owner``.

        Raises
        ------
        Unreadable
            The key is not in the key file, or the row is not what was stored for ``owner``.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = {_key_id(item.reveal()): item for item in self._keys()}.get(sealed.key_id)
        if key is None:
            there = "has other keys" if self._path.exists() else "is missing"
            raise Unreadable(f"the key {sealed.key_id} is needed, and the key file {self._path.name!r} {there}")
        try:
            return Secret(AESGCM(key.reveal()).decrypt(sealed.nonce, sealed.ciphertext, owner.encode()))
        except InvalidTag:
            raise Unreadable("what is stored was damaged, or belongs to something else") from None

    def _newest(self) -> Secret[bytes]:
        with self._making:
            keys = self._keys()
            if not keys:
                keys = [Secret(secrets.token_bytes(KEY_BYTES))]
                private_file.write(self._path, keys[0].reveal().hex().encode() + b"\n")
            return keys[-1]

    def _keys(self) -> list[Secret[bytes]]:
        """Read the key file anew, so that a key that is put back counts at once; lines that are no key do not."""
        try:
            words = self._path.read_text(errors="replace").split()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unreadable(f"the key file {self._path.name!r} cannot be read ({error.strerror})") from None
        return [Secret(bytes.fromhex(word)) for word in words if _is_key(word)]


def _is_key(word: str) -> bool:
    return len(word) == 2 * KEY_BYTES and all(digit in "0123456789abcdef" for digit in word)


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"jupyter-wallaroo key " + key).hexdigest()[:KEY_ID_DIGITS]
