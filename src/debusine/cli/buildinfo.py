# SPDX-License-Identifier: GPL-3.0-or-later
"""Show the record of a build, ``.buildinfo``, to people and programs."""

from __future__ import annotations

from pathlib import Path

from debusine.artifacts.deb822 import (
    ControlFile,
    installed_build_depends,
    read_buildinfo,
    recorded_environment,
)
from debusine.errors import NotFoundError
from debusine.wire.base import JsonObject

SUFFIX = ".buildinfo"
# what is shown as it is, by how it is called
_FIELDS = {
    "source": "Source",
    "version": "Version",
    "architecture": "Architecture",
    "build_architecture": "Build-Architecture",
    "build_date": "Build-Date",
    "build_path": "Build-Path",
    "build_origin": "Build-Origin",
    "tainted_by": "Build-Tainted-By",
}


def buildinfo_name(files: list[str], artifact_id: int) -> str:
    """
    Find the record among the files of an artifact.

    :raises NotFoundError: if there is none, or more than one
    """
    found = [name for name in files if name.endswith(SUFFIX)]
    if len(found) != 1:
        raise NotFoundError(
            f"artifact {artifact_id} has {'no' if not found else 'more than one'} {SUFFIX} file",
            resolution="Give an artifact of category debian:upload that a build made.",
        )
    return found[0]


def document(path: Path) -> JsonObject:
    """
    A record as a document.

    :returns: what it says of the build; ``files`` are SHA-256 by name, ``environment`` variables
        by name, ``installed_build_depends`` versions by package
    :raises UserError: if it is malformed
    """
    record = read_buildinfo(path)
    return {
        **{key: str(record.fields[name]) for key, name in _FIELDS.items() if name in record.fields},
        "files": _digests(record),
        "environment": recorded_environment(record),
        "installed_build_depends": installed_build_depends(record),
    }


def _digests(record: ControlFile) -> JsonObject:
    return {name: file.hexdigests.get("sha256", "") for name, file in record.listed.items()}
