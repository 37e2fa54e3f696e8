# SPDX-License-Identifier: GPL-3.0-or-later
"""Which release a suite is: ``stable`` and its like have the name that the mirror gives them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from debian.deb822 import Deb822

from debusine.cli.building.repositories import MirrorOptions, choose_sources, is_override
from debusine.errors import UpstreamError, UserError
from debusine.util.apt_config import AptMachine
from debusine.util.apt_mirror_list import APT_HELPER
from debusine.util.apt_sources import AptSource, hide_logins, strip_credentials
from debusine.util.command import Command, CommandError, run

_LIMIT_S = 60
_ALIAS = re.compile(r"(?:old)*stable|testing|unstable")


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """What a Release file calls itself; empty where it says nothing."""

    suite: str = ""
    codename: str = ""


# Debian's promise; the others change with each release
_FOREVER = {"unstable": Release(suite="unstable", codename="sid")}


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenSuite:
    """
    What is built for, and from which archives.

    :param overrides: whether options make them others than this machine's usual ones
    """

    codename: str
    sources: tuple[AptSource, ...]
    overrides: bool


def parse_release(text: str) -> Release:
    r"""
    Read a Release or InRelease file.

    >>> parse_release("Suite: stable\nCodename: trixie\n").codename
    'trixie'
    """
    found = Deb822(text.splitlines())
    return Release(suite=str(found.get("Suite", "")), codename=str(found.get("Codename", "")))


def codename_of(asked: str, release: Release, mirror: str) -> str:
    """
    Name the release that was asked for.

    :param asked: codename or suite
    :param mirror: where the Release file is from
    :raises UserError: if it is that of another release, or an alias has no codename

    >>> codename_of("stable", Release(suite="stable", codename="trixie"), "x")
    'trixie'
    """
    if asked == release.codename or release == Release():
        return asked
    if release.suite == asked and release.codename:
        return release.codename
    if not release.codename:
        raise UserError(
            f"the mirror {mirror} does not say which release {asked} is",
            details=f"Its Release file has Suite: {release.suite} and no Codename.",
            resolution="Give the codename, for example --suite trixie.",
        )
    raise UserError(
        f"the mirror {mirror} has another release under the name {asked}: {release.codename}",
        details=f"Its Release file has Suite: {release.suite}, Codename: {release.codename}.",
        resolution=f"Give --suite {release.codename} if that is meant, or another --mirror.",
    )


def read_release(source: AptSource) -> Release | None:
    """
    Ask a mirror for the Release file of a suite, as this machine's APT would.

    The signature is not looked at: APT does that when it makes the environment.

    :returns: None if the mirror cannot be asked
    :raises UserError: if it has no such suite
    """
    base = f"{source.uri.rstrip('/')}/dists/{source.suite}"
    for name in ("InRelease", "Release"):
        with TemporaryDirectory(prefix="debusine-suite-") as directory:
            target = Path(directory, name)
            argv = [APT_HELPER, "-qq", "download-file", f"{base}/{name}", str(target)]
            try:
                run(Command(argv, timeout_s=_LIMIT_S))
            except CommandError as error:
                if " 404 " not in f"{error.details} ":
                    return None
            if target.is_file():
                return parse_release(target.read_text(encoding="utf-8", errors="replace"))
    raise UserError(
        f"the mirror {strip_credentials(source.uri)} has no suite {source.suite}",
        resolution="Give another --suite, or --mirror.",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class SuiteFinder:
    """
    Finds out what suites are, each once.

    :param say: called with what a person should know
    :param read: asks a mirror for a Release file, see :func:`read_release`
    """

    machine: AptMachine
    options: MirrorOptions
    say: Callable[[str], None]
    read: Callable[[AptSource], Release | None] = read_release
    _known: dict[str, ChosenSuite] = field(default_factory=dict)

    def find(self, name: str) -> ChosenSuite:
        """
        Find out which release a suite is, and choose its archives.

        A codename that this machine's APT uses is not looked up; nor is one whose mirror cannot
        be asked: an environment may exist already.

        :param name: codename or alias, without pocket
        :raises UserError: if there is no such suite, or the mirror has another under its name
        :raises UpstreamError: if the mirror must be asked, and cannot be
        """
        if name not in self._known:
            self._known[name] = self._find(name)
        return self._known[name]

    def _find(self, name: str) -> ChosenSuite:
        source = choose_sources(name, self.machine, self.options)[0]
        is_alias = _ALIAS.fullmatch(name) is not None
        if not is_alias and self._is_used(source):
            return self._chosen(name, "")
        release = self.read(source) or _FOREVER.get(name)
        mirror = strip_credentials(source.uri)
        if release is None:
            if not is_alias:
                return self._chosen(name, "")
            raise UpstreamError(
                f"cannot ask the mirror {mirror} which release {name} is",
                resolution="Give the codename, for example --suite trixie, or another --mirror.",
            )
        codename = codename_of(name, release, mirror)
        if codename != name:
            self.say(hide_logins(f"{name} is {codename}, says {mirror}"))
        return self._chosen(codename, release.suite)

    def _is_used(self, source: AptSource) -> bool:
        place = (source.uri, source.suite)
        return any((known.uri, known.suite) == place for known in self.machine.sources)

    def _chosen(self, codename: str, alias: str) -> ChosenSuite:
        return ChosenSuite(
            codename=codename,
            sources=choose_sources(codename, self.machine, self.options, alias=alias),
            overrides=is_override(codename, self.machine, self.options, alias=alias),
        )
