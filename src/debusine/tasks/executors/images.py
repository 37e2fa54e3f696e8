# SPDX-License-Identifier: GPL-3.0-or-later
"""
System images on this machine: downloaded once, kept while they are in use.

::

    CACHE/limits.json           what is kept, if the worker said so
    CACHE/DIGEST/               one image, whichever artifacts are it
        FILENAME                as in the artifact
        usage.json              who used it when
        .lock                   held while any of this changes
        .in-use                 shared by the tasks and the sandboxes that use it
        backends/BACKEND/       what a backend made of it
    CACHE/.removed-RANDOM/      one that is being removed
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from debusine.domain.executor import BackendType
from debusine.errors import DebusineError
from debusine.tasks.executors.base import ImageImportError, ImageSource
from debusine.tasks.executors.image_limits import (
    CachedImage,
    CacheLimits,
    beyond,
    read_limits,
)
from debusine.tasks.executors.registry import executors
from debusine.util.clock import Clock, SystemClock
from debusine.util.files import write_atomically
from debusine.util.tar import ArchiveError, estimated_size_bytes
from debusine.util.userns import remove_tree
from debusine.wire.artifact import ArtifactResponse, FileResponse

log = structlog.get_logger(__name__)

MAX_USES = 10
LIMITS = "limits.json"
_REMOVED = ".removed-"
_DIGEST_CHARS = 32
RESERVED_NAMES = frozenset({"backends", "usage.json"})


class Use(BaseModel):
    """That a backend used an image."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    filename: str
    backend: BackendType
    timestamp: AwareDatetime


class UsageLog(BaseModel):
    """``usage.json``: the latest uses, oldest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    backends: list[BackendType] = Field(default_factory=list)
    usage: list[Use] = Field(default_factory=list)

    def with_use(self, use: Use) -> UsageLog:
        """The same, and one more use; the oldest beyond the limit are forgotten."""
        backends = sorted({*self.backends, use.backend})
        return UsageLog(backends=backends, usage=[*self.usage, use][-MAX_USES:])


def default_cache_directory() -> Path:
    """Where images lie unless the worker says otherwise (XDG base directory)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "debusine" / "system-images"


def image_file(artifact: ArtifactResponse) -> tuple[str, FileResponse]:
    """
    Name and description of the only file of an image.

    :raises ImageImportError: if there is not exactly one, or its name is not safe here
    """
    if len(artifact.files) != 1:
        raise ImageImportError(
            f"artifact {artifact.id} has {len(artifact.files)} files; an image has one"
        )
    [(name, file)] = artifact.files.items()
    if "/" in name or name.startswith(".") or name in RESERVED_NAMES:
        raise ImageImportError(f"artifact {artifact.id}: not a name for an image: {name!r}")
    return name, file


class ImageEntry:
    """One image in the cache."""

    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.path = directory / name
        self._lease: weakref.finalize[..., ImageEntry] | None = None

    def lease(self) -> None:
        """Keep it from being removed until :meth:`release`, or until nobody has this object."""
        if self._lease is None:
            handle = _open_locked(self.directory / ".in-use", fcntl.LOCK_SH, access=os.O_RDONLY)
            self._lease = weakref.finalize(self, os.close, handle)

    def release(self) -> None:
        """Give the lease back; once is enough."""
        if self._lease is not None:
            self._lease()
            self._lease = None

    def backend_directory(self, backend: BackendType) -> Path:
        """Where a backend keeps what it made of the image; may not exist."""
        return self.directory / "backends" / backend

    def usage(self) -> UsageLog | None:
        """Its latest uses; None if they cannot be read."""
        try:
            return UsageLog.model_validate_json((self.directory / "usage.json").read_bytes())
        except (OSError, ValidationError):
            return None

    @contextmanager
    def locked(self) -> Iterator[int]:
        """
        Wait until nobody else changes the entry.

        :returns: the open lock file
        """
        with _flock(self.directory / ".lock", fcntl.LOCK_EX) as handle:
            yield handle

    @contextmanager
    def in_use(self) -> Iterator[int]:
        """
        Keep the entry from being removed.

        :returns: an open file; a process that inherits it keeps the entry as well
        """
        # read-only: what runs in a sandbox may get hold of it
        with _flock(self.directory / ".in-use", fcntl.LOCK_SH, access=os.O_RDONLY) as handle:
            yield handle


