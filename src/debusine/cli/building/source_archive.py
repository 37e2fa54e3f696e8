# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch a source package by its name from the mirror, with APT in private directories."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from debusine.artifacts.deb822 import PACKAGE_NAME, VERSION
from debusine.errors import NotFoundError, UpstreamError, UserError
from debusine.util.apt_sources import AptSource, hide_logins, strip_credentials
from debusine.util.command import Command, CommandError, run
from debusine.util.file_lock import wait_lock

_UPDATE_LIMIT_S = 900
_FETCH_LIMIT_S = 3600


class SourceArchive:
    """
    The source packages of a suite.

    The machine's APT configuration applies, but for its lists: proxies, credentials,
    certificates and rules for old Release files are those of the administrator.

    :param sources: where to look; of type ``deb``, their sources are taken instead
    :param cache: a directory that is kept, so that lists are fetched once
    """

    def __init__(self, sources: Sequence[AptSource], cache: Path) -> None:
        self._sources = sources
        key = json.dumps([(s.uri, s.suite, s.components) for s in sources])
        self._root = cache / hashlib.sha256(key.encode()).hexdigest()[:16]

    def fetch(self, wanted: str, directory: Path) -> Path:
        """
        Download a source package; its hashes are those of the signed indexes.

        :param wanted: ``NAME`` for the newest, or ``NAME=VERSION``
        :param directory: an empty directory
        :returns: the .dsc
        :raises UserError: if the name or the version is malformed
        :raises NotFoundError: if the mirror has no such source package
        :raises UpstreamError: if the mirror cannot be used
        """
        name, equals, version = wanted.partition("=")
        if not PACKAGE_NAME.fullmatch(name) or (equals and not VERSION.fullmatch(version)):
            raise UserError(
                f"not a source package: {wanted!r}", resolution="Give NAME or NAME=VERSION."
            )
        self._prepare()
        with wait_lock(self._root / "lock", timeout_s=_UPDATE_LIMIT_S):
            self._update()
            self._download(wanted, directory)
        found = sorted(directory.glob("*.dsc"))
        if len(found) != 1:
            raise UpstreamError(f"APT did not download {wanted}")
        return found[0]

    def _prepare(self) -> None:
        for name in ("state/lists/partial", "cache/archives/partial", "parts"):
            (self._root / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        self._root.chmod(0o700)
        (self._root / "status").touch()
        stanzas = "\n".join(_stanza(source) for source in self._sources)
        path = self._root / "wanted.sources"
        path.touch(mode=0o600)
        path.write_text(stanzas, encoding="utf-8")

    def _apt(self, *arguments: str, cwd: Path | None = None, limit_s: float) -> None:
        options = {
            "Dir::Etc::sourcelist": self._root / "wanted.sources",
            "Dir::Etc::sourceparts": self._root / "parts",
            "Dir::State": self._root / "state",
            "Dir::State::status": self._root / "status",
            "Dir::Cache": self._root / "cache",
            # _apt cannot enter private directories
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
        }
        argv = ["apt-get", "--quiet=2", *(f"--option={k}={v}" for k, v in options.items())]
        run(Command([*argv, *arguments], cwd=cwd, timeout_s=limit_s))

    def _update(self) -> None:
        where = ", ".join(sorted({strip_credentials(source.uri) for source in self._sources}))
        try:
            self._apt("--error-on=any", "update", limit_s=_UPDATE_LIMIT_S)
        except CommandError as error:
            raise UpstreamError(
                f"APT cannot read the source indexes of {self._sources[0].suite} from {where}",
                details=hide_logins(error.details or ""),
                resolution="Mend the machine's APT configuration, or give --mirror.",
            ) from error

    def _download(self, wanted: str, directory: Path) -> None:
        argv = ["source", "--download-only", "--only-source", "--", wanted]
        try:
            self._apt(*argv, cwd=directory, limit_s=_FETCH_LIMIT_S)
        except CommandError as error:
            details = hide_logins(error.details or "")
            if "Unable to find a source package" in details or "Can not find version" in details:
                raise NotFoundError(
                    f"{self._sources[0].suite} has no source package {wanted}",
                    details=details,
                    resolution="Give another --suite, or the path or URL of a .dsc.",
                ) from error
            raise UpstreamError(
                f"APT cannot download the source package {wanted}",
                details=details,
                resolution="Try again, or give --mirror, or the URL of the .dsc.",
            ) from error


def _stanza(source: AptSource) -> str:
    fields = {
        "Types": "deb-src",
        "URIs": source.uri,
        "Suites": source.suite,
        "Components": " ".join(source.components),
        **{name: value for name, value in source.options if name not in _NOT_FOR_SOURCES},
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


_NOT_FOR_SOURCES = frozenset({"architectures", "languages", "targets"})
