# SPDX-License-Identifier: GPL-3.0-or-later
"""
The configuration directory of the signing service.

::

    config.ini        as of an agent; and [Signing] data-directory, database-url,
                      service-keys, trusted-certs
    token             key of this worker, readable by its owner only
    activation-token  shown once, when the worker registers
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from debusine.client.local_server import SIGNING_USER
from debusine.settings import default_data_dir
from debusine.worker.config import (
    WorkerConfig,
    WorkerConfigError,
    read_sections,
    read_worker_config,
)

DEFAULT_DIRECTORIES = (Path("~/.config/debusine/signing"), Path("/etc/debusine/signing"))
DATABASE = "keys.sqlite3"
SERVICE_KEYS = "service-keys"

_SECTION = "Signing"
_KEYS = {"data-directory", "database-url", "service-keys", "trusted-certs"}


@dataclass(frozen=True, kw_only=True, slots=True)
class KeySettings:
    """
    Where keys are, and what they may be used with.

    :param data_directory: of the database, unless a server holds it; for its owner only
    :param database_url: ``postgresql://``, may hold a password; None for SQLite
    :param service_keys: directory of the keys that seal all others
    :param trusted_certs: SHA-256 fingerprints of certificates that input may ask to be trusted
    """

    data_directory: Path
    database_url: str | None
    service_keys: Path
    trusted_certs: tuple[str, ...] = ()

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.data_directory / DATABASE

    def to_json(self) -> dict[str, Any]:
        """The same as a JSON object."""
        return {
            "data_directory": str(self.data_directory),
            "database_url": self.database_url,
            "service_keys": str(self.service_keys),
            "trusted_certs": list(self.trusted_certs),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> KeySettings:
        """Read what :meth:`to_json` made."""
        return cls(
            data_directory=Path(value["data_directory"]),
            database_url=value["database_url"],
            service_keys=Path(value["service_keys"]),
            trusted_certs=tuple(value["trusted_certs"]),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class SigningConfig:
    """What an administrator says about this signing service."""

    worker: WorkerConfig
    keys: KeySettings

    @property
    def working_directory(self) -> Path:
        """Where the directories of tasks are made."""
        return self.worker.working_directory or self.keys.data_directory / "workdir"


def read_signing_config(directory: Path) -> SigningConfig:
    """
    Read ``config.ini``.

    :raises WorkerConfigError: if it cannot be read or says something wrong
    """
    path = directory / "config.ini"
    worker = read_worker_config(directory, default_user=SIGNING_USER)
    given = read_sections(path).get(_SECTION, {})
    unknown = sorted(set(given) - _KEYS)
    if unknown:
        raise WorkerConfigError(f"{path}: unknown keys in [{_SECTION}]: {', '.join(unknown)}")
    _require_private(path, worker.api_url)
    database_url = given.get("database-url") or None
    if database_url is not None and not database_url.startswith(("postgresql:", "postgres:")):
        raise WorkerConfigError(
            f"{path}: database-url does not start with postgresql:",
            resolution="Leave it out to have keys in a file of the data directory.",
        )
    data = Path(given.get("data-directory") or _default_data_directory()).expanduser()
    return SigningConfig(
        worker=worker,
        keys=KeySettings(
            data_directory=data,
            database_url=database_url,
            service_keys=Path(given.get("service-keys") or data / SERVICE_KEYS).expanduser(),
            trusted_certs=tuple(given.get("trusted-certs", "").split()),
        ),
    )


def _default_data_directory() -> Path:
    """Beside that of a server, never in it: another user may run the service."""
    if os.geteuid() == 0:
        return Path("/var/lib") / SIGNING_USER
    beside = default_data_dir()
    return beside.with_name(f"{beside.name}-signing")


def _require_private(path: Path, url: str) -> None:
    """
    Refuse to talk where others can listen, or pretend to be the server.

    :raises WorkerConfigError: for a plain connection that leaves the machine
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        raise WorkerConfigError(
            f"{path}: api-url must be https, as what is signed comes from there: {url}",
            resolution="Put a web server with TLS in front of the server.",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
