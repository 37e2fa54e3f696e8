# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine-worker cache``: look at the system images of this machine, and remove some."""

from __future__ import annotations

import os
from pathlib import Path

import click

from debusine.client.local_agent import IMAGES
from debusine.tasks.executors.image_limits import CachedImage, CacheLimits, write_limits
from debusine.tasks.executors.images import LIMITS, ImageCache
from debusine.worker.config import WorkerConfig
from debusine.worker.user import Account

MIB = 1024**2
GIB = 1024 * MIB


def make_image_cache(working: Path, account: Account, config: WorkerConfig) -> Path:
    """
    Make the place for images below a working directory, and say what is kept there.

    :param account: who runs tasks, and keeps images
    """
    directory = working / IMAGES
    directory.mkdir(exist_ok=True)
    write_limits(directory / LIMITS, limits_of(config))
    if os.geteuid() == 0:
        os.chown(directory, account.uid, account.gid)
    return directory


def limits_of(config: WorkerConfig) -> CacheLimits:
    """What an administrator lets a worker keep."""
    said = {
        "size_bytes": None if config.cache_mib is None else config.cache_mib * MIB,
        "age_days": config.cache_days,
    }
    return CacheLimits.model_validate({k: v for k, v in said.items() if v is not None})


@click.group("cache")
def cache() -> None:
    """Look at the system images on this machine, or remove some."""


@cache.command("list")
@click.pass_obj
def list_images(directory: Path) -> None:
    """Show images, the one that was used last first."""
    images = ImageCache(directory).images()
    images.sort(key=lambda image: str(image.used_at or ""), reverse=True)
    for image in images:
        click.echo(_describe(image))
    total = sum(image.size_bytes for image in images)
    click.echo(f"{len(images)} images, {total / GIB:.1f} GiB, in {directory}")


@cache.command("prune")
@click.option("--all", "everything", is_flag=True, help="All that nothing uses now.")
@click.option(
    "--images", type=click.IntRange(min=0), metavar="N", help="Keep the N that were used last."
)
@click.option("--size", type=click.FloatRange(min=0), metavar="GIB", help="Keep so many GiB.")
@click.option(
    "--days", type=click.IntRange(min=0), metavar="N", help="Keep what was used in N days."
)
@click.pass_obj
def prune(
    directory: Path,
    *,
    everything: bool,
    images: int | None,
    size: float | None,
    days: int | None,
) -> None:
    """
    Remove images that nothing uses now.

    Without options, those that the worker would not keep.
    """
    known = ImageCache(directory)
    said = {
        "images": 0 if everything else images,
        "size_bytes": None if size is None else int(size * GIB),
        "age_days": days,
    }
    chosen = {name: value for name, value in said.items() if value is not None}
    limits = known.limits.model_copy(update=chosen)
    removed = known.evict(limits=limits) if directory.is_dir() else []
    for image in removed:
        click.echo(f"removed {_describe(image)}")
    freed = sum(image.size_bytes for image in removed)
    click.echo(f"{len(removed)} images removed, {freed / GIB:.1f} GiB")


def _describe(image: CachedImage) -> str:
    when = "never used" if image.used_at is None else f"used {image.used_at:%Y-%m-%d %H:%M}"
    use = ", in use" if image.in_use else ""
    size = f"{image.size_bytes / GIB:.1f} GiB"
    return f"{image.directory.name[:12]}  {size:>9}  {when}{use}  {image.filename}"
