# SPDX-License-Identifier: GPL-3.0-or-later
"""How packages, debug symbols and indexes stand in suites and archives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.relation import RelationType
from debusine.db.models import Artifact
from debusine.domain.version import version_rank
from debusine.server.collections.base import ItemAdditionError, NewItem

INDEX_PREFIX = "index:"
SYMBOLS_PREFIX = "debugsym:"


def describe_source(artifact: Artifact, variables: Mapping[str, Any]) -> NewItem:
    """
    Name a source package as an item: ``NAME_VERSION``.

    :raises ItemAdditionError: if component or section are missing
    """
    given = _texts(variables, "component", "section")
    data = {"package": artifact.data["name"], "version": artifact.data["version"], **given}
    return _package_item(data, "package", "version")


def describe_binary(artifact: Artifact, variables: Mapping[str, Any]) -> NewItem:
    """
    Name a binary package as an item: ``NAME_VERSION_ARCHITECTURE``.

    :raises ItemAdditionError: if component, section or priority are missing
    """
    given = _texts(variables, "component", "section", "priority")
    return _package_item({**_binary_facts(artifact), **given}, "package", "version", "architecture")


def describe_symbols(artifact: Artifact, variables: Mapping[str, Any]) -> NewItem:
    """
    Name debug symbols of one build-id: ``debugsym:NAME_VERSION_ARCHITECTURE_BUILD-ID``.

    :raises ItemAdditionError: if the artifact has no such build-id, or does not relate to
        exactly one binary package
    """
    given = _texts(variables, "build_id")
    if given["build_id"] not in artifact.data["build_ids"]:
        raise ItemAdditionError(f"artifact {artifact.pk} has no build-id {given['build_id']!r:.80}")
    packages = list(
        Artifact.objects.filter(
            targeted_by__artifact=artifact,
            targeted_by__type=RelationType.RELATES_TO.value,
            category=BinaryPackage.category,
        )[:2]
    )
    if len(packages) != 1:
        raise ItemAdditionError(
            f"debug symbols must relate to one binary package, artifact {artifact.pk} does not"
        )
    data = {**given, **_binary_facts(packages[0])}
    item = _package_item(data, "package", "version", "architecture", "build_id")
    return NewItem(name=f"{SYMBOLS_PREFIX}{item.name}", data=data)


def describe_index(artifact: Artifact, variables: Mapping[str, Any]) -> NewItem:
    """
    Name an index as an item: ``index:PATH``.

    :raises ItemAdditionError: if the path is missing, or leads out of the archive
    """
    del artifact
    given = _texts(variables, "path")
    if given["path"].startswith("/") or {"", ".", ".."} & set(given["path"].split("/")):
        raise ItemAdditionError(f"not a path of an index: {given['path']!r:.300}")
    return NewItem(name=f"{INDEX_PREFIX}{given['path']}", data=given)


def _binary_facts(artifact: Artifact) -> dict[str, str]:
    """
    What is said of a binary package wherever it stands.

    :raises ItemAdditionError: if the package does not say it
    """
    fields = artifact.data["deb_fields"]
    try:
        return {
            "srcpkg_name": artifact.data["srcpkg_name"],
            "srcpkg_version": artifact.data["srcpkg_version"],
            "package": fields["Package"],
            "version": fields["Version"],
            "architecture": fields["Architecture"],
        }
    except KeyError as error:
        raise ItemAdditionError(f"the package lacks the field {error}") from error


def _package_item(data: dict[str, str], *names: str) -> NewItem:
    """
    Name an item by some of its data.

    :raises ItemAdditionError: for a part that would make names ambiguous
    :raises VersionError: for what is no version
    """
    parts = [data[name] for name in names]
    if any(not part or "_" in part or "/" in part for part in parts):
        raise ItemAdditionError(f"names, versions, architectures cannot hold '_', '/': {parts}")
    version_rank(data["version"])
    return NewItem(name="_".join(parts), data=data)


def _texts(variables: Mapping[str, Any], *names: str) -> dict[str, str]:
    """
    Take what has to be said beside an artifact.

    :raises ItemAdditionError: if something is missing or no text
    """
    wrong = [
        name for name in names if not variables.get(name) or not isinstance(variables[name], str)
    ]
    if wrong:
        raise ItemAdditionError(f"variables are missing or no texts: {', '.join(wrong)}")
    return {name: variables[name] for name in names}
