# SPDX-License-Identifier: GPL-3.0-or-later
"""
Write repositories the way APT reads them.

What the values may hold, :mod:`debusine.tasks.repository_values` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from debusine.tasks.models import ExtraExternalRepository

KEYRINGS = "/etc/apt/keyrings"
SOURCES = "/etc/apt/sources.list.d"

_APT_BEFORE_DEB822 = frozenset({"jessie", "trusty"})
_APT_BEFORE_INLINE_KEYS = _APT_BEFORE_DEB822 | {
    "stretch",
    "buster",
    "bullseye",
    "xenial",
    "bionic",
    "focal",
}


def needs_key_file(codename: str) -> bool:
    """
    Whether APT of a release is too old for keys inside of sources files.

    >>> needs_key_file("bullseye"), needs_key_file("bookworm"), needs_key_file("unknown")
    (True, False, False)
    """
    return codename in _APT_BEFORE_INLINE_KEYS


def needs_one_line(codename: str) -> bool:
    """
    Whether APT of a release reads one-line lists only; it knows no ``signed-by`` either.

    >>> needs_one_line("jessie"), needs_one_line("stretch")
    (True, False)
    """
    return codename in _APT_BEFORE_DEB822


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedText:
    """A file to be made."""

    name: str
    text: str


@dataclass(kw_only=True, slots=True)
class RepositoryFiles:
    """
    What tells APT of repositories, by where it goes.

    :param keys: for :data:`KEYRINGS`
    :param sources: for :data:`SOURCES`, in the style of deb822
    :param lists: for the same place, in the one-line style
    """

    keys: list[NamedText] = field(default_factory=list)
    sources: list[NamedText] = field(default_factory=list)
    lists: list[NamedText] = field(default_factory=list)


def for_architecture(
    repositories: Iterable[ExtraExternalRepository], architecture: str
) -> list[ExtraExternalRepository]:
    """Pick those that are for an architecture."""
    return [
        repository
        for repository in repositories
        if repository.architectures is None or architecture in repository.architectures
    ]


def repository_files(
    repositories: Iterable[ExtraExternalRepository], *, codename: str, inline: bool
) -> RepositoryFiles:
    """
    Files that tell APT of repositories; they are told apart by number.

    :param codename: release whose APT will read them
    :param inline: whether that finds keys inside of sources files
    """
    files = RepositoryFiles()
    for number, repository in enumerate(repositories):
        key_name = None
        if repository.signing_key and not inline:
            key_name = f"extra_apt_key_{number}.asc"
            files.keys.append(NamedText(name=key_name, text=f"{repository.signing_key}\n"))
        name = f"extra_repository_{number}"
        if needs_one_line(codename):
            lines = one_line_list(repository, key_name=key_name)
            files.lists.append(NamedText(name=f"{name}.list", text=lines))
        else:
            paragraph = sources_paragraph(repository, key_name=key_name)
            files.sources.append(NamedText(name=f"{name}.sources", text=paragraph))
    return files


def sources_paragraph(repository: ExtraExternalRepository, *, key_name: str | None) -> str:
    """
    A ``.sources`` file for a repository.

    :param key_name: name of the key file in :data:`KEYRINGS`; ``None`` puts the key itself
        into the paragraph
    """
    return "".join(f"{line}\n" for line in _fields(repository, key_name))


def _fields(repository: ExtraExternalRepository, key_name: str | None) -> Iterator[str]:
    yield "Types: deb"
    yield f"URIs: {repository.url}"
    yield f"Suites: {repository.suite}"
    if repository.components:
        yield "Components: " + " ".join(repository.components)
    if repository.signing_key and key_name is not None:
        yield f"Signed-By: {KEYRINGS}/{key_name}"
    elif repository.signing_key:
        yield "Signed-By:"
        yield from (f" {line or '.'}" for line in repository.signing_key.split("\n"))


def one_line_list(repository: ExtraExternalRepository, *, key_name: str | None) -> str:
    """
    A ``.list`` file for a repository: one line, or one for each suite.

    :param key_name: name of the key file in :data:`KEYRINGS`; ``None`` names no key
    """
    options = "" if key_name is None else f"[signed-by={KEYRINGS}/{key_name}] "
    # here, unlike in deb822, APT decodes percent escapes
    url = str(repository.url).replace("%", "%25")
    components = "".join(f" {name}" for name in repository.components or ())
    return "".join(
        f"deb {options}{url} {suite}{components}\n" for suite in repository.suite.split()
    )
