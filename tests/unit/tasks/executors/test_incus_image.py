# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from debusine.tasks.executors.base import ImageImportError
from debusine.tasks.executors.incus_image import (
    GENERATOR,
    GENERATOR_PATH,
    ImageDescription,
    write_container_image,
    write_metadata,
)
from debusine.util.tar import ArchiveError, Limits, open_tar

DESCRIPTION = ImageDescription(
    artifact_id=7,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    architecture="amd64",
    vendor="debian",
    codename="trixie",
)
WANTS = "rootfs/etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
INIT = tarfile.TarInfo("./usr/sbin/init")


def member(name: str, kind: bytes = tarfile.REGTYPE, **more: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    for key, value in more.items():
        setattr(made, key, value)
    return made


def convert(
    tmp_path: Path, *members: tarfile.TarInfo, limits: Limits | None = None
) -> dict[str, tarfile.TarInfo]:
    """Members of the image of an archive, by name; each name is there once."""
    source, target = tmp_path / "system.tar", tmp_path / "image.tar.zst"
    with tarfile.open(source, "w") as archive:
        for each in members:
            archive.addfile(each, io.BytesIO(bytes(each.size)))
    write_container_image(source, target, DESCRIPTION, limits=limits)
    with open_tar(target) as image:
        found = list(image)
    named = {each.name: each for each in found}
    assert len(named) == len(found)
    return named


def test_metadata(tmp_path: Path) -> None:
    write_metadata(tmp_path / "metadata.tar", DESCRIPTION)
    with tarfile.open(tmp_path / "metadata.tar") as archive:
        assert archive.getnames() == [
            "metadata.yaml",
            "templates",
            "templates/hostname.tpl",
            "templates/hosts.tpl",
        ]
        stream = archive.extractfile("metadata.yaml")
        assert stream is not None
        found = yaml.safe_load(stream)
    assert found == {
        "architecture": "x86_64",
        "creation_date": 1767225600,
        "profiles": ["debusine"],
        "properties": {
            "description": "debian trixie amd64",
            "os": "debian",
            "release": "trixie",
            "debusine_artifact_id": "7",
            "debian_architecture": "amd64",
        },
        "templates": {
            f"/etc/{name}": {
                "when": ["create", "copy"],
                "create_only": False,
                "template": f"{name}.tpl",
            }
            for name in ("hostname", "hosts")
        },
    }


def test_the_system_lies_below_its_root(tmp_path: Path) -> None:
    long = "./" + "/".join(["directory" * 5] * 8)
    found = convert(
        tmp_path,
        member("./", tarfile.DIRTYPE, mode=0o755),
        member("./bin", tarfile.SYMTYPE, linkname="usr/bin"),
        INIT,
        member("./usr/bin/su", mode=0o4755, uid=0, gid=42, size=3),
        member("./usr/bin/hard", tarfile.LNKTYPE, linkname="./usr/bin/su"),
        member(long, uid=2**31),
        member("/absolute"),
    )
    assert found["rootfs"].isdir()
    assert found["rootfs/bin"].linkname == "usr/bin"
    su = found["rootfs/usr/bin/su"]
    assert (su.mode, su.gid, su.size) == (0o4755, 42, 3)
    assert found["rootfs/usr/bin/hard"].linkname == "rootfs/usr/bin/su"
    assert found[f"rootfs/{long[2:]}"].uid == 2**31
    assert "rootfs/absolute" in found


def test_device_nodes_are_left_out(tmp_path: Path) -> None:
    disk = member("./dev/sda", tarfile.BLKTYPE, devmajor=8)
    assert "rootfs/dev/sda" not in convert(tmp_path, INIT, disk)


def test_file_capabilities_stay(tmp_path: Path) -> None:
    capable = member("./usr/bin/ping")
    capable.pax_headers = {"SCHILY.xattr.security.capability": "x", "comment": "gone"}
    found = convert(tmp_path, INIT, capable)["rootfs/usr/bin/ping"]
    assert found.pax_headers == {"SCHILY.xattr.security.capability": "x"}


def test_what_a_container_needs_is_added(tmp_path: Path) -> None:
    found = convert(tmp_path, INIT)
    generator = found[f"rootfs/{GENERATOR_PATH}"]
    assert (generator.mode, generator.size) == (0o755, len(GENERATOR.encode()))
    assert found["rootfs/etc"].isdir()
    assert found[WANTS].linkname == "/lib/systemd/system/systemd-networkd.service"


def test_what_is_enabled_already_stays(tmp_path: Path) -> None:
    there = [
        member("./etc", tarfile.DIRTYPE, mode=0o700),
        member(WANTS.replace("rootfs", "."), tarfile.SYMTYPE, linkname="elsewhere"),
    ]
    found = convert(tmp_path, INIT, *there)
    assert found[WANTS].linkname == "elsewhere"
    assert found["rootfs/etc"].mode == 0o700


def test_an_image_is_always_the_same(tmp_path: Path) -> None:
    convert(tmp_path, INIT)
    before = (tmp_path / "image.tar.zst").read_bytes()
    convert(tmp_path, INIT)
    assert (tmp_path / "image.tar.zst").read_bytes() == before


def test_a_system_without_init_cannot_boot(tmp_path: Path) -> None:
    with pytest.raises(ImageImportError, match="nothing to boot") as caught:
        convert(tmp_path, member("./usr/bin/su"))
    assert "systemd-sysv" in (caught.value.resolution or "")


@pytest.mark.parametrize(
    "bad",
    [
        member("../outside"),
        member("./usr/../../outside"),
        member("./link", tarfile.LNKTYPE, linkname="../../etc/shadow"),
    ],
    ids=lambda each: each.name,
)
def test_paths_that_lead_out_are_refused(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    with pytest.raises(ImageImportError, match="leads out"):
        convert(tmp_path, INIT, bad)


def test_too_much_is_refused(tmp_path: Path) -> None:
    many = [member(f"./{number}") for number in range(20)]
    with pytest.raises(ImageImportError, match="more than 10 members"):
        convert(tmp_path, INIT, *many, limits=Limits(members=10))
    with pytest.raises(ArchiveError):
        convert(tmp_path, INIT, member("./big", size=9000), limits=Limits(size_bytes=8000))
