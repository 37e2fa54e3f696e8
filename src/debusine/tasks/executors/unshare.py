# SPDX-License-Identifier: GPL-3.0-or-later
"""Sandboxes out of user namespaces: no privileges, no daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from uuid import uuid4

import structlog
from typing_extensions import override

from debusine.domain.category import ArtifactCategory
from debusine.domain.executor import BackendType
from debusine.tasks.executors import room
from debusine.tasks.executors.base import (
    Executor,
    ExecutorOptions,
    ExecutorStatistics,
    ImageNotDownloadedError,
    Instance,
    InstanceError,
    TreeStrategy,
)
from debusine.tasks.executors.images import ImageCache, ImageEntry
from debusine.tasks.executors.instance import InstanceStateError, Stream
from debusine.tasks.executors.unshare_session import Session, Tree, unpack
from debusine.util import userns
from debusine.util.subids import subids_for
from debusine.util.tar import estimated_size_bytes
from debusine.util.tree_size import tree_bytes

log = structlog.get_logger(__name__)

MEMORY_FILE_SYSTEM = Path("/dev/shm")  # noqa: S108  asked about, not written to
SHARES = ".shares"


class UnshareInstance(Instance):
    """
    A tree of its own, in namespaces of its own, on the network of the machine.

    :param entry: the image
    :param working_directory: of ours; what the tree needs of the disk lies below
    """

    takes_terminals = True

    def __init__(
        self, entry: ImageEntry, working_directory: Path, options: ExecutorOptions
    ) -> None:
        super().__init__()
        self._entry = entry
        self._working_directory = working_directory
        self._options = options
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """
        The namespaces.

        :raises InstanceStateError: if it does not run
        """
        if self._session is None:
            raise InstanceStateError("the instance is not running")
        return self._session

    @override
    def is_started(self) -> bool:
        if self._session is not None and not self._session.is_alive():
            # nobody stops what does not run: its directory goes now
            dead, self._session = self._session, None
            dead.stop()
        return self._session is not None

    @override
    def _start(self) -> None:
        directory = self._working_directory / f"unshare-{uuid4().hex[:12]}"
        if wants_base(self._entry, self._options):
            try:
                self._session = self._start_on_base(directory)
            except InstanceError as error:
                log.warning("overlay-not-possible", error=error.explain())
            else:
                return
        size = estimated_size_bytes(self._entry.path)
        with self._take_share(size, allowed=self._options.memory) as share:
            self._session = self._begin(directory, None, share)

    def _start_on_base(self, directory: Path) -> Session:
        allowed = self._options.memory and room.keeps_user_attributes(MEMORY_FILE_SYSTEM)
        with self._entry.in_use() as lock, self._take_share(0, allowed=allowed) as share:
            return self._begin(directory, prepare_base(self._entry), share, lock)

    def _take_share(self, tree_bytes: int, *, allowed: bool) -> AbstractContextManager[room.Share]:
        return room.take_share(
            self._entry.directory.parent / SHARES,
            tree_bytes,
            room.memory_to_use(),
            allowed=allowed,
            limit_bytes=self._options.max_memory_bytes,
        )

    def _begin(self, directory: Path, base: Path | None, share: room.Share, *locks: int) -> Session:
        tree = Tree(
            image=self._entry.path,
            base=base,
            place=share.place,
            memory_bytes=share.memory_bytes,
            max_processes=self._options.max_processes,
            hold=(*share.hold, *locks),
        )
        return Session(directory, tree)

    @override
    def used_bytes(self) -> int:
        return self.session.used_bytes()

    @override
    def _stop(self) -> None:
        session, self._session = self.session, None
        session.stop()

    @override
    def _popen(
        self,
        args: Sequence[str],
        *,
        cwd: Path | None,
        env: Mapping[str, str],
        user: tuple[int, int],
        stdin: Stream,
        stdout: Stream,
        stderr: Stream,
    ) -> subprocess.Popen[bytes]:
        return self.session.popen(
            args,
            cwd=cwd,
            env=env,
            user=user,
            network=self.has_network,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )

    @override
    def _cut_network(self) -> bool:
        # a daemon that was started before could still lend its network to others
        self.run(["sh", "-c", "kill -9 -1"], run_as_root=True)
        return True


class UnshareExecutor(Executor):
    """System tarballs, run in user namespaces."""

    backend = BackendType.UNSHARE
    image_category = ArtifactCategory("debian:system-tarball")
    _entry: ImageEntry | None = None

    @override
    @classmethod
    def check_available(cls) -> None:
        userns.check_unshare()

    @override
    def download_image(self) -> str:
        cache = ImageCache(self.options.cache_directory)
        self._entry = cache.fetch(
            self.client, self.system_image, self.backend, workspace=self.workspace
        )
        return self.image_name()

    @property
    def entry(self) -> ImageEntry:
        """
        The image in the cache.

        :raises ImageNotDownloadedError: before :meth:`download_image`
        """
        if self._entry is None:
            raise ImageNotDownloadedError(f"image {self.system_image.id} is not downloaded yet")
        return self._entry

    @override
    def image_name(self) -> str:
        return str(self.entry.path)

    @override
    def create(self) -> UnshareInstance:
        return UnshareInstance(self.entry, self.working_directory, self.options)

    @override
    def autopkgtest_virt_server(self) -> str:
        return "unshare"

    @override
    def autopkgtest_virt_args(self) -> list[str]:
        data = self.system_image.data
        return [
            "--arch", str(data["architecture"]),
            "--release", str(data["codename"]),
            "--tarball", self.image_name(),
        ]  # fmt: skip

    @override
    @classmethod
    def get_statistics(cls, instance: Instance | None) -> ExecutorStatistics:
        used = available = None
        if isinstance(instance, UnshareInstance) and instance.is_started():
            session = instance.session
            disk = shutil.disk_usage(session.root)
            available = disk.total
            # what lies on disk shares it with everything else
            in_memory = session.place is room.Place.MEMORY
            used = disk.used if in_memory else tree_bytes(session.directory)
        return ExecutorStatistics(
            disk_space=used,
            available_disk_space=available,
            # what it uses of the machine's memory, the agent sees of its processes
            available_memory=room.memory_of_machine().total,
            cpu_count=os.cpu_count(),
        )


def wants_base(entry: ImageEntry, options: ExecutorOptions) -> bool:
    """Whether an instance is a layer on a kept tree: if subordinate ids can reach that."""
    if options.strategy is TreeStrategy.UNPACK:
        return False
    # what has a meaning in the options of a mount
    is_plain = not any(character in str(entry.directory) for character in ",:\\")
    return is_plain and room.is_reachable_by_others(entry.directory)


def prepare_base(entry: ImageEntry) -> Path:
    """
    The unpacked tree of an image, made if it is not there.

    :raises InstanceError: if it cannot be unpacked
    """
    parent = entry.backend_directory(BackendType.UNSHARE)
    tree = parent / "tree"
    temporary = parent / "tree.tmp"
    with entry.locked():
        owner = subids_for(userns.user_name())[0].first
        if tree.exists() and tree.stat().st_uid == owner:
            return tree
        for path in (tree, temporary):
            userns.remove_tree(path)
        parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        temporary.mkdir(mode=0o755)
        userns.give_to_root_of_subids(temporary)
        try:
            unpack(entry.path, temporary.absolute())
        except BaseException:
            userns.remove_tree(temporary)
            raise
        temporary.rename(tree)
    return tree
