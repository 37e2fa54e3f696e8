# SPDX-License-Identifier: GPL-3.0-or-later
"""
System images on this machine: downloaded once, kept while they are in use.

::

    CACHE/ID-DIGEST/            one image; the digest keeps servers apart
        FILENAME                as in the artifact
        usage.json              who used it when
        .lock                   held while any of this changes
        .in-use                 shared by the sandboxes that use it
        backends/BACKEND/       what a backend made of it
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from debusine.domain.executor import BackendType
from debusine.errors import DebusineError
from debusine.tasks.executors.base import ImageImportError, ImageSource
from debusine.util.clock import Clock, SystemClock
from debusine.util.files import write_atomically
from debusine.util.userns import remove_tree
from debusine.wire.artifact import ArtifactResponse, FileResponse

log = structlog.get_logger(__name__)

MAX_USES = 10
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
        with _flock(self.directory / ".in-use", fcntl.LOCK_SH) as handle:
            yield handle


class ImageCache:
    """
    The images of one user on this machine.

    Several processes may use it at the same time.

    :param max_images: how many of the most recently used stay
    """

    def __init__(
        self, directory: Path | None = None, *, max_images: int = 10, clock: Clock | None = None
    ) -> None:
        self.directory = directory or default_cache_directory()
        self.max_images = max_images
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
        :raises ImageImportError: if the artifact does not look like an image
        """
        name, _ = image_file(artifact)
        entry = self._entry(artifact)
        while True:
            entry.directory.mkdir(mode=0o755, parents=True, exist_ok=True)
            with entry.locked() as handle:
                if not _is_same_file(handle, entry.directory / ".lock"):
                    continue  # removed between opening and locking
                if not entry.path.exists():
                    _download(client, artifact, entry, workspace)
                use = Use(filename=name, backend=backend, timestamp=self._clock.now())
                usage = (entry.usage() or UsageLog()).with_use(use)
                write_atomically(
                    entry.directory / "usage.json", usage.model_dump_json(indent=1).encode()
                )
                break
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
        digest = file.checksums.get("sha256", "")[:12]
        return ImageEntry(self.directory / f"{artifact.id}-{digest or file.size}", name)

    def evict(self, *, keep: ImageEntry | None = None) -> list[Path]:
        """
        Remove images beyond the most recently used; those in use stay.

        :param keep: an entry that stays whatever its age
        :returns: directories that were removed
        """
        entries = [
            ImageEntry(path, "")
            for path in self.directory.iterdir()
            if path.is_dir() and (keep is None or path != keep.directory)
        ]
        entries.sort(key=_last_use, reverse=True)
        room = self.max_images - (0 if keep is None else 1)
        doomed = [
            entry
            for position, entry in enumerate(entries)
            if position >= room or entry.usage() is None
        ]
        return [entry.directory for entry in doomed if self._remove(entry)]

    def _remove(self, entry: ImageEntry) -> bool:
        """Remove an entry unless somebody uses it."""
        try:
            with (
                _flock(entry.directory / ".lock", fcntl.LOCK_EX | fcntl.LOCK_NB),
                _flock(entry.directory / ".in-use", fcntl.LOCK_EX | fcntl.LOCK_NB),
            ):
                remove_tree(entry.directory)
        except (BlockingIOError, FileNotFoundError):
            return False
        except DebusineError as error:
            log.warning("image-not-removed", directory=str(entry.directory), error=error.explain())
            return False
        log.info("image-removed", directory=str(entry.directory))
        return True


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
def _flock(path: Path, operation: int) -> Iterator[int]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, operation)
        yield handle
    finally:
        os.close(handle)


def _last_use(entry: ImageEntry) -> datetime:
    usage = entry.usage()
    if usage is None or not usage.usage:
        return datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return usage.usage[-1].timestamp


def _is_same_file(handle: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(handle)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
