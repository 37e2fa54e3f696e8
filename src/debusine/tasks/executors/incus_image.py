# SPDX-License-Identifier: GPL-3.0-or-later
"""
Make images of Incus out of ours: a system tarball for containers, a disk for machines.

::

    metadata.yaml             what it is
    templates/hostname.tpl    what Incus writes into every new instance
    templates/hosts.tpl
    rootfs/                   the system, where the image is for containers

:source: Incus, "Image format"
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any, Self, cast

import yaml
import zstandard

from debusine.tasks.executors.base import ImageImportError
from debusine.tasks.executors.incus_client import PROFILE
from debusine.util.tar import CHUNK_BYTES, Limits, open_tar
from debusine.wire.artifact import ArtifactResponse

# read now: who runs tasks may not be allowed to read our files later
GENERATOR = Path(__file__).with_name("incus_generator.sh").read_text(encoding="utf-8")
GENERATOR_PATH = "etc/systemd/system-generators/lxc"
_ROOT = "rootfs"
_INITS = frozenset({"sbin/init", "usr/sbin/init"})
_UNITS = "etc/systemd/system"
_LINKS = {
    f"{_UNITS}/multi-user.target.wants/systemd-networkd.service": "systemd-networkd.service",
    f"{_UNITS}/network-online.target.wants/systemd-networkd-wait-online.service": (
        "systemd-networkd-wait-online.service"
    ),
}
_UNIT_DIRECTORY = "/lib/systemd/system"
_EXTENDED_ATTRIBUTE = "SCHILY.xattr."
_KERNEL_NAMES = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "armel": "armv6l",
    "armhf": "armv7l",
    "i386": "i686",
    "loong64": "loongarch64",
    "mips64el": "mips64",
    "mipsel": "mips",
    "powerpc": "ppc",
    "ppc64": "ppc64",
    "ppc64el": "ppc64le",
}
_HOSTNAME = "{{ container.name }}\n"
_HOSTS = """\
127.0.0.1 localhost
127.0.1.1 {{ container.name }}

::1 localhost ip6-localhost ip6-loopback
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters
"""
_TEMPLATES = {"/etc/hostname": ("hostname.tpl", _HOSTNAME), "/etc/hosts": ("hosts.tpl", _HOSTS)}


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageDescription:
    """
    What Incus is told of an image.

    :param architecture: of Debian
    """

    artifact_id: int
    created_at: datetime
    architecture: str
    vendor: str
    codename: str

    @classmethod
    def of_artifact(cls, artifact: ArtifactResponse) -> Self:
        """Read what the artifact of an image says."""
        return cls(
            artifact_id=artifact.id,
            created_at=artifact.created_at,
            architecture=str(artifact.data["architecture"]),
            vendor=str(artifact.data.get("vendor", "")),
            codename=str(artifact.data["codename"]),
        )

    def metadata(self) -> dict[str, Any]:
        """
        Content of ``metadata.yaml``.

        >>> described = ImageDescription(artifact_id=7, created_at=datetime(2026, 1, 1),
        ...     architecture="riscv64", vendor="debian", codename="trixie")
        >>> described.metadata()["architecture"]
        'riscv64'
        """
        return {
            "architecture": _KERNEL_NAMES.get(self.architecture, self.architecture),
            "creation_date": int(self.created_at.timestamp()),
            "profiles": [PROFILE],
            "properties": {
                "description": f"{self.vendor} {self.codename} {self.architecture}".strip(),
                "os": self.vendor,
                "release": self.codename,
                "debusine_artifact_id": str(self.artifact_id),
                "debian_architecture": self.architecture,
            },
            "templates": {
                path: {"when": ["create", "copy"], "create_only": False, "template": name}
                for path, (name, _) in _TEMPLATES.items()
            },
        }


def write_metadata(target: Path, description: ImageDescription) -> None:
    """Write the archive that belongs to a disk."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        _add_metadata(archive, description)


