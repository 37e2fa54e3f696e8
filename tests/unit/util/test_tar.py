# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import gzip
import io
import lzma
import tarfile
from pathlib import Path

import pytest
import zstandard

from debusine.errors import UserError
from debusine.util.tar import (
    SUFFIXES,
    ArchiveError,
    Limits,
    estimated_size_bytes,
    extract_files,
    open_stream,
    open_tar,
    suffix_of,
)

COMPRESS = {
    ".tar": bytes,
    ".tar.zst": lambda data: zstandard.ZstdCompressor().compress(data),
    ".tar.xz": lzma.compress,
    ".tar.gz": gzip.compress,
}


def make_tar(*members: tuple[str, bytes | str | None]) -> bytes:
    """Members: name with content, link target as text, None for a directory."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            match content:
                case bytes():
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
                case str():
                    info.type, info.linkname = tarfile.SYMTYPE, content
                    archive.addfile(info)
                case None:
                    info.type = tarfile.DIRTYPE
                    archive.addfile(info)
    return stream.getvalue()


def write(directory: Path, suffix: str, data: bytes) -> Path:
    path = directory / f"a{suffix}"
    path.write_bytes(COMPRESS[suffix](data))
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_reads_every_format(tmp_path: Path, suffix: str) -> None:
    data = make_tar(("./", None), ("./d", None), ("./d/f", b"content"))
    path = write(tmp_path, suffix, data)
    with open_stream(path) as stream:
        assert stream.read(1_000_000) == data
    with open_tar(path) as archive:
        assert [member.name for member in archive] == [".", "./d", "./d/f"]
    assert extract_files(path, tmp_path / "out") == [tmp_path / "out" / "d/f"]
    assert (tmp_path / "out/d/f").read_bytes() == b"content"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_estimates_no_less_than_there_is(tmp_path: Path, suffix: str) -> None:
    data = make_tar(("f", b"\0" * 10_000 + bytes(range(256)) * 100))
    path = write(tmp_path, suffix, data)
    if suffix in {".tar", ".tar.zst"}:
        assert estimated_size_bytes(path) == len(data)
    else:
        assert estimated_size_bytes(path) > path.stat().st_size


def test_unknown_suffix() -> None:
    with pytest.raises(ArchiveError, match="known format"):
        suffix_of("a.zip")


@pytest.mark.parametrize("suffix", [".tar.zst", ".tar.xz", ".tar.gz"])
def test_damaged(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"no archive at all")
    with pytest.raises(ArchiveError, match="cannot read"), open_tar(path):
        pass


def test_cut_short(tmp_path: Path) -> None:
    data = make_tar(("f", bytes(range(256)) * 1000))
    path = write(tmp_path, ".tar.xz", data)
    path.write_bytes(path.read_bytes()[:-30])
    with open_stream(path) as stream, pytest.raises(ArchiveError, match="cannot read"):
        stream.read(10_000_000)


def test_a_bomb_is_stopped(tmp_path: Path) -> None:
    path = write(tmp_path, ".tar.zst", make_tar(("f", b"\0" * 5_000_000)))
    with pytest.raises(ArchiveError, match="more than 1000000 bytes"):
        extract_files(path, tmp_path / "out", limits=Limits(size_bytes=1_000_000))


def test_too_many_members(tmp_path: Path) -> None:
    path = write(tmp_path, ".tar", make_tar(*((f"f{n}", b"") for n in range(5))))
    with pytest.raises(ArchiveError, match="more than 4 members"):
        extract_files(path, tmp_path / "out", limits=Limits(members=4))


@pytest.mark.parametrize("name", ["../f", "/f", "a/../../f"])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, ".tar", make_tar((name, b"x")))
    with pytest.raises(UserError, match="leads out"):
        extract_files(path, tmp_path / "in" / "out")
    assert not (tmp_path / "in").exists()


def test_links_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, ".tar", make_tar(("f", "/etc")))
    with pytest.raises(ArchiveError, match="neither file nor directory"):
        extract_files(path, tmp_path / "out")
