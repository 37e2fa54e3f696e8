# SPDX-License-Identifier: GPL-3.0-or-later
"""Port: a technology that runs commands on a system image, in sandboxes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol

from debusine.domain.category import ArtifactCategory
from debusine.domain.executor import BackendType
from debusine.errors import ConflictError, NotPossibleError, UserError
from debusine.tasks.executors.instance import (
    NON_ROOT_USER,
    Instance,
    InstanceError,
    InstanceStateError,
)
from debusine.wire.artifact import ArtifactResponse

__all__ = [
    "NON_ROOT_USER",
    "Executor",
    "ExecutorOptions",
    "ExecutorStatistics",
    "ImageImportError",
    "ImageNotDownloadedError",
    "ImageSource",
    "Instance",
    "InstanceError",
    "InstanceStateError",
    "TreeStrategy",
]

MAX_PROCESSES = 8192


class ImageSource(Protocol):
    """What an executor asks of the client of the server."""

    def artifact_get(self, artifact_id: int, *, workspace: str | None = None) -> ArtifactResponse:
        """Describe an artifact, looked up through a workspace."""
        ...

    def download_artifact(
        self, artifact_id: int, destination: Path, *, workspace: str | None = None
    ) -> ArtifactResponse:
        """Write the files of an artifact below ``destination``, sizes and hashes verified."""
        ...


class ImageNotDownloadedError(ConflictError):
    """The image of an executor is not on this machine yet."""

    code = "image-not-downloaded"


class ImageImportError(UserError):
    """An image is of the wrong category or cannot be used by the backend."""

    code = "image-import"


class TreeStrategy(StrEnum):
    """Where the file system of an instance comes from."""

    UNPACK = "unpack"  # from the archive, each time
    OVERLAY = "overlay"  # a kept tree below, what changes above, where the kernel lets us


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutorStatistics:
    """What a sandbox uses and what the machine has; bytes, except ``cpu_count``."""

    disk_space: int | None = None
    memory: int | None = None
    network_received: int | None = None
    network_sent: int | None = None
    available_disk_space: int | None = None
    available_memory: int | None = None
    cpu_count: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutorOptions:
    """
    How a worker wants its sandboxes.

    :param cache_directory: where images are kept; None: in the user's cache
    :param memory: whether trees may be kept in memory where there is room
    :param max_memory_bytes: what the files of a sandbox may take of it; None: what there is
        room for
    :param max_processes: that a sandbox may have, threads included
    """

    cache_directory: Path | None = None
    strategy: TreeStrategy = TreeStrategy.OVERLAY
    memory: bool = True
    max_memory_bytes: int | None = None
    max_processes: int = MAX_PROCESSES


class Executor(ABC):
    """
    One environment, for one task, on one technology.

    :param client: gives the image; only its metadata is fetched at once
    :param system_image_id: artifact of the image
    :param workspace: through which the artifact is visible
    :param working_directory: of the task; instances keep their files there
    :raises ImageImportError: if the artifact has not the category the backend takes
    """

    backend: ClassVar[BackendType]
    image_category: ClassVar[ArtifactCategory]

    def __init__(
        self,
        client: ImageSource,
        system_image_id: int,
        workspace: str,
        working_directory: Path,
        *,
        options: ExecutorOptions | None = None,
    ) -> None:
        self.client = client
        self.workspace = workspace
        self.working_directory = working_directory
        self.options = options or ExecutorOptions()
        self.system_image = client.artifact_get(system_image_id, workspace=workspace)
        if self.system_image.category != self.image_category:
            raise ImageImportError(
                f"artifact {system_image_id} is a {self.system_image.category};"
                f" {self.backend} needs a {self.image_category}"
            )

    @classmethod
    def available(cls) -> bool:
        """Whether this machine can use the backend now."""
        try:
            cls.check_available()
        except NotPossibleError:
            return False
        return True

    @classmethod
    @abstractmethod
    def check_available(cls) -> None:
        """
        Make sure that this machine can use the backend now, by trying what can be tried.

        :raises NotPossibleError: says what is missing and, where known, what mends it
        """

    @abstractmethod
    def download_image(self) -> str:
        """
        Make sure that the image is on this machine.

        :returns: :meth:`image_name`
        """

    @abstractmethod
    def image_name(self) -> str:
        """
        Path or alias of the image.

        :raises ImageNotDownloadedError: before :meth:`download_image`
        """

    @abstractmethod
    def create(self) -> Instance:
        """
        A new instance: stopped, pristine, sharing nothing with others.

        :raises NotPossibleError: if only tools can use the backend, through an
            autopkgtest-virt-server
        """

    @classmethod
    def clean_up_image(cls, directory: Path) -> None:
        """
        Remove what the backend keeps elsewhere of an image that is removed from the cache.

        :param directory: that the image had in the cache; its name says which it is
        """
        del directory

    @abstractmethod
    def autopkgtest_virt_server(self) -> str:
        """Name of the autopkgtest-virt-server for the image."""

    @abstractmethod
    def autopkgtest_virt_args(self) -> list[str]:
        """Arguments of that server."""

    @classmethod
    def get_statistics(cls, instance: Instance | None) -> ExecutorStatistics:  # noqa: ARG003
        """What an instance uses and what the machine has; nothing is known by default."""
        return ExecutorStatistics()
