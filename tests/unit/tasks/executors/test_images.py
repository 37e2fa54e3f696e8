# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path

import pytest

from debusine.domain.executor import BackendType
from debusine.tasks.executors.base import ImageImportError
from debusine.tasks.executors.images import ImageCache, ImageEntry, image_file
from debusine.testing.clock import FakeClock
from debusine.testing.task_client import FakeTaskClient
from debusine.util.files import sha256_of

UNSHARE = BackendType.UNSHARE
CATEGORY = "debian:system-tarball"


@pytest.fixture
def client() -> FakeTaskClient:
    client = FakeTaskClient()
    for number in range(1, 6):
        client.add(number, CATEGORY, {}, {"system.tar.zst": b"image %d" % number})
    return client


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def cache(tmp_path: Path, clock: FakeClock) -> ImageCache:
    return ImageCache(tmp_path / "cache", max_images=2, clock=clock)


def fetch(cache: ImageCache, client: FakeTaskClient, number: int) -> ImageEntry:
    return cache.fetch(client, client.artifact_get(number), UNSHARE, workspace="System")


def present(cache: ImageCache) -> list[str]:
    return sorted(path.name.partition("-")[0] for path in cache.directory.iterdir())


def test_what_is_kept_is_found_and_left_as_it_is(
    cache: ImageCache, client: FakeTaskClient, tmp_path: Path
) -> None:
    artifact = client.artifact_get(1)
    assert cache.find(artifact) is None
    assert not cache.directory.exists()
    entry = fetch(cache, client, 1)
    usage = (entry.directory / "usage.json").read_bytes()
    found = cache.find(artifact)
    assert found is not None
    assert found.path == entry.path
    assert (entry.directory / "usage.json").read_bytes() == usage
    entry.path.write_bytes(b"cut")
    assert cache.find(artifact) is None


def test_downloads_once_and_notes_the_use(
    cache: ImageCache, client: FakeTaskClient, clock: FakeClock
) -> None:
    entry = fetch(cache, client, 1)
    assert entry.path.name == "system.tar.zst"
    assert entry.path.read_bytes() == b"image 1"
    assert entry.path.stat().st_mode & 0o777 == 0o644
    before = entry.path.stat().st_ino
    clock.advance(60)
    assert fetch(cache, client, 1).path.stat().st_ino == before
    usage = json.loads((entry.directory / "usage.json").read_text())
    assert usage == {
        "version": 1,
        "backends": ["unshare"],
        "usage": [
            {
                "filename": "system.tar.zst",
                "backend": "unshare",
                "timestamp": f"2026-01-01T00:0{minute}:00Z",
            }
            for minute in (0, 1)
        ],
    }


def test_keeps_the_latest_ten_uses(
    cache: ImageCache, client: FakeTaskClient, clock: FakeClock
) -> None:
    for _ in range(12):
        entry = fetch(cache, client, 1)
        clock.advance(1)
    usage = entry.usage()
    assert usage is not None
    assert [use.timestamp.second for use in usage.usage] == list(range(2, 12))


def test_evicts_the_least_recently_used(
    cache: ImageCache, client: FakeTaskClient, clock: FakeClock
) -> None:
    for number in (1, 2, 1, 3):
        fetch(cache, client, number)
        clock.advance(1)
    assert present(cache) == ["1", "3"]


def test_an_image_in_use_stays(cache: ImageCache, client: FakeTaskClient, clock: FakeClock) -> None:
    with fetch(cache, client, 1).in_use():
        for number in (2, 3, 4):
            clock.advance(1)
            fetch(cache, client, number)
        assert present(cache) == ["1", "3", "4"]
    clock.advance(1)
    fetch(cache, client, 5)
    assert present(cache) == ["4", "5"]


def test_removes_what_has_no_readable_log(cache: ImageCache, client: FakeTaskClient) -> None:
    (fetch(cache, client, 1).directory / "usage.json").write_text("{broken")
    fetch(cache, client, 2)
    assert present(cache) == ["2"]


def test_an_interrupted_download_is_repeated(cache: ImageCache, client: FakeTaskClient) -> None:
    entry = fetch(cache, client, 1)
    entry.path.unlink()
    (entry.directory / ".download.tmp.x").mkdir()
    assert fetch(cache, client, 1).path.read_bytes() == b"image 1"


def test_same_number_on_another_server_is_another_image(tmp_path: Path) -> None:
    entries = []
    cache = ImageCache(tmp_path, max_images=5)
    for content in (b"one", b"two!"):
        client = FakeTaskClient()
        client.add(1, CATEGORY, {}, {"system.tar.zst": content})
        entries.append(fetch(cache, client, 1))
    assert [sha256_of(entry.path) for entry in entries] != [sha256_of(entries[0].path)] * 2
    assert entries[0].directory != entries[1].directory


@pytest.mark.parametrize("name", [".hidden", "usage.json", "backends", "a/b"])
def test_unsafe_names(name: str) -> None:
    client = FakeTaskClient()
    client.add(1, CATEGORY, {}, {name: b""})
    with pytest.raises(ImageImportError, match="not a name"):
        image_file(client.artifact_get(1))


def test_an_image_has_one_file() -> None:
    client = FakeTaskClient()
    client.add(1, CATEGORY, {}, {"a": b"", "b": b""})
    with pytest.raises(ImageImportError, match="has 2 files"):
        image_file(client.artifact_get(1))
