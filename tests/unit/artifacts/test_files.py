# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from debusine.artifacts.checksums import FileDigests, digest_file
from debusine.artifacts.files import LocalArtifact, below, by_name
from debusine.artifacts.kinds.debug_logs import DebugLogs, DebugLogsData
from debusine.artifacts.kinds.test import Test, TestData
from debusine.errors import UserError
from debusine.wire.artifact import ArtifactCreate


def make(files: dict[str, Path], **more: dict[str, FileDigests]) -> LocalArtifact:
    return LocalArtifact(category=Test.category, data=TestData(), files=files, **more)


def test_a_request_names_size_and_digest_of_each_file(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"hello\n")
    create = ArtifactCreate.from_local(
        DebugLogs.from_directory(tmp_path), workspace="System", work_request=7
    )
    assert create.model_dump(exclude_unset=True) == {
        "category": "debusine:work-request-debug-logs",
        "workspace": "System",
        "data": {},
        "work_request": 7,
        "files": {
            "a.log": {
                "size": 6,
                "checksums": {"sha256": hashlib.sha256(b"hello\n").hexdigest()},
                "content_type": "text/plain; charset=utf-8",
            }
        },
    }


def test_remote_files_are_declared_without_being_read() -> None:
    digests = FileDigests(size_bytes=3, hexdigests={"sha256": "0" * 64})
    create = ArtifactCreate.from_local(make({}, remote_files={"x": digests}))
    assert create.files["x"].size == 3
    assert create.files["x"].checksums == {"sha256": "0" * 64}


@pytest.mark.parametrize(
    "path", ["", ".", "/etc/passwd", "../x", "a/../b", "a//b", "a/", "./a", "a\0b"]
)
def test_paths_stay_inside_the_artifact(tmp_path: Path, path: str) -> None:
    local = tmp_path / "file"
    local.touch()
    with pytest.raises(UserError, match="not a path inside an artifact"):
        make({path: local})


def test_only_regular_files_are_taken(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("target")
    (tmp_path / "target").touch()
    with pytest.raises(UserError, match="is not a regular file"):
        make({"link": link})
    with pytest.raises(UserError, match="is not a regular file"):
        make({"dir": tmp_path})
    with pytest.raises(UserError, match="is missing"):
        make({"x": tmp_path / "x"})


def test_a_file_is_either_local_or_remote(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    digests = FileDigests(size_bytes=0, hexdigests={"sha256": "0" * 64})
    with pytest.raises(UserError, match="both"):
        make({"x": tmp_path / "x"}, remote_files={"x": digests})


def test_data_of_another_kind_is_a_mistake() -> None:
    with pytest.raises(TypeError):
        LocalArtifact(category=Test.category, data=DebugLogsData(), files={})


def test_content_types_given_win_over_those_of_the_kind(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    artifact = LocalArtifact(
        category=DebugLogs.category,
        data=DebugLogsData(),
        files={"x": tmp_path / "x"},
        content_types={"x": "application/json"},
    )
    assert artifact.content_types == {"x": "application/json"}


def test_by_name_refuses_two_files_of_one_name(tmp_path: Path) -> None:
    assert by_name([tmp_path / "a"]) == {"a": tmp_path / "a"}
    with pytest.raises(UserError, match="two files are called a"):
        by_name([tmp_path / "a", tmp_path / "sub/a"])


def test_below_lists_regular_files_by_path(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b").touch()
    (tmp_path / "a").touch()
    (tmp_path / "link").symlink_to("a")
    assert list(below(tmp_path)) == ["a", "sub/b"]


def test_digests_of_several_algorithms_in_one_pass(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    digests = digest_file(path, ("md5", "sha256"))
    assert digests.size_bytes == 3
    assert digests.hexdigests == {
        "md5": hashlib.md5(b"abc").hexdigest(),
        "sha256": hashlib.sha256(b"abc").hexdigest(),
    }
