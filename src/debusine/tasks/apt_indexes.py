# SPDX-License-Identifier: GPL-3.0-or-later
"""
What APT fetched: the digest of each index of a repository, under the name that APT gives it.

With it, it can be told afterwards whether two runs saw the same archives.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path

from debusine.tasks.executors.base import Instance

FILENAME = "apt-indexes"
_MARK = "APT index: "
_LISTS = "var/lib/apt/lists"
# a repository without any has no record, and says so by its absence
_DIGESTS = "sha256sum -- *_InRelease *_Release 2>/dev/null"
# names of archives on the machine itself begin with an underscore: sbuild makes one
_LINE = re.compile(r"([0-9a-f]{64})  ([^_\s]\S*_(?:In)?Release)")


def parse_digests(lines: Iterable[str]) -> dict[str, str]:
    """
    Read what ``sha256sum`` said; what is no index is passed over.

    :returns: SHA-256 by name, sorted by name

    >>> digest = "0" * 64
    >>> found = parse_digests([f"{digest}  deb.example.org_debian_dists_sid_InRelease", "else"])
    >>> list(found)
    ['deb.example.org_debian_dists_sid_InRelease']
    """
    matches = (_LINE.fullmatch(line.rstrip("\n")) for line in lines)
    return dict(sorted((found[2], found[1]) for found in matches if found is not None))


def digests_in(instance: Instance) -> dict[str, str]:
    """Look at the indexes that APT has in a sandbox."""
    script = f"cd /{_LISTS} && {_DIGESTS} || true"
    try:
        done = instance.run(["sh", "-c", script], run_as_root=True)
    except (OSError, subprocess.SubprocessError):
        # without a record nothing is reused, and that is all that comes of it
        return {}
    return parse_digests((done.stdout or b"").decode(errors="replace").splitlines())


def sbuild_option() -> str:
    """Have sbuild write the digests into its log, before the package's own code runs."""
    script = f"cd /{_LISTS} && {_DIGESTS} | sed 's/^/{_MARK}/' || true"
    return f"--starting-build-commands=sh -c {shlex.quote(script)}"


def digests_in_log(log: Path) -> dict[str, str]:
    """Find in sbuild's log what :func:`sbuild_option` had written: what comes later is not it."""
    found: list[str] = []
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith(_MARK):
                found.append(line.removeprefix(_MARK))
            elif found:
                break
    return parse_digests(found)


def bootstrap_commands() -> list[str]:
    """Commands that leave the digests in a file of a new system, whose root is ``$1``."""
    return [f'cd "$1/{_LISTS}" && {_DIGESTS} > "$1/{FILENAME}" || true']
