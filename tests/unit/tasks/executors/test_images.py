# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from debusine.domain.executor import BackendType
from debusine.tasks.executors.base import ImageImportError
from debusine.tasks.executors.image_limits import GIB, CacheLimits, write_limits
from debusine.tasks.executors.images import LIMITS, ImageCache, ImageEntry, image_file
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
    return ImageCache(tmp_path / "cache", limits=CacheLimits(images=2), clock=clock)


def fetch(cache: ImageCache, client: FakeTaskClient, number: int) -> ImageEntry:
    return cache.fetch(client, client.artifact_get(number), UNSHARE, workspace="System")


def present(cache: ImageCache) -> list[str]:
    paths = [image.directory / image.filename for image in cache.images()]
    return sorted(path.read_text().removeprefix("image ") for path in paths)


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
    cache = ImageCache(tmp_path)
    for content in (b"one", b"two!"):
        client = FakeTaskClient()
        client.add(1, CATEGORY, {}, {"system.tar.zst": content})
        entries.append(fetch(cache, client, 1))
    assert [sha256_of(entry.path) for entry in entries] != [sha256_of(entries[0].path)] * 2
    assert entries[0].directory != entries[1].directory


def test_the_same_image_is_kept_once(cache: ImageCache, client: FakeTaskClient) -> None:
    client.add(7, CATEGORY, {}, {"other.tar.zst": b"image 1"})
    first, again = fetch(cache, client, 1), fetch(cache, client, 7)
    assert first.directory == again.directory
    assert again.path.name == "other.tar.zst"
    assert again.path.samefile(first.path)
    assert present(cache) == ["1"]


def test_a_fetched_image_stays_until_it_is_released(
    cache: ImageCache, client: FakeTaskClient, clock: FakeClock
) -> None:
    entry = fetch(cache, client, 1)
    clock.advance(1)
    assert cache.evict(limits=CacheLimits(images=0)) == []
    [image] = cache.images()
    assert image.in_use
    entry.release()
    [image] = cache.images()
    assert not image.in_use
    assert [gone.directory for gone in cache.evict(limits=CacheLimits(images=0))] == [
        entry.directory
    ]
    assert list(cache.directory.iterdir()) == []


def test_old_images_go(cache: ImageCache, client: FakeTaskClient, clock: FakeClock) -> None:
    fetch(cache, client, 1)
    clock.advance(timedelta(days=31).total_seconds())
    fetch(cache, client, 2)
    assert present(cache) == ["2"]


def test_large_images_go(tmp_path: Path, clock: FakeClock) -> None:
    client = FakeTaskClient()
    for number in (1, 2, 3):
        client.add(number, CATEGORY, {}, {"system.tar.zst": b"image %d" % number})
    cache = ImageCache(tmp_path, limits=CacheLimits(size_bytes=15), clock=clock)
    for number in (1, 2, 3):
        fetch(cache, client, number)
        clock.advance(1)
    assert present(cache) == ["2", "3"]


def test_the_limits_of_the_worker_hold_for_its_tasks(tmp_path: Path) -> None:
    assert ImageCache(tmp_path).limits == CacheLimits(images=10, size_bytes=20 * GIB, age_days=30)
    write_limits(tmp_path / LIMITS, CacheLimits(images=3))
    assert ImageCache(tmp_path).limits.images == 3
    (tmp_path / LIMITS).write_text("{")
    assert ImageCache(tmp_path).limits == CacheLimits()


def test_a_removal_that_was_interrupted_goes_on(cache: ImageCache, client: FakeTaskClient) -> None:
    (cache.directory / ".removed-x" / "deep").mkdir(parents=True)
    fetch(cache, client, 1)
    assert not (cache.directory / ".removed-x").exists()


def test_several_tasks_at_once(tmp_path: Path, client: FakeTaskClient) -> None:
    # each fetch throws out what the others do not use now
    def work(seed: int) -> int:
        cache = ImageCache(tmp_path, limits=CacheLimits(images=1))
        for turn in range(30):
            number = (seed + turn) % 5 + 1
            entry = fetch(cache, client, number)
            assert entry.path.read_bytes() == b"image %d" % number
            entry.release()
        return seed

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(work, range(4))) == [0, 1, 2, 3]
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []  # noqa: PTH208


def test_an_entry_that_goes_just_now_is_made_anew(
    tmp_path: Path, client: FakeTaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = ImageCache(tmp_path)
    directory = fetch(cache, client, 1).directory
    doomed, is_dir = [directory], Path.is_dir

    def look(path: Path) -> bool:
        if path in doomed:
            shutil.rmtree(doomed.pop())
        return is_dir(path)

    entries = ImageCache.images
    monkeypatch.setattr(Path, "is_dir", look)
    # it may look at what is there as often as it likes once it holds the entry
    monkeypatch.setattr(ImageCache, "images", lambda self: doomed.clear() or entries(self))
    assert fetch(cache, client, 1).path.read_bytes() == b"image 1"


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
