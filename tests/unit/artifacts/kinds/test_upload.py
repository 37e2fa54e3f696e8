# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.base import check_data, describe
from debusine.artifacts.kinds.upload import Upload, UploadData
from debusine.errors import UserError
from debusine.testing.packages import write_changes, write_deb, write_dsc
from debusine.wire.artifact import ArtifactCreate


def test_from_changes_of_a_build(tmp_path: Path) -> None:
    deb = write_deb(tmp_path)
    changes = write_changes(tmp_path, [deb], architecture="amd64")
    artifact = Upload.from_changes(changes)
    assert artifact.files == {changes.name: changes, deb.name: deb}
    data = artifact.data
    assert isinstance(data, UploadData)
    assert Upload.architectures(data) == {"amd64"}
    assert Upload.source(data) == ("hello", "1.0-1")
    assert describe(artifact.category, data.model_dump()) == "hello_1.0-1"
    assert artifact.content_types == {changes.name: "text/plain; charset=utf-8"}


def test_missing_files_are_refused_or_declared(tmp_path: Path) -> None:
    dsc = write_dsc(tmp_path)
    orig = tmp_path / "hello_1.0.orig.tar.gz"
    changes = write_changes(tmp_path, [dsc, orig], architecture="source")
    orig.unlink()
    with pytest.raises(UserError, match=r"orig\.tar\.gz is missing"):
        Upload.from_changes(changes)
    artifact = Upload.from_changes(changes, allow_remote=True)
    assert set(artifact.files) == {changes.name, dsc.name}
    create = ArtifactCreate.from_local(artifact)
    assert create.files[orig.name].size == 8
    dsc.write_text("changed")
    with pytest.raises(UserError, match="does not fit its files"):
        Upload.from_changes(changes, allow_remote=True)


def entries(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"Files": entries("a.deb")}, "Architecture is missing"),
        ({"Architecture": "amd64"}, "Files is missing"),
        ({"Architecture": "amd64", "Files": "x"}, "Files is missing or not a list"),
        ({"Architecture": "amd64", "Files": entries("a.buildinfo")}, "no .deb or .udeb"),
        ({"Architecture": "source", "Files": entries("a.dsc", "a.deb")}, "['a.deb']"),
        (
            {"Architecture": "source", "Files": entries("a.dsc", "a_amd64.buildinfo")},
            "['a_amd64.buildinfo']",
        ),
        ({"Architecture": "source", "Files": entries("a.tar.xz")}, "found 0 .dsc files"),
        ({"Architecture": "all", "Files": entries("a.dsc", "a.deb")}, "found 1 .dsc files"),
    ],
)
def test_files_must_fit_architectures(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        check_data("debian:upload", {"type": "dpkg", "changes_fields": fields})
    assert message in (caught.value.details or "")


@pytest.mark.parametrize(
    ("architecture", "names"),
    [
        ("source", ["a.dsc", "a_source.buildinfo", "a.orig.tar.gz"]),
        ("source all", ["a.dsc", "a.deb", "a_all.buildinfo"]),
        ("amd64", ["a.udeb", "a_amd64.buildinfo"]),
    ],
)
def test_files_that_fit(architecture: str, names: list[str]) -> None:
    data = {
        "type": "dpkg",
        "changes_fields": {"Architecture": architecture, "Files": entries(*names)},
    }
    assert check_data("debian:upload", data) == data
