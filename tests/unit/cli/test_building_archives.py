# SPDX-License-Identifier: GPL-3.0-or-later
"""What archives show, as a server is told that may have the result of a build already."""

from __future__ import annotations

import hashlib

from debusine.cli.building.archives import Archives
from debusine.wire.base import JsonObject

MIRROR = "https://deb.example.org/debian"
SID: JsonObject = {"mirror": f"{MIRROR}/", "suite": "sid", "components": ["main"]}
EXTRA: JsonObject = {"url": "https://extra.example.org", "suite": "test", "components": ["x"]}


class Mirrors:
    """Files by URL; what was asked for."""

    def __init__(self, **files: bytes) -> None:
        self.files = files
        self.asked: list[str] = []

    def fetch(self, url: str) -> bytes | None:
        self.asked.append(url)
        return self.files.get(url)


def test_each_archive_is_looked_at_once() -> None:
    mirrors = Mirrors(
        **{
            f"{MIRROR}/dists/sid/InRelease": b"sid",
            "https://extra.example.org/dists/test/Release": b"extra",
        }
    )
    archives = Archives(fetch=mirrors.fetch)
    sid = {"deb.example.org_debian_dists_sid_InRelease": hashlib.sha256(b"sid").hexdigest()}
    assert archives.indexes([SID]) == sid
    extra = {"extra.example.org_dists_test_Release": hashlib.sha256(b"extra").hexdigest()}
    assert archives.indexes([SID, EXTRA]) == sid | extra
    assert archives.indexes([EXTRA]) == extra
    assert len(mirrors.asked) == 1 + 2


def test_one_that_cannot_be_asked_leaves_nothing_to_say() -> None:
    mirrors = Mirrors(**{f"{MIRROR}/dists/sid/InRelease": b"sid"})
    assert Archives(fetch=mirrors.fetch).indexes([SID, EXTRA]) is None
