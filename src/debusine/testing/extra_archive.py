# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives with a few packages of their own, to be used beside a distribution's."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path

from debusine.testing.apt_mirror import ArchiveKey, FilesHandler, archive_key, serving
from debusine.testing.packages import write_deb
from debusine.util.command import Command, run

PLACE = "usr/share/extra-archive"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtraArchive:
    """
    An archive on loopback.

    :param root: its files
    :param url: where APT finds it
    """

    root: Path
    url: str
    key: ArchiveKey

    def add_suite(
        self,
        suite: str,
        components: Mapping[str, list[Path]],
        *,
        architecture: str,
        is_automatic: bool = True,
    ) -> None:
        """
        Publish packages the usual way.

        :param components: packages by component
        :param is_automatic: whether APT takes packages from it without being told to
        """
        dists = self.root / "dists" / suite
        for component, debs in components.items():
            pool = self.root / "pool" / suite / component
            pool.mkdir(parents=True)
            for deb in debs:
                shutil.copy(deb, pool)
            index = dists / component / f"binary-{architecture}" / "Packages"
            index.parent.mkdir(parents=True)
            index.write_bytes(_ftparchive("packages", pool.relative_to(self.root), self.root))
        named = {"Suite": suite, "Codename": suite, "Components": " ".join(components)}
        if not is_automatic:
            named["NotAutomatic"] = "yes"
        _release(dists, self.key, {**named, "Architectures": architecture})

    def add_flat(self, name: str, *debs: Path) -> None:
        """Publish packages as a directory with a list."""
        place = self.root / name
        place.mkdir(parents=True)
        for deb in debs:
            shutil.copy(deb, place)
        (place / "Packages").write_bytes(_ftparchive("packages", Path(name), self.root))
        _release(place, self.key, {"Codename": name})


def _ftparchive(what: str, path: Path, cwd: Path, *options: str) -> bytes:
    return run(Command(["apt-ftparchive", *options, what, str(path)], cwd=cwd)).stdout


def _release(directory: Path, key: ArchiveKey, fields: Mapping[str, str]) -> None:
    options = [f"--option=APT::FTPArchive::Release::{name}={fields[name]}" for name in fields]
    content = _ftparchive("release", Path(), directory, *options)
    (directory / "Release").write_bytes(content)
    key.sign(directory / "Release")


def write_data_deb(directory: Path, name: str, text: str, *, version: str = "1") -> Path:
    """
    Make a package that holds one file, ``/usr/share/extra-archive/NAME``.

    :param text: of the file
    """
    fields = {"Package": name, "Source": name, "Version": version, "Architecture": "all"}
    return write_deb(directory, fields, files={f"{PLACE}/{name}": text.encode()})


@contextmanager
def extra_archive() -> Iterator[ExtraArchive]:
    """Serve an empty archive by HTTP."""
    with archive_key() as key, tempfile.TemporaryDirectory(prefix="archive-") as name:

        class Handler(FilesHandler):
            root = Path(name)

        with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
            yield ExtraArchive(root=Path(name), url=f"http://127.0.0.1:{port}", key=key)
