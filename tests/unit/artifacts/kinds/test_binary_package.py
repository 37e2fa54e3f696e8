# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

from debusine.artifacts.base import describe
from debusine.artifacts.kinds.binary_package import BinaryPackage, BinaryPackageData
from debusine.testing.packages import write_deb


def test_from_deb(tmp_path: Path) -> None:
    path = write_deb(tmp_path, {"Source": "hi (0.9)"}, suffix=".udeb")
    artifact = BinaryPackage.from_deb(path)
    assert artifact.files == {"hello_1.0-1_amd64.udeb": path}
    data = artifact.data
    assert isinstance(data, BinaryPackageData)
    assert data.model_dump() == {
        "srcpkg_name": "hi",
        "srcpkg_version": "0.9",
        "deb_fields": {
            "Package": "hello",
            "Version": "1.0-1",
            "Architecture": "amd64",
            "Maintainer": "A Person <person@example.org>",
            "Description": "a package written by hand",
            "Source": "hi (0.9)",
        },
        "deb_control_files": ["control", "md5sums"],
    }
    assert describe(artifact.category, data.model_dump()) == "hello_1.0-1_amd64"
    assert BinaryPackage.source(data) == ("hi", "0.9")
    assert BinaryPackage.binary(data) == ("hello", "1.0-1")
    assert BinaryPackage.architectures(data) == {"amd64"}
