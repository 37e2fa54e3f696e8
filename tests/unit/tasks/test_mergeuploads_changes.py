# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.deb822 import ControlFile, read_changes
from debusine.errors import UserError
from debusine.tasks.mergeuploads_changes import merge_changes, merged_name, render

ENTRIES = {"Files": "md5sum", "Checksums-Sha1": "sha1", "Checksums-Sha256": "sha256"}
BASE = {"Format": "1.8", "Source": "hello", "Version": "1.0-1", "Distribution": "unstable"}


def upload(architecture: str, *names: str, **fields: Any) -> ControlFile:
    """A .changes; a name that ends with a digit has another content for each."""
    listed = {
        field: [{column: f"{column}-{name}", "size": "7", "name": name} for name in names]
        for field, column in ENTRIES.items()
    }
    more = {name.replace("_", "-"): value for name, value in fields.items()}
    return ControlFile(
        path=Path(f"/{architecture}.changes"),
        fields={**BASE, "Architecture": architecture, **listed, **more},
        listed={},
    )


def test_what_is_merged_and_what_comes_from_the_first() -> None:
    merged = merge_changes(
        [
            upload("source", "a.dsc", Changes="\n new", Closes="1"),
            upload(
                "all amd64",
                "z.deb",
                Changes="\n other",
                Binary="zoo ant",
                Description="\n zoo - animals\n ant - small",
                Urgency="low",
            ),
            upload(
                "amd64 i386", "y.deb", Binary="yak ant", Description="\n ant - small\n yak - big"
            ),
        ]
    )
    assert merged["Architecture"] == "source all amd64 i386"
    assert merged["Binary"] == "ant yak zoo"
    assert merged["Description"] == "\n ant - small\n yak - big\n zoo - animals"
    for field in ENTRIES:
        assert [entry["name"] for entry in merged[field]] == ["a.dsc", "z.deb", "y.deb"]
    assert (merged["Changes"], merged["Closes"]) == ("\n new", "1")
    assert "Urgency" not in merged
    names = list(merged)
    assert names.index("Binary") == names.index("Source") - 1
    assert names.index("Description") == names.index("Changes") - 1


def test_fields_that_nobody_has_stay_away() -> None:
    merged = merge_changes([upload("source", "a.dsc")])
    assert set(merged) == {*BASE, "Architecture", *ENTRIES}


def test_a_file_that_two_uploads_list_stands_once() -> None:
    merged = merge_changes([upload("source", "a.dsc", "b"), upload("amd64", "b", "c.deb")])
    assert [entry["name"] for entry in merged["Files"]] == ["a.dsc", "b", "c.deb"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Format": "1.7"}, "amd64.changes: Format is '1.7', not '1.8'"),
        ({"Source": "bye"}, "the uploads differ in Source: 'hello' in source.changes, 'bye' in"),
        ({"Source": "hello (1.0-1)"}, "the uploads differ in Source"),
        ({"Version": "2"}, "the uploads differ in Version"),
        ({"Version": "../2"}, "amd64.changes: field Version: not a version: '../2'"),
        ({"Checksums_Sha512": []}, "amd64.changes: checksums that cannot be merged: Checksums-Sha"),
        ({"checksums_md5": "x"}, "amd64.changes: checksums that cannot be merged: checksums-md5"),
        ({"Checksums_Sha1": None}, "amd64.changes: field Checksums-Sha1 is missing"),
        ({"Description": "\n hello - x"}, "the uploads describe hello differently: 'hello - gree"),
        (
            {"Checksums_Sha1": [{"sha1": "other", "size": "7", "name": "a.dsc"}]},
            "Checksums-Sha1: amd64.changes says something else of a.dsc than an upload before it",
        ),
    ],
)
def test_contradictions_are_refused(fields: dict[str, Any], message: str) -> None:
    first = upload("source", "a.dsc", Description="\n hello - greets")
    with pytest.raises(UserError) as raised:
        merge_changes([first, upload("amd64", "b.deb", **fields)])
    assert raised.value.brief.startswith(message)


def test_nothing_to_merge() -> None:
    with pytest.raises(UserError, match="no uploads"):
        merge_changes([])


def test_the_name_has_neither_epoch_nor_path() -> None:
    assert merged_name({"Source": "hello", "Version": "2:1.0-1"}) == "hello_1.0-1_multi.changes"
    assert merged_name({"Source": "hello", "Version": "1.0"}) == "hello_1.0_multi.changes"


def test_what_is_written_is_read_as_it_was(tmp_path: Path) -> None:
    binaries = " ".join(f"package-number-{number:04}" for number in range(100))
    digests = {"md5sum": "a" * 32, "sha1": "b" * 40, "sha256": "c" * 64}
    listed: dict[str, Any] = {
        field: [
            {
                column: digests[column],
                "size": "7",
                **({"section": "utils", "priority": "optional"} if field == "Files" else {}),
                "name": "a.dsc",
            }
        ]
        for field, column in ENTRIES.items()
    }
    fields = {
        "Changes": "\n hello (1.0-1) unstable; urgency=low\n .\n   * New.",
        "Binary": binaries,
    }
    merged = merge_changes([upload("source", **listed, **fields)])
    path = tmp_path / "x.changes"
    path.write_text(render(merged))
    assert dict(read_changes(path).fields) == merged
    lines = path.read_text().splitlines()
    assert max(map(len, lines)) < 1000
    assert lines[2].startswith(" package-number-")
