# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from debusine.artifacts.base import NameVersion, describe, parse_data
from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.errors import UserError
from debusine.testing.packages import write_dsc


def test_from_dsc(tmp_path: Path) -> None:
    artifact = SourcePackage.from_dsc(write_dsc(tmp_path))
    assert artifact.category == "debian:source-package"
    assert set(artifact.files) == {
        "hello_1.0-1.dsc",
        "hello_1.0.orig.tar.gz",
        "hello_1.0-1.debian.tar.xz",
    }
    data = artifact.data.model_dump()
    assert (data["name"], data["version"], data["type"]) == ("hello", "1.0-1", "dpkg")
    assert data["dsc_fields"]["Format"] == "3.0 (quilt)"
    assert describe(artifact.category, data) == "hello_1.0-1"
    assert SourcePackage.source(parse_data(artifact.category, data)) == NameVersion(  # type: ignore[arg-type]  # category decides
        "hello", "1.0-1"
    )
    assert artifact.content_types == {"hello_1.0-1.dsc": "text/plain; charset=utf-8"}


def test_a_file_that_differs_is_refused(tmp_path: Path) -> None:
    path = write_dsc(tmp_path)
    (tmp_path / "hello_1.0.orig.tar.gz").write_bytes(b"Upstream")
    with pytest.raises(UserError, match=r"hello_1\.0-1\.dsc does not fit its files"):
        SourcePackage.from_dsc(path)


def test_each_problem_is_named_once(tmp_path: Path) -> None:
    path = write_dsc(tmp_path)
    for name in ("hello_1.0.orig.tar.gz", "hello_1.0-1.debian.tar.xz"):
        (tmp_path / name).unlink()
        with pytest.raises(UserError) as caught:
            SourcePackage.from_dsc(path)
        assert caught.value.explain().count("hello_1.0.orig.tar.gz is missing") == 1
    assert caught.value.details == "hello_1.0-1.debian.tar.xz is missing"


def test_files_are_exactly_those_listed(tmp_path: Path) -> None:
    artifact = SourcePackage.from_dsc(write_dsc(tmp_path))
    (tmp_path / "more").touch()

    def with_files(files: dict[str, Path]) -> LocalArtifact:
        return replace(artifact, files=files)

    without = {path: local for path, local in artifact.files.items() if "orig" not in path}
    with pytest.raises(UserError, match=r"files are missing: hello_1\.0\.orig\.tar\.gz"):
        with_files(without)
    with pytest.raises(UserError, match="files do not belong to it: more"):
        with_files({**artifact.files, "more": tmp_path / "more"})
    with pytest.raises(UserError, match=r"needs exactly one \.dsc file, found none"):
        with_files({"more": tmp_path / "more"})
