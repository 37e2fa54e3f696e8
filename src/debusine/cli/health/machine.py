# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine is like, as far as building depends on it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from debusine.domain.executor import BackendType
from debusine.errors import DebusineError
from debusine.tasks.executors.registry import unusable_executors
from debusine.tasks.executors.room import memory_of_machine
from debusine.util.apt_config import fetch_mirror_lists, read_machine
from debusine.util.apt_mirror_list import APT_HELPER
from debusine.util.apt_sources import AptSource, hide_logins
from debusine.util.command import Command, run
from debusine.util.control_group import explain_machine
from debusine.util.shared_memory import SHARED_MEMORY
from debusine.util.userns import check_unshare, mounts_inside, user_name

MIRROR_TIMEOUT_S = 60
# program: Debian package
TOOLS = {
    "sbuild": "sbuild",
    "mmdebstrap": "mmdebstrap",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "nsenter": "util-linux",
    "mount": "mount",
    "newuidmap": "uidmap",
    "newgidmap": "uidmap",
    "ip": "iproute2",
    "zstd": "zstd",
    "xz": "xz-utils",
    "dpkg-source": "dpkg-dev",
    "gpgv": "gpgv",
}
OPTIONAL_TOOLS = {
    "git": "git",
    "pristine-tar": "pristine-tar",
    "arch-test": "arch-test",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """Something that failed, and what mends it."""

    brief: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """
    What was found.

    :param missing: names of programs that are not there
    :param namespaces: why there can be no user namespace with sub-ids, or None
    :param mirror: why APT's first source cannot be reached, or None
    :param data_free_bytes: room on the file system of the data directory
    :param memory_bytes: memory that can be had without swapping
    :param shared_memory_bytes: room in ``/dev/shm``, 0 if we cannot write there
    :param shared_memory_mounts: what is mounted below it
    :param unlimited: why the kernel cannot keep tasks to their memory, or None
    :param unusable: why tasks cannot be isolated otherwise than by namespaces, by the backend
    """

    is_root: bool
    user: str
    python: tuple[int, int]
    missing: frozenset[str]
    namespaces: Trouble | None
    mirror: Trouble | None
    data_dir: Path
    data_free_bytes: int
    memory_bytes: int
    shared_memory_bytes: int
    shared_memory_mounts: tuple[Path, ...] = ()
    unlimited: str | None = None
    unusable: Mapping[str, str] = field(default_factory=dict)


def probe(data_dir: Path) -> Machine:
    """
    Look at this machine; asks its mirror for one file.

    :param data_dir: where a server's data lie or will lie
    """
    return Machine(
        is_root=os.geteuid() == 0,
        user=user_name(),
        python=sys.version_info[:2],
        missing=frozenset(tool for tool in (*TOOLS, *OPTIONAL_TOOLS) if not _which(tool)),
        namespaces=namespace_trouble(),
        mirror=_mirror(),
        data_dir=data_dir,
        data_free_bytes=shutil.disk_usage(_existing(data_dir)).free,
        memory_bytes=memory_of_machine().available,
        shared_memory_bytes=_shared_memory(),
        shared_memory_mounts=mounts_inside(SHARED_MEMORY),
        unlimited=explain_machine(),
        unusable={
            backend: error.brief
            for backend, error in unusable_executors().items()
            if backend is not BackendType.UNSHARE
        },
    )


def _which(tool: str) -> str | None:
    # an ordinary user's PATH may lack the administrator's directories, ours does not
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def namespace_trouble() -> Trouble | None:
    """Try to have a user namespace; root only lends one to the worker's user later on."""
    try:
        if os.geteuid() == 0:
            run(Command(["unshare", "--user", "--map-root-user", "true"], timeout_s=30))
        else:
            check_unshare()
    except DebusineError as error:
        return Trouble(brief=error.brief, remedy=error.resolution or "")
    return None


def _mirror() -> Trouble | None:
    """Fetch the Release file of APT's first source, the way APT does."""
    try:
        machine = fetch_mirror_lists(read_machine())
        if machine.troubles:
            return Trouble(brief=machine.troubles[0], remedy="Mend the list, or name one mirror.")
        sources = [source for source in machine.sources if source.type == "deb"]
        if not sources:
            return Trouble(
                brief="APT has no source of packages",
                remedy="Add one to /etc/apt/sources.list.d, see sources.list(5).",
            )
        with tempfile.TemporaryDirectory() as directory:
            target = str(Path(directory, "InRelease"))
            run(
                Command(
                    [APT_HELPER, "download-file", _release_url(sources[0]), target],
                    timeout_s=MIRROR_TIMEOUT_S,
                )
            )
    except DebusineError as error:
        return Trouble(
            brief=_reason(error),
            remedy="apt-get update   # as an administrator; it shows what is wrong",
        )
    return None


def _reason(error: DebusineError) -> str:
    """Pick what APT says first: the last line is only that it failed."""
    said = [line for line in (error.details or "").splitlines() if line.startswith("E: ")]
    return hide_logins(said[0].removeprefix("E: ")) if said else error.brief


def _release_url(source: AptSource) -> str:
    base = source.uri.rstrip("/")
    if source.suite.endswith("/"):
        return f"{base}/{source.suite}InRelease"
    return f"{base}/dists/{source.suite}/InRelease"


def _existing(path: Path) -> Path:
    """The path, or the nearest directory above it that exists."""
    while not path.exists():
        path = path.parent
    return path


def _shared_memory() -> int:
    if not os.access(SHARED_MEMORY, os.W_OK | os.X_OK):
        return 0
    return shutil.disk_usage(SHARED_MEMORY).free
