# SPDX-License-Identifier: GPL-3.0-or-later
"""
Look at archives as they are now: the digest of the index of each, under the name that APT gives it.

Whoever wants the result of an earlier build tells the server these, as it asks no mirrors.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from debusine.util.apt_mirror_list import APT_HELPER
from debusine.util.command import Command, CommandError, run
from debusine.wire.base import JsonObject

_LIMIT_S = 60
# what APT quotes in names of files, beside what cannot be printed
_QUOTED = re.compile(r'[\\|{}\[\]<>"^~_=!@#$%&*\x00-\x20\x7f]')


def name_of(url: str) -> str:
    """
    Give the name that APT has for the file behind a URL among its lists.

    :source: ``URItoFileName`` of apt-pkg

    >>> name_of("https://deb.example.org/debian/dists/trixie/InRelease")
    'deb.example.org_debian_dists_trixie_InRelease'
    >>> name_of("http://user:secret@deb.example.org:80/a_b/dists/sid/InRelease")
    'deb.example.org:80_a%5fb_dists_sid_InRelease'
    """
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2] + parts.path
    return _QUOTED.sub(lambda found: f"%{ord(found[0]):02x}", place).replace("/", "_")


def fetch(url: str) -> bytes | None:
    """
    Read a file of a mirror as this machine's APT would, with its proxies and credentials.

    :returns: None if it cannot be had
    """
    with TemporaryDirectory(prefix="debusine-index-") as directory:
        target = Path(directory, "index")
        try:
            run(Command([APT_HELPER, "-qq", "download-file", url, str(target)], timeout_s=_LIMIT_S))
        except CommandError:
            return None
        return target.read_bytes() if target.is_file() else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Archives:
    """
    Looks at each archive once.

    :param fetch: reads a file of a mirror, see :func:`fetch`
    """

    fetch: Callable[[str], bytes | None] = fetch
    _known: dict[str, tuple[str, str] | None] = field(default_factory=dict)

    def indexes(self, repositories: Iterable[JsonObject]) -> dict[str, str] | None:
        """
        Say what archives show now.

        :param repositories: as the tasks ``mmdebstrap`` and ``sbuild`` describe them
        :returns: SHA-256 by name, sorted by name; None if one has no index or cannot be asked, as
            then nobody knows all that is read
        """
        found: dict[str, str] = {}
        for repository in repositories:
            mirror = str(repository.get("mirror") or repository.get("url") or "").rstrip("/")
            base = f"{mirror}/dists/{repository['suite']}"
            if base not in self._known:
                self._known[base] = self._look(base)
            index = self._known[base]
            if index is None:
                return None
            found[index[0]] = index[1]
        return dict(sorted(found.items()))

    def _look(self, base: str) -> tuple[str, str] | None:
        for name in ("InRelease", "Release"):
            content = self.fetch(f"{base}/{name}")
            if content is not None:
                return name_of(f"{base}/{name}"), hashlib.sha256(content).hexdigest()
        return None
