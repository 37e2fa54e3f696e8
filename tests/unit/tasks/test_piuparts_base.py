# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
import zstandard

from debusine.tasks.piuparts_base import AVAILABLE, RESOLV_CONF, change, needs_change
from debusine.util.tar import ArchiveError

FINE = ("./", "./dev/", "./var/", "./var/lib/", "./var/lib/dpkg/", f"./{AVAILABLE}", "./etc/motd")


def node(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = tarfile.DIRTYPE if name.endswith("/") else kind
    member.linkname = link
    return member


def write(directory: Path, *more: tarfile.TarInfo, names: tuple[str, ...] = FINE) -> Path:
    """Write a compressed system."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for member in (*map(node, names), *more):
            content = b"text" if member.isreg() else b""
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    path = directory / "system.tar.zst"
    path.write_bytes(zstandard.compress(packed.getvalue()))
    return path


def members(tarball: Path) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(tarball) as archive:
        return {member.name.removeprefix("./"): member for member in archive}


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ([], False),
        ([node(f"./{RESOLV_CONF}")], False),
        ([node(f"./{RESOLV_CONF}", tarfile.SYMTYPE, "../run/resolv.conf")], True),
        ([node(f"{RESOLV_CONF}", tarfile.SYMTYPE, "../run/resolv.conf")], True),
        ([node("./etc/other.conf", tarfile.SYMTYPE, "../run/other.conf")], False),
        ([node("./dev/null", tarfile.CHRTYPE)], True),
        ([node("./dev/fd", tarfile.SYMTYPE, "/proc/self/fd")], True),
        ([node("./srv/disk", tarfile.BLKTYPE)], True),
        ([node("./run/fifo", tarfile.FIFOTYPE)], False),
    ],
)
def test_what_is_in_the_way(tmp_path: Path, more: list[tarfile.TarInfo], *, wanted: bool) -> None:
    assert needs_change(write(tmp_path, *more), with_dev=False) is wanted


def test_a_system_that_says_it_has_devices_is_changed(tmp_path: Path) -> None:
    # not even read
    assert needs_change(tmp_path / "missing.tar.zst", with_dev=True)


def test_a_system_without_a_list_of_packages_is_changed(tmp_path: Path) -> None:
    assert needs_change(write(tmp_path, names=FINE[:5]), with_dev=False)


@pytest.mark.parametrize("there", [1, 2, 3, 4, 5, 6])
def test_the_list_of_packages_is_added_with_its_directories(tmp_path: Path, there: int) -> None:
    changed = change(write(tmp_path, names=FINE[:there]), compress=False)
    assert changed.name == "system.piuparts.tar"
    found = members(changed)
    assert found[AVAILABLE].isreg()
    assert found[AVAILABLE].mode & 0o444 == 0o444
    for name in ("var", "var/lib", "var/lib/dpkg"):
        assert found[name].isdir()
    assert not needs_change(changed, with_dev=False)


def test_everything_else_stays(tmp_path: Path) -> None:
    special = node("./usr/bin/ping")
    special.mode, special.uid, special.gid, special.mtime = 0o4755, 7, 8, 1_700_000_000
    special.pax_headers = {"SCHILY.xattr.user.note": "kept"}
    original = write(
        tmp_path,
        special,
        node("./usr/bin/ping4", tarfile.LNKTYPE, "./usr/bin/ping"),
        node("./bin", tarfile.SYMTYPE, "usr/bin"),
        node("./run/fifo", tarfile.FIFOTYPE),
        node("./dev/null", tarfile.CHRTYPE),
        node("./dev/pts/"),
        node(f"./{RESOLV_CONF}", tarfile.SYMTYPE, "../run/resolv.conf"),
    )
    changed = change(original, compress=True)
    assert changed.name == "system.piuparts.tar.gz"
    assert changed.read_bytes()[:2] == b"\x1f\x8b"
    found = members(changed)
    assert sorted(found) == sorted(
        [
            *(name.removeprefix("./").rstrip("/") or "." for name in FINE),
            "usr/bin/ping",
            "usr/bin/ping4",
            "bin",
            "run/fifo",
            RESOLV_CONF,
        ]
    )
    kept = found["usr/bin/ping"]
    assert (kept.mode, kept.uid, kept.gid, kept.mtime) == (0o4755, 7, 8, 1_700_000_000)
    assert kept.pax_headers["SCHILY.xattr.user.note"] == "kept"
    assert (found["usr/bin/ping4"].type, found["usr/bin/ping4"].linkname) == (
        tarfile.LNKTYPE,
        "./usr/bin/ping",
    )
    assert (found["bin"].type, found["bin"].linkname) == (tarfile.SYMTYPE, "usr/bin")
    assert (found[RESOLV_CONF].isreg(), found[RESOLV_CONF].size) == (True, 0)
    with tarfile.open(changed) as archive:
        content = archive.extractfile("./etc/motd")
        assert content is not None
        assert content.read() == b"text"


def test_a_damaged_system(tmp_path: Path) -> None:
    path = tmp_path / "system.tar.zst"
    path.write_bytes(b"nonsense")
    with pytest.raises(ArchiveError):
        needs_change(path, with_dev=False)
    with pytest.raises(ArchiveError):
        change(path, compress=False)
