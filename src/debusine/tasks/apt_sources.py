# SPDX-License-Identifier: GPL-3.0-or-later
"""Write repositories the way APT reads them."""

from __future__ import annotations

from debusine.tasks.models import ExtraExternalRepository

KEYRINGS = "/etc/apt/keyrings"

_APT_BEFORE_INLINE_KEYS = frozenset(
    {
        "jessie",
        "stretch",
        "buster",
        "bullseye",
        "trusty",
        "xenial",
        "bionic",
        "focal",
    }
)


def needs_key_file(codename: str) -> bool:
    """
    Whether APT of a release is too old for keys inside of sources files.

    >>> needs_key_file("bullseye"), needs_key_file("bookworm"), needs_key_file("unknown")
    (True, False, False)
    """
    return codename in _APT_BEFORE_INLINE_KEYS


def sources_paragraph(repository: ExtraExternalRepository, *, key_name: str | None) -> str:
    """
    A ``.sources`` file for a repository.

    :param key_name: name of the key file in :data:`KEYRINGS`; ``None`` puts the key itself
        into the paragraph
    """
    lines = [
        "Types: deb",
        f"URIs: {repository.url}",
        f"Suites: {repository.suite}",
    ]
    if repository.components:
        lines.append("Components: " + " ".join(repository.components))
    if repository.signing_key and key_name is not None:
        lines.append(f"Signed-By: {KEYRINGS}/{key_name}")
    elif repository.signing_key:
        lines.append("Signed-By:")
        lines.extend(f" {line or '.'}" for line in repository.signing_key.splitlines())
    return "".join(f"{line}\n" for line in lines)
