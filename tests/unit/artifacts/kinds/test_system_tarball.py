# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.base import check_data, parse_data
from debusine.artifacts.kinds.system_tarball import SystemTarball, SystemTarballData
from debusine.errors import UserError

DATA: dict[str, Any] = {
    "filename": "system.tar.zst",
    "vendor": "debian",
    "codename": "trixie",
    "mirror": "https://deb.example.org/debian",
    "components": ["main"],
    "variant": "buildd",
    "pkglist": {"base-files": "13.8"},
    "architecture": "amd64",
    "with_dev": True,
    "with_init": False,
}


def parse(**changes: Any) -> SystemTarballData:
    data = parse_data(SystemTarball.category, DATA | changes)
    assert isinstance(data, SystemTarballData)
    return data


@pytest.mark.parametrize("name", ["system.tar.zst", "system.tar.xz"])
def test_both_compressions_are_taken(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    artifact = SystemTarball.from_tarball(tmp_path / name, parse(filename=name))
    assert set(artifact.files) == {name}
    assert SystemTarball.architectures(parse()) == {"amd64"}


def test_name_and_suffix_must_fit(tmp_path: Path) -> None:
    for name in ("other.tar.zst", "system.tar"):
        (tmp_path / name).touch()
        with pytest.raises(UserError):
            SystemTarball.from_tarball(tmp_path / name, parse())


def test_credentials_never_become_data() -> None:
    checked = check_data(
        SystemTarball.category,
        DATA | {"mirror": "https://user:pass%40word@deb.example.org:8080/debian"},
    )
    assert checked["mirror"] == "https://deb.example.org:8080/debian"
    with pytest.raises(UserError):
        check_data(SystemTarball.category, DATA | {"mirror": "no url"})


def test_an_image_says_how_it_boots() -> None:
    image = {
        **DATA,
        "filename": "system.qcow2",
        "image_format": "qcow2",
        "filesystem": "ext4",
        "size": 4,
        "boot_mechanism": "efi",
    }
    assert check_data("debian:system-image", image) == image
    with pytest.raises(UserError) as caught:
        check_data("debian:system-image", image | {"boot_mechanism": "tape"})
    assert list(caught.value.validation_errors or {}) == ["data.boot_mechanism"]
