# SPDX-License-Identifier: GPL-3.0-or-later
"""
Suites that are no whole distribution: what they are built in, and with what beside it.

Packages for ``experimental`` or backports may need packages of these suites, but must not take
more from them than they must: APT alone takes nothing from a suite that is not automatic, and
all of it once it is told to. A solver with criteria finds the middle.

:source: Debian Policy 5.6.14, apt_preferences(5), apt-cudf(1), sbuild.conf(5)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

UNSTABLE = "sid"
_EXPERIMENTAL = frozenset({"experimental", "rc-buggy"})
_UNSTABLE = frozenset({"unreleased", "unstable"}) | _EXPERIMENTAL
_POCKET = re.compile(
    r"(?P<base>.+?)-(?P<pocket>backports(?:-sloppy|-staging)?|updates|security|proposed-updates)"
)
_SOLVER = "aspcud"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pocket:
    """
    How packages for a suite are built.

    :param base: suite whose environment they are built in
    :param overlays: suites that are offered beside it, in the same archive
    :param security: suite that is offered beside it, in the archive for security updates
    :param resolver: what chooses among build dependencies; None: APT by itself
    :param criteria: for the resolver
    """

    base: str
    overlays: tuple[str, ...] = ()
    security: str | None = None
    resolver: str | None = None
    criteria: str | None = None


def pocket_of(suite: str) -> Pocket:
    """
    Say how packages for a suite are built; one that is no pocket is its own base.

    :param suite: in lower case, such as ``trixie-backports``

    >>> pocket_of("trixie-backports").overlays, pocket_of("trixie-backports").base
    (('trixie-backports',), 'trixie')
    >>> pocket_of("experimental").criteria
    '-count(down),-count(changed,APT-Release:=/experimental/),-removed,-changed,-new'
    >>> pocket_of("bookworm-security")
    Pocket(base='bookworm', overlays=(), security='bookworm-security', resolver=None, criteria=None)
    """
    if suite in _EXPERIMENTAL:
        return _solved(UNSTABLE, "experimental")
    if suite in _UNSTABLE:
        return Pocket(base=UNSTABLE)
    found = _POCKET.fullmatch(suite)
    if found is None:
        return Pocket(base=suite)
    return _of_release(suite, found["base"], found["pocket"])


def _of_release(suite: str, base: str, pocket: str) -> Pocket:
    match pocket:
        case "security":
            return Pocket(base=base, security=suite)
        case "updates" | "proposed-updates":
            return Pocket(base=base, overlays=(suite,))
        case "backports":
            return _solved(base, suite)
        case _:
            # what is in these may need what is in backports
            return _solved(base, f"{base}-backports", suite)


def _solved(base: str, *overlays: str) -> Pocket:
    """Take from suites that are not automatic only what must be."""
    # the names of the others begin with that of the first
    count = f"-count(changed,APT-Release:=/{overlays[0]}/)"
    return Pocket(
        base=base,
        overlays=overlays,
        resolver=_SOLVER,
        criteria=f"-count(down),{count},-removed,-changed,-new",
    )
