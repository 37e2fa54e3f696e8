# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from debusine.testing.clock import FakeClock
from debusine.worker.package_store import PackageOrigin, PackageStore

URL = "http://deb.example.org/pool/{}.deb"
LIMIT = 16 * 1000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path, clock: FakeClock) -> PackageStore:
    return PackageStore(tmp_path, size_bytes=LIMIT, clock=clock)


def keep(store: PackageStore, name: str, content: bytes, *, size: int | None = None) -> bool:
    said = len(content) if size is None else size
    draft = store.draft(PackageOrigin(url=URL.format(name), size=said, headers={}))
    if draft is None:
        return False
    draft.write(content)
    draft.close()
    # when it was written is for the file system to say; a clock that stands still knows better
    if (package := store.find(URL.format(name))) is not None:
        store.used(package, checked=True)
    return package is not None


def names(store: PackageStore) -> list[str]:
    return [package.origin.url.rpartition("/")[2] for package in store.packages()]


def test_what_is_kept_is_found_by_its_url(store: PackageStore) -> None:
    assert keep(store, "hello", b"content")
    package = store.find(URL.format("hello"))
    assert package is not None
    with package.open() as file:
        assert file.read() == b"content"
    assert store.find(URL.format("other")) is None


@pytest.mark.parametrize("size", [6, 8])
def test_what_is_not_as_long_as_the_mirror_said_is_forgotten(
    store: PackageStore, tmp_path: Path, size: int
) -> None:
    assert not keep(store, "hello", b"content", size=size)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_cut_or_spoilt_is_not_found(store: PackageStore) -> None:
    keep(store, "cut", b"content")
    keep(store, "spoilt", b"content")
    cut, spoilt = (store.path_of(URL.format(name)) for name in ("cut", "spoilt"))
    os.truncate(cut, cut.stat().st_size - 1)
    spoilt.write_bytes(b"{}\ncontent")
    assert names(store) == []


def test_a_file_in_the_place_of_another_is_not_found(store: PackageStore) -> None:
    keep(store, "hello", b"content")
    store.path_of(URL.format("hello")).rename(store.path_of(URL.format("other")))
    assert store.find(URL.format("other")) is None


def test_what_was_used_longest_ago_makes_room(store: PackageStore, clock: FakeClock) -> None:
    for number in range(20):
        clock.advance(1)
        keep(store, f"n{number}", b"x" * 900)
        first = store.find(URL.format("n0"))
        assert first is not None
        clock.advance(1)
        store.used(first, checked=False)
    kept = names(store)
    assert sum(package.origin.size for package in store.packages()) <= LIMIT
    assert kept[:2] == ["n0.deb", "n19.deb"]
    assert "n1.deb" not in kept


def test_one_file_does_not_push_out_all_others(store: PackageStore) -> None:
    keep(store, "small", b"x")
    assert not keep(store, "large", b"x" * (LIMIT // 16 + 1))
    assert names(store) == ["small.deb"]


def test_drafts_count_before_they_are_written(store: PackageStore) -> None:
    size = LIMIT // 16
    drafts = [
        store.draft(PackageOrigin(url=URL.format(number), size=size, headers={}))
        for number in range(17)
    ]
    assert [draft is None for draft in drafts] == [False] * 16 + [True]
    for draft in drafts:
        if draft is not None:
            draft.close()


def test_how_long_ago_the_mirror_was_asked(store: PackageStore, clock: FakeClock) -> None:
    keep(store, "hello", b"content")
    clock.advance(60)
    package = store.find(URL.format("hello"))
    assert package is not None
    store.used(package, checked=False)
    package = store.find(URL.format("hello"))
    assert package is not None
    assert package.used_at == clock.now()
    assert store.is_fresh(package, timedelta(seconds=61))
    assert not store.is_fresh(package, timedelta(seconds=60))


def test_what_was_begun_long_ago_goes_with_the_next_eviction(
    store: PackageStore, clock: FakeClock, tmp_path: Path
) -> None:
    for name, days in ((".new-old", 2), (".new-young", 0)):
        (tmp_path / name).touch()
        moment = (clock.now() - timedelta(days=days)).timestamp()
        os.utime(tmp_path / name, (moment, moment))
    store.evict(0)
    assert [path.name for path in tmp_path.iterdir()] == [".new-young"]
