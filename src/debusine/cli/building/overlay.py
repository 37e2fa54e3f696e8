# SPDX-License-Identifier: GPL-3.0-or-later
"""Which archives a build for experimental, backports or security takes from beside its base."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from debusine.cli.building.release import ChosenSuite, SuiteFinder
from debusine.cli.building.repositories import choose_sources
from debusine.cli.building.request import signing_key
from debusine.domain.pocket import Pocket
from debusine.errors import UserError
from debusine.util.apt_sources import AptSource, strip_credentials
from debusine.wire.base import JsonObject

_ARCHIVE = "/debian"
_SECURITY = "-security"
_DEBIAN_KEYRINGS = "debian-archive"


def overlay_repositories(
    pocket: Pocket, base: ChosenSuite, suites: SuiteFinder
) -> list[JsonObject]:
    """
    Archives that are offered beside the environment, in the words of the ``sbuild`` task.

    What the environment takes from anyway is not named again. Says which ones it takes.

    :param base: what the environment is made of
    :raises UserError: if the mirror has no such suite, or its key is not in text form
    """
    found = list(_sources(pocket, base, suites))
    for source in found:
        mirror = strip_credentials(source.uri)
        suites.say(f"packages of {source.suite} are offered beside {base.codename}: {mirror}")
    return [_repository(source.without_credentials) for source in found]


def _sources(pocket: Pocket, base: ChosenSuite, suites: SuiteFinder) -> Iterator[AptSource]:
    known = {source.suite for source in base.sources}

    def named(suite: str) -> str:
        """Call what belongs to an alias by the codename, as its base is called."""
        end = suite.removeprefix(pocket.base)
        return suite if end == suite else f"{base.codename}{end}"

    for suite in map(named, pocket.overlays):
        if suite not in known:
            source = _chosen(suite, suites)
            suites.read(source)
            yield source
    if pocket.security is not None and (suite := named(pocket.security)) not in known:
        yield from _security(suite, suites)


def _chosen(suite: str, suites: SuiteFinder) -> AptSource:
    return choose_sources(suite, suites.machine, suites.options)[0]


def _security(suite: str, suites: SuiteFinder) -> Iterator[AptSource]:
    """Find security updates: as the machine has them, or where mirrors have them by custom."""
    source = _chosen(suite, suites)
    configured = {(known.uri, known.suite) for known in suites.machine.sources}
    uri = source.uri.rstrip("/")
    if (source.uri, source.suite) not in configured and uri.endswith(_ARCHIVE):
        source = replace(source, uri=f"{uri}{_SECURITY}")
    try:
        suites.read(source)
    except UserError as error:
        # where they are was a guess
        suites.say(f"building without packages of {suite}: {error.brief}")
    else:
        yield source


def _repository(source: AptSource) -> JsonObject:
    repository: JsonObject = {
        "url": source.uri,
        "suite": source.suite,
        "components": list(source.components),
    }
    key = _key(source)
    return repository if key is None else repository | {"signing_key": key}


def _key(source: AptSource) -> str | None:
    """The key in text form; None if the keys of the environment count."""
    signed_by = source.option("signed-by") or ""
    if "BEGIN PGP PUBLIC KEY" in signed_by:
        lines = [line.strip() for line in signed_by.strip().splitlines()]
        # inside of a sources file, a full stop stands for an empty line
        return "\n".join("" if line == "." else line for line in lines)
    if _DEBIAN_KEYRINGS in signed_by:
        return None
    return signing_key(source)