class ImageCache:
    """
    The images of one user on this machine.

    Several processes may use it at the same time.

    :param limits: what is kept; None: what ``limits.json`` says
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        limits: CacheLimits | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.directory = directory or default_cache_directory()
        self.limits = limits or read_limits(self.directory / LIMITS)
        self._clock = clock or SystemClock()

    def fetch(
        self,
        client: ImageSource,
        artifact: ArtifactResponse,
        backend: BackendType,
        *,
        workspace: str,
    ) -> ImageEntry:
        """
        Make sure that an image is here, and note that it is used.

        :param workspace: through which the artifact is visible
        :returns: leased, so that nobody removes it
        :raises ImageImportError: if the artifact does not look like an image
        """
        name, _ = image_file(artifact)
        entry = self._entry(artifact)
        self.directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        while True:
            # one that is there may be removed at any moment, until it is locked
            with suppress(FileExistsError):
                entry.directory.mkdir(mode=0o755)
            with suppress(FileNotFoundError), entry.locked() as handle:
                if not _is_same_file(handle, entry.directory / ".lock"):
                    continue  # removed between opening and locking
                entry.lease()
                break
        with entry.locked():
            if not entry.path.exists() and not _take_other_name(entry):
                _download(client, artifact, entry, workspace)
            use = Use(filename=name, backend=backend, timestamp=self._clock.now())
            usage = (entry.usage() or UsageLog()).with_use(use)
            write_atomically(
                entry.directory / "usage.json", usage.model_dump_json(indent=1).encode()
            )
        self.evict(keep=entry)
        return entry

    def find(self, artifact: ArtifactResponse) -> ImageEntry | None:
        """
        Look whether an image is here, changing nothing.

        :raises ImageImportError: if the artifact does not look like an image
        """
        _, file = image_file(artifact)
        entry = self._entry(artifact)
        try:
            is_whole = entry.path.stat().st_size == file.size
        except OSError:
            return None
        return entry if is_whole and os.access(entry.path, os.R_OK) else None

    def _entry(self, artifact: ArtifactResponse) -> ImageEntry:
        name, file = image_file(artifact)
        digest = file.checksums.get("sha256", "")[:_DIGEST_CHARS]
        return ImageEntry(self.directory / (digest or f"{artifact.id}-{file.size}"), name)

    def images(self) -> list[CachedImage]:
        """What is here, in no order; without a directory nothing."""
        if not self.directory.is_dir():
            return []
        return [
            _describe(ImageEntry(path, ""))
            for path in self.directory.iterdir()
            if path.is_dir() and not path.name.startswith(".")
        ]

    def evict(
        self, *, keep: ImageEntry | None = None, limits: CacheLimits | None = None
    ) -> list[CachedImage]:
        """
        Remove images beyond the limits; those in use stay.

        :param keep: an entry that stays whatever its age
        :param limits: instead of those of the cache
        :returns: what was removed
        """
        if keep is not None:
            keep.lease()
        self._finish_removals()
        images = self.images()
        doomed = beyond(images, limits or self.limits, now=self._clock.now())
        return [image for image in doomed if self._remove(ImageEntry(image.directory, ""))]

    def _finish_removals(self) -> None:
        """Somebody may have been killed while removing."""
        for path in self.directory.glob(f"{_REMOVED}*"):
            _remove_directory(path)

    def _remove(self, entry: ImageEntry) -> bool:
        """Remove an entry unless somebody uses it."""
        # in one step: who comes now makes a new one, and does not meet half of this one
        away = self.directory / f"{_REMOVED}{uuid4().hex}"
        try:
            with (
                _flock(entry.directory / ".lock", fcntl.LOCK_EX | fcntl.LOCK_NB) as handle,
                _flock(entry.directory / ".in-use", fcntl.LOCK_EX | fcntl.LOCK_NB),
            ):
                if not _is_same_file(handle, entry.directory / ".lock"):
                    return False
                entry.directory.rename(away)
        except (BlockingIOError, FileNotFoundError):
            return False
        _clean_up_backends(away, entry.directory)
        _remove_directory(away)
        log.info("image-removed", directory=str(entry.directory))
        return True


def _clean_up_backends(now: Path, before: Path) -> None:
    """
    Have backends remove what they keep elsewhere; where it is not known which, all of them.

    :param now: where the image has been moved to
    """
    known = executors()
    usage = ImageEntry(now, "").usage()
    for backend in known if usage is None else usage.backends:
        try:
            if backend in known:
                known[backend].clean_up_image(before)
        except DebusineError as error:
            log.warning("image-not-removed", directory=str(before), error=error.explain())


def _remove_directory(path: Path) -> None:
    try:
        remove_tree(path)
    except DebusineError as error:
        log.warning("image-not-removed", directory=str(path), error=error.explain())


def _describe(entry: ImageEntry) -> CachedImage:
    usage = entry.usage()
    latest = usage.usage[-1] if usage and usage.usage else None
    filename = latest.filename if latest else ""
    return CachedImage(
        directory=entry.directory,
        filename=filename,
        used_at=latest.timestamp if latest else None,
        size_bytes=_size_bytes(entry, filename),
        in_use=_is_in_use(entry.directory / ".in-use"),
    )


def _size_bytes(entry: ImageEntry, filename: str) -> int:
    """Without looking at every file of what was unpacked, which takes long."""
    image = entry.directory / filename
    try:
        packed = image.stat().st_size if filename else 0
        made = entry.directory / "backends"
        has_tree = any(made.glob("*/tree"))
        disks = sum(disk.stat().st_size for disk in made.glob("*/*.qcow2"))
        return packed + disks + (estimated_size_bytes(image) if filename and has_tree else 0)
    except (OSError, ArchiveError):
        return 0


def _take_other_name(entry: ImageEntry) -> bool:
    """The same image may have come under another name."""
    usage = entry.usage()
    for name in {use.filename for use in usage.usage} if usage else ():
        with suppress(OSError):
            os.link(entry.directory / name, entry.path)
            return True
    return False


def _download(
    client: ImageSource, artifact: ArtifactResponse, entry: ImageEntry, workspace: str
) -> None:
    log.info("image-download", artifact=artifact.id, file=entry.path.name)
    with tempfile.TemporaryDirectory(prefix=".download.tmp.", dir=entry.directory) as name:
        client.download_artifact(artifact.id, Path(name), workspace=workspace)
        temporary = Path(name, entry.path.name)
        temporary.chmod(0o644)
        temporary.rename(entry.path)


@contextmanager
def _flock(path: Path, operation: int, *, access: int = os.O_RDWR) -> Iterator[int]:
    handle = _open_locked(path, operation, access=access)
    try:
        yield handle
    finally:
        os.close(handle)


def _open_locked(path: Path, operation: int, *, access: int) -> int:
    handle = os.open(path, access | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, operation)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _is_in_use(path: Path) -> bool:
    """Whether somebody holds a lease; nothing is made for the question."""
    with suppress(FileNotFoundError):
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            finally:
                os.close(handle)
        except BlockingIOError:
            return True
    return False


def _is_same_file(handle: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(handle)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
