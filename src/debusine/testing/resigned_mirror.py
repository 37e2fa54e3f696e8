# SPDX-License-Identifier: GPL-3.0-or-later
"""A mirror of real packages under a signature of our own, so that tests choose its age."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

from typing_extensions import override

from debusine.tasks.bootstrap_sources import download
from debusine.testing.apt_mirror import SUITE, Archive, FilesHandler, serving
from debusine.util.apt_sources import AptSource


def take_index(archive: Archive, source: AptSource, architecture: str) -> None:
    """
    Replace the list of binary packages by that of a real archive.

    The archive has to be signed after that.
    """
    index = archive.root / f"debian/dists/{SUITE}/main/binary-{architecture}/Packages"
    packed = archive.root / "Packages.xz"
    dists = f"{source.uri.rstrip('/')}/dists/{source.suite}"
    download(f"{dists}/main/binary-{architecture}/Packages.xz", packed)
    index.parent.mkdir(parents=True, exist_ok=True)
    index.write_bytes(lzma.decompress(packed.read_bytes()))
    packed.unlink()


@contextmanager
def serve_resigned(archive: Archive, source: AptSource) -> Iterator[str]:
    """
    Serve the lists of an archive, and the packages they name from where they really are.

    :returns: where APT finds the archive
    """
    upstream = source.uri.rstrip("/")

    class Handler(FilesHandler):
        root = archive.root

        @override
        def do_GET(self) -> None:
            if not self.path.startswith("/debian/pool/"):
                super().do_GET()
                return
            self.send_response(302)
            self.send_header("Location", upstream + self.path.removeprefix("/debian"))
            self.send_header("Content-Length", "0")
            self.end_headers()

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield f"http://127.0.0.1:{port}/debian"
