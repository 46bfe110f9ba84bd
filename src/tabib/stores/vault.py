"""The vault: an adapter of :class:`tabib.ports.Vault` on ``STATE_DIR/vault.sqlite3``.

Each value is encrypted with AES-256-GCM under a random nonce; its reference is a keyed BLAKE2b of
the value, so the same value has the same reference, and a reference tells nothing to whoever lacks
the key. Encryption, references and the key's own fingerprint use separate derived keys.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tabib.model.errors import StateUnusable
from tabib.stores.keyfile import create_key, read_key
from tabib.stores.rows import every, one
from tabib.stores.sqlite import Database
from tabib.stores.trouble import unusable

FILE_NAME = "vault.sqlite3"
KEY_NAME = "vault.key"
REFERENCE_PREFIX = "vault:"
_NONCE_BYTES = 12
_QUERIED_AT_ONCE = 500

MIGRATIONS = (
    """
    CREATE TABLE sealed (reference TEXT PRIMARY KEY, blob BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE fingerprint (of_key BLOB NOT NULL);
    """,
)


@dataclass(frozen=True, slots=True, repr=False)
class _Keys:
    """What one master key is used for, each use with a key of its own."""

    cipher: AESGCM
    reference: bytes
    fingerprint: bytes

    @classmethod
    def derive(cls, master: bytes) -> _Keys:
        def derived(purpose: bytes) -> bytes:
            return hashlib.blake2b(key=master, person=purpose, digest_size=32).digest()

        return cls(
            cipher=AESGCM(derived(b"tabib.encrypt")),
            reference=derived(b"tabib.reference"),
            fingerprint=derived(b"tabib.fingerprnt"),
        )


class SqliteVault:
    """See the port; values are never logged, and no error text holds one."""

    def __init__(self, database: Database, keys: _Keys) -> None:
        self._database = database
        self._keys = keys
        self._stored: set[str] = set()
        """References known to be on the disk: what they name needs no second write."""

    async def close(self) -> None:
        await self._database.close()

    async def seal(self, values: Sequence[str]) -> list[str]:
        plain = [value.encode("utf-8", "surrogatepass") for value in values]
        references = [self._reference(value) for value in plain]
        missing = {
            reference: value
            for reference, value in zip(references, plain, strict=True)
            if reference not in self._stored
        }
        if missing:
            await self._database.write(lambda base: self._insert(base, missing))
            self._stored.update(missing)
        return references

    async def open(self, references: Sequence[str]) -> list[str]:
        wanted = list(dict.fromkeys(references))
        found = await self._database.read(lambda base: self._decrypt(base, wanted))
        return [found[reference] for reference in references]

    def _reference(self, value: bytes) -> str:
        keyed = hashlib.blake2b(value, key=self._keys.reference, digest_size=32)
        return REFERENCE_PREFIX + keyed.hexdigest()

    def _insert(self, base: apsw.Connection, missing: dict[str, bytes]) -> None:
        rows = []
        for reference, value in missing.items():
            nonce = os.urandom(_NONCE_BYTES)
            # The reference is bound in: a blob moved under another reference does not open.
            blob = nonce + self._keys.cipher.encrypt(nonce, value, reference.encode())
            rows.append((reference, blob))
        base.executemany("INSERT OR IGNORE INTO sealed (reference, blob) VALUES (?, ?)", rows)

    def _decrypt(self, base: apsw.Connection, wanted: Sequence[str]) -> dict[str, str]:
        blobs: dict[str, bytes] = {}
        for start in range(0, len(wanted), _QUERIED_AT_ONCE):
            part = wanted[start : start + _QUERIED_AT_ONCE]
            marks = ", ".join("?" * len(part))
            query = f"SELECT reference, blob FROM sealed WHERE reference IN ({marks})"
            blobs.update(every(base, query, part))
        return {reference: self._open_one(reference, blobs.get(reference)) for reference in wanted}

    def _open_one(self, reference: str, blob: bytes | None) -> str:
        path = self._database.path
        if blob is None:
            raise unusable(
                "key",
                path,
                attempted="open a sealed value in",
                cause=f"{reference} is not there",
                advice=f"Put {path} back from the copy of the state folder that belongs to this "
                "journal, or run `tabib up` with the Compose file: it seals the values anew.",
            )
        nonce, rest = blob[:_NONCE_BYTES], blob[_NONCE_BYTES:]
        try:
            plain = self._keys.cipher.decrypt(nonce, rest, reference.encode())
        except InvalidTag as error:
            raise unusable(
                "damaged",
                path,
                attempted="open a sealed value in",
                cause=f"{reference} was changed",
            ) from error
        return plain.decode("utf-8", "surrogatepass")


async def open_vault(folder: Path, *, on_full: Callable[[], bool] | None = None) -> SqliteVault:
    """Open or create the vault in ``folder`` and its key file.

    A key is made only for a vault that holds nothing.

    :raises StateUnusable: code ``key``, the key is missing or is not the one it was written with;
        other codes as in :mod:`tabib.stores.trouble`.
    """
    return await unlock(
        folder, await Database.open(folder / FILE_NAME, MIGRATIONS, on_full=on_full)
    )


async def unlock(folder: Path, database: Database) -> SqliteVault:
    """The vault of an open ``database``, with the key file in ``folder``; see :func:`open_vault`.
    Closes the database where that fails."""
    try:
        if not await database.read(_holds_values):
            create_key(folder / KEY_NAME)
        keys = _Keys.derive(read_key(folder / KEY_NAME))
        if not await database.read(lambda base: _fits(base, keys.fingerprint)):
            await database.write(lambda base: _claim(base, keys.fingerprint, folder))
    except BaseException:
        await database.close()
        raise
    return SqliteVault(database, keys)


def _holds_values(base: apsw.Connection) -> bool:
    return one(base, "SELECT 1 FROM sealed LIMIT 1") is not None


def _fits(base: apsw.Connection, fingerprint: bytes) -> bool:
    row = one(base, "SELECT of_key FROM fingerprint")
    return row is not None and bytes(row[0]) == fingerprint


def _claim(base: apsw.Connection, fingerprint: bytes, folder: Path) -> None:
    """Write the key's fingerprint into a vault without values; refuse one that holds some."""
    if _holds_values(base):
        raise _wrong_key(folder)
    base.execute("DELETE FROM fingerprint")
    base.execute("INSERT INTO fingerprint (of_key) VALUES (?)", (fingerprint,))


def _wrong_key(folder: Path) -> StateUnusable:
    return unusable(
        "key",
        folder / KEY_NAME,
        attempted="open the vault with",
        cause="it is another key than the one that the vault was written with",
        advice=f"Put {KEY_NAME} and {FILE_NAME} of the same copy of the state folder back.",
    )
