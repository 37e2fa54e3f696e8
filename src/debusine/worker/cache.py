# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine-worker cache``: look at what this machine keeps from task to task, and remove some."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import click

from debusine.client.local_agent import IMAGES
from debusine.tasks.executors.image_limits import CachedImage
from debusine.tasks.executors.images import ImageCache
from debusine.util.clock import SystemClock
from debusine.worker.package_cache import PACKAGES
from debusine.worker.package_store import PackageStore

GIB = 1024**3


@click.group("cache")
def cache() -> None:
    """Look at the system images and packages on this machine, or remove some."""


@cache.command("list")
@click.option("--packages", is_flag=True, help="Show each package, too.")
@click.pass_obj
def list_cache(working: Path, *, packages: bool) -> None:
    """Show what is kept, the image or package that was used last first."""
    images = ImageCache(working / IMAGES).images()
    images.sort(key=lambda image: str(image.used_at or ""), reverse=True)
    for image in images:
        click.echo(_describe(image))
    total = sum(image.size_bytes for image in images)
    click.echo(f"{len(images)} images, {total / GIB:.1f} GiB, in {working / IMAGES}")
    kept = PackageStore(working / PACKAGES).packages()
    for package in kept if packages else ():
        size = f"{package.size_bytes / 1024**2:.1f} MiB"
        click.echo(f"{size:>11}  {_used(package.used_at)}  {package.origin.url}")
    total = sum(package.size_bytes for package in kept)
    click.echo(f"{len(kept)} packages, {total / GIB:.1f} GiB, in {working / PACKAGES}")


@cache.command("prune")
@click.option("--all", "everything", is_flag=True, help="All that nothing uses now.")
@click.option(
    "--images", type=click.IntRange(min=0), metavar="N", help="Keep the N that were used last."
)
@click.option(
    "--size", type=click.FloatRange(min=0), metavar="GIB", help="Keep so many GiB of each kind."
)
@click.option(
    "--days", type=click.IntRange(min=0), metavar="N", help="Keep what was used in N days."
)
@click.pass_obj
def prune(
    working: Path,
    *,
    everything: bool,
    images: int | None,
    size: float | None,
    days: int | None,
) -> None:
    """
    Remove images that nothing uses now, and packages.

    Without options, those images that the worker would not keep.
    """
    size_bytes = None if size is None else int(size * GIB)
    _prune_images(working / IMAGES, 0 if everything else images, size_bytes, days)
    if everything or size_bytes is not None or days is not None:
        _prune_packages(working / PACKAGES, 0 if everything else size_bytes, days)


def _prune_images(
    directory: Path, images: int | None, size_bytes: int | None, days: int | None
) -> None:
    known = ImageCache(directory)
    said = {"images": images, "size_bytes": size_bytes, "age_days": days}
    chosen = {name: value for name, value in said.items() if value is not None}
    limits = known.limits.model_copy(update=chosen)
    removed = known.evict(limits=limits) if directory.is_dir() else []
    for image in removed:
        click.echo(f"removed {_describe(image)}")
    freed = sum(image.size_bytes for image in removed)
    click.echo(f"{len(removed)} images removed, {freed / GIB:.1f} GiB")


def _prune_packages(directory: Path, size_bytes: int | None, days: int | None) -> None:
    store = PackageStore(directory)
    oldest = None if days is None else SystemClock().now() - timedelta(days=days)
    removed = store.evict(size_bytes, older_than=oldest)
    freed = sum(package.size_bytes for package in removed)
    click.echo(f"{len(removed)} packages removed, {freed / GIB:.1f} GiB")


def _describe(image: CachedImage) -> str:
    when = "never used" if image.used_at is None else _used(image.used_at)
    use = ", in use" if image.in_use else ""
    size = f"{image.size_bytes / GIB:.1f} GiB"
    return f"{image.directory.name[:12]}  {size:>9}  {when}{use}  {image.filename}"


def _used(moment: datetime) -> str:
    return f"used {moment:%Y-%m-%d %H:%M}"
