# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers and virtual machines of Incus have in common."""

from __future__ import annotations

import os
import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import structlog
from typing_extensions import override

from debusine.tasks.executors.base import (
    Executor,
    ExecutorStatistics,
    ImageImportError,
    ImageNotDownloadedError,
    Instance,
)
from debusine.tasks.executors.images import ImageCache, ImageEntry, default_cache_directory
from debusine.tasks.executors.incus_client import PROFILE, PROGRAM, Incus, check_incus
from debusine.tasks.executors.incus_image import ImageDescription
from debusine.tasks.executors.incus_instance import INSTANCES, IncusInstance, Plan
from debusine.tasks.executors.room import memory_of_machine
from debusine.util.command import CommandError

log = structlog.get_logger(__name__)

FORM = 1
"""Of our images; to be raised when the same environment makes another image."""
ALIAS = "debusine/"


class IncusExecutor(Executor):
    """
    Images of Incus, known by what they are made of and not by which artifact that is.

    So each is there once, whichever servers the worker has worked for.
    """

    driver: ClassVar[str]
    is_machine: ClassVar[bool]
    _entry: ImageEntry | None = None
    _is_imported = False

    @override
    @classmethod
    def check_available(cls) -> None:
        check_incus(cls.driver)

    @abstractmethod
    def _make_files(self, entry: ImageEntry, directory: Path) -> Sequence[Path]:
        """
        Make of the image what Incus takes in.

        :param directory: empty, and gone afterwards
        :raises ImageImportError: if it cannot be used
        """

    @override
    def download_image(self) -> str:
        cache = ImageCache(self.options.cache_directory)
        self._entry = entry = cache.fetch(
            self.client, self.system_image, self.backend, workspace=self.workspace
        )
        alias = alias_of(entry.directory)
        with entry.locked():
            if not Incus().has_image(alias):
                self._import(entry, alias)
        self._is_imported = True
        return alias

    def _import(self, entry: ImageEntry, alias: str) -> None:
        log.info("image-import", artifact=self.system_image.id, alias=alias)
        with tempfile.TemporaryDirectory(prefix=".import.", dir=entry.directory) as name:
            files = self._make_files(entry, Path(name))
            try:
                Incus().import_image(files, alias)
            except CommandError as error:
                raise ImageImportError(
                    f"Incus does not take image {self.system_image.id}",
                    details=error.explain(),
                ) from error

    @property
    def _description(self) -> ImageDescription:
        return ImageDescription.of_artifact(self.system_image)

    @override
    def image_name(self) -> str:
        if self._entry is None or not self._is_imported:
            raise ImageNotDownloadedError(f"image {self.system_image.id} is not downloaded yet")
        return alias_of(self._entry.directory)

    @override
    def create(self) -> IncusInstance:
        cache = self.options.cache_directory or default_cache_directory()
        plan = Plan(
            alias=self.image_name(),
            is_machine=self.is_machine,
            max_processes=self.options.max_processes,
            directory=cache / INSTANCES,
        )
        return IncusInstance(Incus(), plan)

    @override
    @classmethod
    def clean_up_image(cls, directory: Path) -> None:
        # who asks may not know whether Incus was ever used
        if shutil.which(PROGRAM) is not None:
            Incus().remove_image(alias_of(directory))

    @override
    def autopkgtest_virt_server(self) -> str:
        return "incus"

    @override
    def autopkgtest_virt_args(self) -> list[str]:
        kind = ["--vm"] if self.is_machine else []
        return [*kind, self.image_name(), "--", "--profile", PROFILE]

    @override
    @classmethod
    def get_statistics(cls, instance: Instance | None) -> ExecutorStatistics:
        machine = memory_of_machine()
        if not isinstance(instance, IncusInstance) or not instance.is_started():
            return ExecutorStatistics(available_memory=machine.total, cpu_count=os.cpu_count())
        found = instance.measure()
        used, size = instance.disk_usage() or (None, None)
        memory = found.get("memory")
        return ExecutorStatistics(
            disk_space=used,
            available_disk_space=size,
            memory=None if memory is None else memory - found.get("free", 0),
            available_memory=machine.total if memory is None else memory,
            network_received=found.get("received"),
            network_sent=found.get("sent"),
            cpu_count=found.get("cpus") or os.cpu_count(),
        )


def alias_of(directory: Path) -> str:
    """How Incus calls the image of a directory of the cache, which is called by its digest."""
    return f"{ALIAS}{FORM}/{directory.name}"
