# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from debusine.domain.executor import BackendType
from debusine.tasks.executors.image_limits import GIB, CacheLimits
from debusine.tasks.executors.images import ImageCache, ImageEntry
from debusine.testing.clock import FakeClock
from debusine.testing.task_client import FakeTaskClient
from debusine.util.clock import SystemClock
from debusine.worker.config import WorkerConfig
from debusine.worker.image_cache import MIB, limits_of, make_image_cache
from debusine.worker.main import main
from debusine.worker.package_store import PackageOrigin, PackageStore
from debusine.worker.user import Account


@pytest.fixture
def config(tmp_path: Path) -> Path:
    directory = tmp_path / "config"
    directory.mkdir()
    (directory / "config.ini").write_text(
        f"[General]\napi-url = http://debusine.example.org\nworking-directory = {tmp_path}/work\n"
    )
    return directory


@pytest.fixture
def kept(tmp_path: Path) -> list[ImageEntry]:
    """Two images, used 40 and 4 days ago; nothing uses them now."""
    entries = []
    client = FakeTaskClient()
    for days in (40, 4):
        cache = ImageCache(
            tmp_path / "work" / "system-images",
            limits=CacheLimits(age_days=99),
            clock=FakeClock(now=SystemClock().now() - timedelta(days=days)),
        )
        client.add(days, "debian:system-tarball", {}, {f"used-{days}.tar": b"%d" % days})
        artifact = client.artifact_get(days)
        entry = cache.fetch(client, artifact, BackendType.UNSHARE, workspace="System")
        entry.release()
        entries.append(entry)
    return entries


def cache_command(config: Path, *words: str) -> list[str]:
    done = CliRunner().invoke(main, ["--config-directory", str(config), "cache", *words])
    assert done.exit_code == 0, done.output
    return done.output.splitlines()


def test_list(config: Path, kept: list[ImageEntry]) -> None:
    kept[0].lease()
    latest, oldest, total, _ = cache_command(config, "list")
    assert latest.endswith("used-4.tar")
    assert oldest.endswith(", in use  used-40.tar")
    assert total.startswith("2 images, 0.0 GiB, in ")


def test_nothing_is_there(config: Path, tmp_path: Path) -> None:
    images, packages = cache_command(config, "list")
    assert images.startswith("0 images")
    assert packages.startswith("0 packages")
    assert cache_command(config, "prune") == ["0 images removed, 0.0 GiB"]
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ([], [4]),
        (["--days", "50"], [40, 4]),
        (["--images", "1", "--days", "50"], [4]),
        (["--size", "0"], []),
        (["--all"], []),
    ],
)
def test_prune(config: Path, kept: list[ImageEntry], options: list[str], left: list[int]) -> None:
    said = cache_command(config, "prune", *options)
    assert [entry.path.exists() for entry in kept] == [40 in left, 4 in left]
    assert f"{2 - len(left)} images removed, 0.0 GiB" in said


def test_what_is_in_use_is_not_pruned(config: Path, kept: list[ImageEntry]) -> None:
    kept[0].lease()
    cache_command(config, "prune", "--all")
    assert [entry.path.exists() for entry in kept] == [True, False]


@pytest.mark.parametrize(
    ("options", "left"),
    [([], ["old", "new"]), (["--days", "5"], ["new"]), (["--all"], []), (["--size", "0"], [])],
)
def test_packages_are_shown_and_pruned(
    config: Path, tmp_path: Path, options: list[str], left: list[str]
) -> None:
    (tmp_path / "work/packages").mkdir(parents=True)
    for name, days in (("old", 6), ("new", 4)):
        clock = FakeClock(now=SystemClock().now() - timedelta(days=days))
        store = PackageStore(tmp_path / "work/packages", size_bytes=MIB, clock=clock)
        url = f"http://deb.example.org/{name}"
        draft = store.draft(PackageOrigin(url=url, size=1, headers={}))
        assert draft is not None
        draft.write(b"x")
        draft.close()
        package = store.find(url)
        assert package is not None
        store.used(package, checked=True)

    *_, new, old, total = cache_command(config, "list", "--packages")
    assert new.endswith("/new")
    assert old.endswith("/old")
    assert total.startswith("2 packages, 0.0 GiB, in ")
    cache_command(config, "prune", *options)
    kept = [package.origin.url.rpartition("/")[2] for package in store.packages()]
    assert sorted(kept) == sorted(left)


def test_the_agent_says_what_is_kept(tmp_path: Path) -> None:
    url = "http://debusine.example.org"
    config = WorkerConfig(directory=tmp_path, api_url=url, cache_mib=2048, cache_days=3)
    assert limits_of(config) == CacheLimits(size_bytes=2 * GIB, age_days=3)
    assert limits_of(WorkerConfig(directory=tmp_path, api_url=url)) == CacheLimits()
    directory = make_image_cache(tmp_path, Account.current(), config)
    assert ImageCache(directory).limits == limits_of(config)
