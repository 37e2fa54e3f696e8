# SPDX-License-Identifier: GPL-3.0-or-later
"""Complete the lookup of an environment by what the task already says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from debusine.artifacts.kinds.system_image import SystemImage
from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.domain.category import ArtifactCategory
from debusine.domain.executor import BackendType
from debusine.domain.lookup import LookupSingle
from debusine.domain.lookup_string import LookupString, Segment, parse_lookup_string
from debusine.errors import BugError

MATCH = "match"


def image_category_of(backend: BackendType) -> ArtifactCategory:
    """What a backend boots: a disk image for virtual machines, else a tarball."""
    if backend in {BackendType.INCUS_VM, BackendType.QEMU}:
        return SystemImage.category
    return SystemTarball.category


def environment_lookups(
    lookup: LookupSingle,
    *,
    architecture: str | None,
    backend: BackendType | None,
    image_category: ArtifactCategory | None,
    variant: str | None,
) -> list[LookupSingle]:
    """
    The lookups to try for an environment, best first.

    Only a string ``COLLECTION/match:...`` is completed, and only by what it does not
    say; options such as ``//workspace=...`` stay.

    :param image_category: ``None`` is that of the backend
    :param variant: preferred; without such an item one without variant is taken
    :raises BadLookupError: if the lookup is malformed
    :raises BugError: if neither image category nor backend is given where one is needed

    >>> environment_lookups(
    ...     "debian/match:codename=trixie", architecture="amd64",
    ...     backend=BackendType.UNSHARE, image_category=None, variant=None)
    ['debian/match:codename=trixie:architecture=amd64:format=tarball:backend=unshare']
    """
    parsed = parse_lookup_string(lookup) if isinstance(lookup, str) else None
    if parsed is None or [segment.kind for segment in parsed.segments] != [MATCH]:
        return [lookup]
    given = _parse_match(parsed.segments[0].value)
    if image_category is None:
        if backend is None:
            raise BugError("an environment needs an image category or a backend")
        image_category = image_category_of(backend)
    added = {
        "architecture": architecture,
        "format": "image" if image_category == SystemImage.category else "tarball",
        "backend": backend,
    }
    wanted = {name: value for name, value in added.items() if value is not None} | given
    ordered = given | wanted
    if variant is None or "variant" in given:
        return [_print_match(parsed, ordered)]
    return [_print_match(parsed, ordered | {"variant": choice}) for choice in (variant, "")]


def _parse_match(text: str) -> dict[str, str]:
    """Keys and values of ``key=value:key=value``; a part without ``=`` stays as it is."""
    pairs = (part.partition("=") for part in text.split(":") if part)
    return {key + ("" if equals else "\0"): value for key, equals, value in pairs}


def _print_match(lookup: LookupString, pairs: Mapping[str, str]) -> str:
    value = ":".join(key[:-1] if key.endswith("\0") else f"{key}={pairs[key]}" for key in pairs)
    return str(replace(lookup, segments=(Segment(kind=MATCH, value=value),)))
