# SPDX-License-Identifier: GPL-3.0-or-later
"""
Merge the .changes of several uploads into one.

:source: deb-changes(5), dpkg-genchanges(1)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from debusine.artifacts.deb822 import VERSION, ControlFile
from debusine.errors import UserError

FORMAT = "1.8"
SAME_FIELDS = ("Format", "Source", "Version")
FILE_FIELDS = ("Checksums-Sha1", "Checksums-Sha256", "Files")
# beyond this, dpkg-genchanges folds the field Binary
MAX_LINE = 980

Fields = Mapping[str, Any]


def merge_changes(uploads: Sequence[ControlFile]) -> dict[str, Any]:
    """
    Merge .changes whose form has been checked; what is not merged comes from the first.

    :param uploads: one at least
    :returns: fields in their order, with text or lists of dicts as values
    :raises UserError: if they are not of the same version, or contradict each other
    """
    if not uploads:
        raise UserError("there are no uploads to merge")
    for upload in uploads:
        _check_form(upload)
        _check_same(uploads[0], upload)
    merged = dict(uploads[0].fields)
    merged["Architecture"] = " ".join(_architectures(uploads))
    for field in FILE_FIELDS:
        merged[field] = _files(uploads, field)
    if descriptions := _descriptions(uploads):
        text = "".join(f"\n {line}" for line in descriptions)
        merged = _insert(merged, "Description", text, before="Changes")
    if binaries := _binaries(uploads):
        merged = _insert(merged, "Binary", fold(" ".join(binaries)), before="Source")
    return merged


def merged_name(fields: Fields) -> str:
    """
    Name of the merged .changes; an epoch is no part of it.

    >>> merged_name({"Source": "hello (2.10-1)", "Version": "1:2.10-1+b1"})
    'hello_2.10-1+b1_multi.changes'
    """
    source = str(fields["Source"]).split()[0]
    version = str(fields["Version"]).partition(":")
    return f"{source}_{version[2] or version[0]}_multi.changes"


def render(fields: Fields) -> str:
    """Write fields as a paragraph."""
    lines = []
    for name, value in fields.items():
        if isinstance(value, list):
            entries = "".join(f"\n {' '.join(entry.values())}" for entry in value)
            lines.append(f"{name}:{entries}\n")
        else:
            gap = "" if value.startswith("\n") else " "
            lines.append(f"{name}:{gap}{value}\n")
    return "".join(lines)


def fold(text: str) -> str:
    """
    Fold a long line as dpkg-genchanges does.

    >>> fold("a b")
    'a b'
    >>> [len(line) for line in fold(" ".join(["package"] * 200)).splitlines()]
    [975, 616, 8]
    """
    return re.sub(rf"(.{{0,{MAX_LINE}}}) ", r"\1" + "\n ", text) if len(text) > MAX_LINE else text


def _check_form(upload: ControlFile) -> None:
    name, fields = upload.path.name, upload.fields
    if fields.get("Format") != FORMAT:
        raise UserError(f"{name}: Format is {fields.get('Format')!r}, not {FORMAT!r}")
    # it becomes part of a file name, and was not checked if Source has a version of its own
    if not VERSION.fullmatch(str(fields["Version"])):
        raise UserError(f"{name}: field Version: not a version: {fields['Version']!r}")
    for field in FILE_FIELDS:
        if not isinstance(fields.get(field), list):
            raise UserError(f"{name}: field {field} is missing")
    checksums = {field for field in fields if field.lower().startswith("checksums-")}
    if unknown := sorted(checksums - set(FILE_FIELDS)):
        raise UserError(f"{name}: checksums that cannot be merged: {', '.join(unknown)}")


def _check_same(first: ControlFile, other: ControlFile) -> None:
    for field in SAME_FIELDS:
        ours, theirs = first.fields[field], other.fields[field]
        if ours != theirs:
            raise UserError(
                f"the uploads differ in {field}: {ours!r} in {first.path.name},"
                f" {theirs!r} in {other.path.name}",
                resolution="Merge uploads of one version of one source package.",
            )


def _architectures(uploads: Iterable[ControlFile]) -> list[str]:
    """Words of all fields Architecture, ``source`` first."""
    words = {word for upload in uploads for word in upload.architectures}
    return sorted(words, key=lambda word: (word != "source", word))


def _binaries(uploads: Iterable[ControlFile]) -> list[str]:
    return sorted({word for each in uploads for word in each.fields.get("Binary", "").split()})


def _descriptions(uploads: Iterable[ControlFile]) -> list[str]:
    """Lines of all fields Description, ``NAME - TEXT``, sorted."""
    found: dict[str, str] = {}
    for upload in uploads:
        for line in filter(None, map(str.strip, upload.fields.get("Description", "").splitlines())):
            binary = line.partition(" ")[0]
            if found.setdefault(binary, line) != line:
                raise UserError(
                    f"the uploads describe {binary} differently: {found[binary]!r} and"
                    f" {line!r} in {upload.path.name}"
                )
    return sorted(found.values())


def _files(uploads: Iterable[ControlFile], field: str) -> list[dict[str, str]]:
    """Entries of all fields that list files; what several list stands once."""
    found: dict[str, dict[str, str]] = {}
    for upload in uploads:
        for entry in upload.fields[field]:
            name = entry["name"]
            if found.setdefault(name, entry) != entry:
                raise UserError(
                    f"{field}: {upload.path.name} says something else of {name} than an upload"
                    " before it",
                    details=f"{' '.join(found[name].values())}\n{' '.join(entry.values())}",
                )
    return list(found.values())


def _insert(fields: Fields, name: str, value: str, *, before: str) -> dict[str, Any]:
    """Put a field before another one, or at the end if that is missing."""
    rest = [(key, old) for key, old in fields.items() if key != name]
    names = [key for key, _ in rest]
    place = names.index(before) if before in names else len(rest)
    return dict([*rest[:place], (name, value), *rest[place:]])
