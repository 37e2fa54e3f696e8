# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be downloaded is an error, and nothing stands in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from debusine.errors import UpstreamError
from debusine.tasks.bootstrap_sources import download
from debusine.testing.apt_mirror import SUITE, Mirror


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "Release"


def test_what_is_there(apt: dict[str, str], mirror: Mirror, target: Path) -> None:
    download(f"{mirror.url}/dists/{SUITE}/Release", target, apt_conf=Path(apt["APT_CONFIG"]))
    assert f"Codename: {SUITE}\n" in target.read_text()


def test_an_error_of_the_mirror(apt: dict[str, str], mirror: Mirror, target: Path) -> None:
    url = f"{mirror.url}/dists/nothing/Release"
    with pytest.raises(UpstreamError, match=r"cannot download .*/dists/nothing/Release") as caught:
        download(url, target, apt_conf=Path(apt["APT_CONFIG"]))
    assert "404" in caught.value.explain()
    assert not target.exists()


def test_a_local_file_that_is_not_there(target: Path) -> None:
    with pytest.raises(UpstreamError, match="cannot download file:/nonexistent/Release"):
        download("file:/nonexistent/Release", target)
