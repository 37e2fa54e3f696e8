# SPDX-License-Identifier: GPL-3.0-or-later
"""
Lists of mirrors, as sources such as ``mirror+https://example.org/list`` name them.

A build needs one mirror for everything, where APT chooses one for each file: the best of
those that serve everything, else the best of those that serve packages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from debusine.errors import NotPossibleError, UserError
from debusine.util.apt_sources import AptSource, hide_logins, strip_credentials
from debusine.util.command import Command, CommandError, run

APT_HELPER = "/usr/lib/apt/apt-helper"
LIMIT_S = 60
_LOCAL = frozenset({"mirror+file", "mirror+copy"})
# mirror: is the name of before APT 1.6
_REMOTE = {"mirror": "http", "mirror+http": "http", "mirror+https": "https"}
_UNLISTED = 2**31
_INDEX = "index"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mirror:
    """
    A line of a mirror list; a lower priority number is tried first.

    :param tags: what it is limited to
    """

    uri: str = field(repr=False)
    priority: int
    tags: tuple[tuple[str, str], ...] = ()

    def allows(self, name: str, *values: str) -> bool:
        """Whether it serves what has one of the values, or says nothing about that."""
        limits = [value for key, value in self.tags if key == name]
        return not limits or any(value in limits for value in values)


def parse_mirror_list(text: str) -> tuple[Mirror, ...]:
    r"""
    Read a list of mirrors, best mirror first.

    :source: apt-transport-mirror(1)

    >>> [m.uri for m in parse_mirror_list("http://b.org/\nhttp://a.org/ priority:1")]
    ['http://a.org/', 'http://b.org/']
    """
    mirrors = []
    for raw in text.splitlines():
        words = raw.partition("#")[0].split()
        if not words:
            continue
        tags = tuple((key, value) for key, _, value in (word.partition(":") for word in words[1:]))
        priority = dict(tags).get("priority", "")
        number = int(priority) if priority.isdigit() else _UNLISTED
        mirrors.append(Mirror(uri=words[0], priority=number, tags=tags))
    return tuple(sorted(mirrors, key=lambda mirror: mirror.priority))


def choose_mirror(source: AptSource, text: str, architecture: str) -> AptSource | None:
    """
    Put the best mirror of a list in the place of the list.

    :param text: the list
    :returns: None if it has none of use
    """
    fitting = [
        mirror
        for mirror in parse_mirror_list(text)
        # relative and file: mirrors exist on this machine only
        if urlsplit(mirror.uri).scheme in {"http", "https"}
        and mirror.allows("type", source.type)
        and mirror.allows("arch", architecture, "all")
        and mirror.allows("codename", source.suite)
        and mirror.allows("suite", source.suite)
        and mirror.allows("component", *source.components)
    ]
    whole = [mirror for mirror in fitting if mirror.allows("type", _INDEX)]
    best = next(iter(whole or fitting), None)
    return None if best is None else replace(source, uri=best.uri)


def is_remote_list(source: AptSource) -> bool:
    """Whether the list must be fetched."""
    return urlsplit(source.uri).scheme in _REMOTE


def fetch_text(uri: str) -> str:
    """
    Download a list, the way this machine's APT does.

    :raises CommandError: if that fails
    """
    with TemporaryDirectory(prefix="debusine-mirrors-") as directory:
        target = Path(directory, "list")
        run(Command([APT_HELPER, "-qq", "download-file", uri, str(target)], timeout_s=LIMIT_S))
        return target.read_text(encoding="utf-8", errors="replace") if target.exists() else ""


def resolve_mirror_list(
    source: AptSource, *, architecture: str, fetch: Callable[[str], str] = fetch_text
) -> AptSource:
    """
    Put the best mirror of a list in the place of the list; other sources stay as they are.

    :raises UserError: if the list cannot be had or names nothing of use, with the place of the
        source
    """
    scheme, _, rest = source.uri.partition(":")
    if scheme in _LOCAL:
        # APT takes any number of slashes
        where = f"/{rest.lstrip('/')}"
        text = _read_local(source, where)
    elif scheme in _REMOTE:
        where = strip_credentials(f"{_REMOTE[scheme]}:{rest}")
        text = _fetch_remote(source, f"{_REMOTE[scheme]}:{rest}", where, fetch)
    elif scheme.startswith("mirror+"):
        where = strip_credentials(source.uri)
        raise _unusable(source, where, f"APT has no lists of mirrors by {scheme[7:]}")
    else:
        return source
    found = choose_mirror(source, text, architecture)
    if found is None:
        raise _unusable(source, where, f"it names no http or https mirror for {source.suite}")
    return found


def _read_local(source: AptSource, where: str) -> str:
    try:
        return Path(where).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise _unusable(source, where, f"{error.strerror}") from error


def _fetch_remote(source: AptSource, uri: str, where: str, fetch: Callable[[str], str]) -> str:
    try:
        return fetch(uri)
    except CommandError as error:
        said = [line for line in (error.details or "").splitlines() if line.startswith("E: ")]
        why = hide_logins(said[0].removeprefix("E: ")) if said else "it cannot be downloaded"
        raise _unusable(source, where, why) from error
    except NotPossibleError as error:
        raise _unusable(source, where, error.brief) from error


def _unusable(source: AptSource, where: str, why: str) -> UserError:
    return UserError(
        f"{source.place}: cannot use the list of mirrors {where}: {why}",
        resolution="Mend the list, name one mirror in that line, or give --mirror.",
    )


def resolve_all(
    sources: Iterable[AptSource],
    *,
    architecture: str,
    remote: bool,
    fetch: Callable[[str], str] = fetch_text,
) -> tuple[tuple[AptSource, ...], tuple[str, ...]]:
    """
    Resolve the lists of several sources, each list once.

    :param remote: whether those too that must be fetched; else they stay as they are
    :returns: the sources without those that cannot be used, and why not
    """
    fetch_once = cache(fetch)
    kept: list[AptSource] = []
    troubles: list[str] = []
    for source in sources:
        if is_remote_list(source) and not remote:
            kept.append(source)
            continue
        try:
            kept.append(resolve_mirror_list(source, architecture=architecture, fetch=fetch_once))
        except UserError as error:
            troubles.append(error.brief)
    return tuple(kept), tuple(dict.fromkeys(troubles))
