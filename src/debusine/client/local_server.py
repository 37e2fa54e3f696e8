# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server on this machine leaves in its data directory, for those who want to use it."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from debusine.errors import ConflictError, UserError
from debusine.util.file_lock import FileLock, is_locked, try_lock

SERVER_NAME = "local"
# of the agent, stated here because those who clean up after it do not import it
WORKER_USER = "debusine-worker"
WORKER_COMMENT = "Debusine worker"
# the same of the signing service
SIGNING_USER = "debusine-signing"
SIGNING_COMMENT = "Debusine signing"
SCRATCH_PREFIX = "debusine-WR-"
# in a working directory: shared lock of the agents that use it
AGENTS_LOCK = "agents.lock"
# what may be in a data directory before its server has started for the first time
_EARLY = frozenset({"apt", "in-use", "lost+found", "secret-key", "server.log", "worker"})


@dataclass(frozen=True, slots=True)
class DataDir:
    """The files of a data directory (docs/explanation/architecture.md)."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held exclusively by the server that runs; names it."""
        return self.root / "lock"

    @property
    def in_use(self) -> Path:
        """Held shared by everybody who uses a server that was started for them."""
        return self.root / "in-use"

    @property
    def client_config(self) -> Path:
        """How to reach the server as its administrator, in the form of a client's configuration."""
        return self.root / "client.ini"

    @property
    def log(self) -> Path:
        """What the server and its agent have to say."""
        return self.root / "server.log"

    @property
    def worker(self) -> Path:
        """Configuration directory of the local agent."""
        return self.root / "worker"

    @property
    def signing(self) -> Path:
        """Configuration directory of the local signing worker."""
        return self.root / "signing"

    def require_own(self) -> None:
        """
        Refuse a directory of something else: a purge would remove all of it.

        :raises UserError: if there are files, and no server ever ran on it
        """
        if not self.root.is_dir() or self.lock.exists():
            return
        foreign = sorted({path.name for path in self.root.iterdir()} - _EARLY)
        if foreign:
            raise UserError(
                f"{self.root} is no data directory of Debusine: it holds {foreign[0]}",
                resolution="Name one that is empty or does not exist with --data-dir.",
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """
    The server that runs on a data directory.

    :param url: empty until it answers
    :param stays: whether it runs on when nobody uses it
    """

    pid: int
    url: str
    stays: bool = False

    def as_json(self) -> str:
        """The line that the lock file and the ready descriptor carry."""
        return json.dumps({"pid": self.pid, "url": self.url, "stays": self.stays})


def parse_holder(text: str) -> Holder | None:
    """Read what :meth:`Holder.as_json` wrote; None for anything else."""
    try:
        data = json.loads(text)
        stays = data.get("stays") is True
        return Holder(pid=int(data["pid"]), url=str(data["url"]), stays=stays)
    except (AttributeError, ValueError, KeyError, TypeError):
        return None


def find_holder(data_dir: DataDir) -> Holder | None:
    """
    Who runs on a data directory.

    :returns: None if nobody does; pid 0 if somebody does who has not said who it is
    """
    if not is_locked(data_dir.lock):
        return None
    return parse_holder(data_dir.lock.read_text()) or Holder(pid=0, url="")


def hold_data_dir(data_dir: DataDir) -> FileLock:
    """
    Take the data directory for this process.

    :raises ConflictError: if a server runs on it; says which one
    """
    lock = try_lock(data_dir.lock)
    if lock is not None:
        lock.write("")
        return lock
    raise _in_use(data_dir, find_holder(data_dir))


def refuse_second_server(data_dir: DataDir) -> None:
    """
    Find out whether a server runs on a data directory, without making anything.

    :raises ConflictError: if one does; says which one
    """
    holder = None
    with contextlib.suppress(OSError):  # making it says what is wrong
        holder = find_holder(data_dir)
    if holder is not None:
        raise _in_use(data_dir, holder)


def _in_use(data_dir: DataDir, holder: Holder | None) -> ConflictError:
    who = "another server"
    if holder is not None and holder.pid:
        who = f"the server with process id {holder.pid} at {holder.url}"
    return ConflictError(
        f"data directory {data_dir.root} is in use by {who}",
        resolution="Use that server, stop it, or name another directory with --data-dir.",
    )
