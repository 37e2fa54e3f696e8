# SPDX-License-Identifier: GPL-3.0-or-later
"""A signing service's keys in a directory of a test, and who really signed something."""

from __future__ import annotations

from pathlib import Path

from debusine.signing.database import open_database
from debusine.signing.gnupg import gnupg_home
from debusine.signing.keystores.software import SoftwareKeyStore
from debusine.signing.records import Records
from debusine.signing.service_key import ServiceKeys, make_service_key
from debusine.util.clock import Clock, SystemClock


def make_software_store(
    directory: Path, *, database_url: str | None = None, clock: Clock | None = None
) -> SoftwareKeyStore:
    """
    Make a key store that signs for real.

    :param directory: is made
    :param database_url: None for SQLite
    """
    directory.mkdir(mode=0o700)
    make_service_key(directory / "0001.key")
    return SoftwareKeyStore(
        records=Records(open_database(database_url, path=directory / "keys.sqlite3")),
        service_keys=ServiceKeys.read(directory),
        clock=clock or SystemClock(),
    )


def openpgp_signers(store: SoftwareKeyStore, signed: Path, source: Path | None) -> list[str]:
    """
    Fingerprints of the keys of a store that made good signatures, sorted.

    :param signed: the signature, or the file that holds it
    :param source: what was signed, if it is another file
    :raises CommandError: if a signature is not good
    """
    return signers_by_keys([key.public_key for key in store.records.list_keys()], signed, source)


def signers_by_keys(public_keys: list[bytes], signed: Path, source: Path | None) -> list[str]:
    """The same for public keys of one's choice."""
    with gnupg_home() as home:
        for key in public_keys:
            home.take(key)
        return home.verify(signed, source)
