# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from debusine.util.tar import ArchiveError, Limits
from debusine.util.tar_tree import TarTree

Content = bytes | str | None
"""Of a file; target of a symbolic link; None for a directory."""

TREE: dict[str, Content] = {
    "./": None,
    "./a": None,
    "./a/file": b"text",
    "./a/beside": "file",
    "./a/up": "../b/./other",
    "./b": None,
    "./b/other": b"other",
    "./b/deep": None,
    "./b/deep/root": "../..",
    "./link": "a",
    "./dangling": "nowhere/at/all",
}


def write(path: Path, members: list[tuple[str, Content]]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
            else:
                info.size = len(content)
            archive.addfile(info, io.BytesIO(content if isinstance(content, bytes) else b""))
    return path


@contextmanager
def tree_of(directory: Path, **more: Content) -> Iterator[TarTree]:
    path = write(directory / "tree.tar", [*TREE.items(), *more.items()])
    with TarTree.open(path) as tree:
        yield tree


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a/file", b"text"),
        ("./a//file", b"text"),
        ("a/beside", b"text"),
        ("a/up", b"other"),
        ("link/up", b"other"),
        ("b/deep/root/link/file", b"text"),
    ],
)
def test_files_are_found_through_links(tmp_path: Path, path: str, content: bytes) -> None:
    with tree_of(tmp_path) as tree:
        tree.check_links()
        assert tree.read(path) == content


@pytest.mark.parametrize("path", ["a", "missing", "a/file/x", "dangling", "b/missing/../other/x"])
def test_what_is_no_file(tmp_path: Path, path: str) -> None:
    with tree_of(tmp_path) as tree, pytest.raises(ArchiveError):
        tree.read(path)


@pytest.mark.parametrize(
    "target",
    ["/etc/passwd", "..", "../../etc/passwd", "a/../../x", "missing/../../x", "b/deep/root/.."],
)
def test_links_must_not_lead_out(tmp_path: Path, target: str) -> None:
    with tree_of(tmp_path, evil=target) as tree:
        with pytest.raises(ArchiveError, match="leads out of its directory: evil"):
            tree.check_links()
        with pytest.raises(ArchiveError):
            tree.read("evil")
        with pytest.raises(ArchiveError):
            tree.has("evil/x")


def test_links_in_a_circle(tmp_path: Path) -> None:
    circle: dict[str, Content] = {"one": "two", "two": "one"}
    with (
        tree_of(tmp_path, **circle) as tree,
        pytest.raises(ArchiveError, match="too many symbolic links"),
    ):
        tree.check_links()


def test_whether_something_is_there(tmp_path: Path) -> None:
    with tree_of(tmp_path) as tree:
        found = {path: tree.has(path) for path in ("a", "link/file", "dangling", "x", "x/y")}
    assert found == {"a": True, "link/file": True, "dangling": True, "x": False, "x/y": False}


def test_links_must_not_leave_a_part_of_the_tree(tmp_path: Path) -> None:
    with tree_of(tmp_path) as tree:
        part = tree.below("link")
        assert sorted(part.members) == ["beside", "file", "up"]
        assert part.read("beside") == b"text"
        with pytest.raises(ArchiveError, match="leads out"):
            part.check_links()
        for path in ("a/file", "missing"):
            with pytest.raises(ArchiveError, match="no such directory"):
                tree.below(path)


def test_special_files_are_found(tmp_path: Path) -> None:
    path = tmp_path / "tree.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("device")
        info.type = tarfile.CHRTYPE
        archive.addfile(info)
    with TarTree.open(path) as tree:
        with pytest.raises(ArchiveError, match="nor symbolic link: device"):
            tree.check_links()
        with pytest.raises(ArchiveError, match="not a regular file"):
            tree.read("device")


def test_copying_makes_directories_and_overwrites_nothing(tmp_path: Path) -> None:
    target = tmp_path / "out/of/tree"
    with tree_of(tmp_path) as tree:
        tree.copy("link/file", target)
        assert target.read_bytes() == b"text"
        with pytest.raises(FileExistsError):
            tree.copy("link/file", target)


def test_text_is_utf8_and_small(tmp_path: Path) -> None:
    with tree_of(tmp_path, bad=b"\xff") as tree:
        assert tree.text("a/file") == "text"
        with pytest.raises(ArchiveError, match="not UTF-8"):
            tree.text("bad")
        with pytest.raises(ArchiveError, match="larger than 3 bytes"):
            tree.read("a/file", max_bytes=3)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("/etc/x", b"")], "leads out of the archive: /etc/x"),
        ([("a/../../x", b"")], "leads out of the archive"),
        ([("a", b"1"), ("./a", "/etc")], "twice: a"),
    ],
)
def test_members_that_no_tree_has(
    tmp_path: Path, members: list[tuple[str, Content]], message: str
) -> None:
    path = write(tmp_path / "x.tar", members)
    with pytest.raises(ArchiveError, match=message), TarTree.open(path):
        pass


@pytest.mark.parametrize("limits", [Limits(members=3), Limits(size_bytes=5)])
def test_limits(tmp_path: Path, limits: Limits) -> None:
    path = write(tmp_path / "x.tar", list(TREE.items()))
    with (
        pytest.raises(ArchiveError, match="holds more than"),
        TarTree.open(path, limits=limits),
    ):
        pass


def test_what_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(b"something else" * 100)
    with pytest.raises(ArchiveError, match=r"cannot read x\.tar"), TarTree.open(path):
        pass