def write_container_image(
    source: Path, target: Path, description: ImageDescription, *, limits: Limits | None = None
) -> None:
    """
    Write an image of a system tarball, compressed by zstd whatever the tarball is.

    The same tarball and description make the same image.

    :raises ImageImportError: if there is no init in it, or a path leads out of it
    :raises ArchiveError: if it is damaged or too large
    """
    allowed = limits or Limits()
    with _writing(target) as archive:
        _add_metadata(archive, description)
        seen: set[str] = set()
        with open_tar(source, limits=allowed) as system:
            for member in system:
                if len(seen) > allowed.members:
                    raise ImageImportError(f"more than {allowed.members} members in {source.name}")
                # unprivileged containers cannot have device nodes, and get theirs from Incus
                if not (member.ischr() or member.isblk()):
                    content = system.extractfile(member) if member.isreg() else None
                    seen.add(_copy(member, content, archive))
        if seen.isdisjoint(_INITS):
            raise ImageImportError(
                f"nothing to boot in {source.name}: neither {' nor '.join(sorted(_INITS))}",
                resolution="Containers need an environment with an init: for mmdebstrap,"
                " `extra_packages: [dbus, systemd, systemd-resolved, systemd-sysv]`.",
            )
        _add_ours(archive, seen)


@contextmanager
def _writing(target: Path) -> Iterator[tarfile.TarFile]:
    compressor = zstandard.ZstdCompressor(level=3, threads=-1)
    with (
        target.open("wb") as file,
        compressor.stream_writer(file, closefd=False) as stream,
        tarfile.open(
            fileobj=cast("IO[bytes]", stream),
            mode="w|",
            bufsize=CHUNK_BYTES,
            format=tarfile.PAX_FORMAT,
        ) as archive,
    ):
        yield archive


def _copy(member: tarfile.TarInfo, content: IO[bytes] | None, archive: tarfile.TarFile) -> str:
    """
    Copy a member to below the root of the image.

    :returns: its path in the system; empty for the root itself
    """
    path = _inner_path(member.name)
    member.name = f"{_ROOT}/{path}".rstrip("/")
    if member.islnk():
        member.linkname = f"{_ROOT}/{_inner_path(member.linkname)}"
    # names would be kept beside the new ones
    member.pax_headers = {
        name: value
        for name, value in member.pax_headers.items()
        if name.startswith(_EXTENDED_ATTRIBUTE)
    }
    archive.addfile(member, content)
    return path


def _inner_path(name: str) -> str:
    parts = PurePosixPath(name.lstrip("/")).parts
    if ".." in parts:
        raise ImageImportError(f"a path leads out of the system: {name!r}")
    return "/".join(parts)


def _add_metadata(archive: tarfile.TarFile, description: ImageDescription) -> None:
    text = yaml.safe_dump(description.metadata(), sort_keys=True)
    _add(archive, _file("metadata.yaml"), text)
    _add(archive, _directory("templates"))
    for name, text in _TEMPLATES.values():
        _add(archive, _file(f"templates/{name}"), text)


def _add_ours(archive: tarfile.TarFile, seen: set[str]) -> None:
    """Add what a system needs to be that of a container of Incus."""
    for path in (GENERATOR_PATH, *_LINKS):
        for parent in reversed(PurePosixPath(path).parents):
            if str(parent) not in {*seen, "."}:
                _add(archive, _directory(f"{_ROOT}/{parent}"))
                seen.add(str(parent))
    _add(archive, _file(f"{_ROOT}/{GENERATOR_PATH}", mode=0o755), GENERATOR)
    for path, unit in _LINKS.items():
        if path not in seen:
            link = tarfile.TarInfo(f"{_ROOT}/{path}")
            link.type, link.linkname = tarfile.SYMTYPE, f"{_UNIT_DIRECTORY}/{unit}"
            _add(archive, link)


def _file(path: str, *, mode: int = 0o644) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.mode = mode
    return member


def _directory(path: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.type, member.mode = tarfile.DIRTYPE, 0o755
    return member


def _add(archive: tarfile.TarFile, member: tarfile.TarInfo, text: str = "") -> None:
    content = text.encode()
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
