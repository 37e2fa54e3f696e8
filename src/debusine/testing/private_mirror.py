# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror of this machine behind a password, private certificates and a detected proxy."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from tempfile import TemporaryDirectory

from typing_extensions import override

from debusine.errors import UpstreamError
from debusine.tasks.bootstrap import KEPT_SETTINGS
from debusine.tasks.bootstrap_sources import download
from debusine.testing.apt_mirror import (
    Credentials,
    Mirror,
    Proxy,
    Traffic,
    is_admitted,
    serve_https,
    serve_proxy,
)
from debusine.util.apt_config import read_machine
from debusine.util.apt_sources import AptSource

PREFIX = "/debian/"
EXTRA_PREFIX = "/extra/"


def new_credentials() -> Credentials:
    """Make up what occurs nowhere else."""
    return Credentials(
        user=f"user-{secrets.token_hex(8)}", password=f"password-{secrets.token_hex(8)}"
    )


@dataclass(frozen=True, kw_only=True)
class PrivateMirror:
    """
    A mirror, and the only way to it.

    :param source: what it is a mirror of
    """

    source: AptSource
    mirror: Mirror
    proxy: Proxy
    credentials: Credentials

    def secrets(self) -> tuple[bytes, ...]:
        """What nobody may ever see: names, passwords, both as they go over the wire, the key."""
        names = tuple(
            text.encode()
            for each in (self.credentials, self.proxy.credentials)
            for text in (each.user, each.password, each.header.split()[1])
        )
        return (*names, self.client_key.read_bytes().splitlines()[1])

    @property
    def client_key(self) -> Path:
        """By which the mirror knows its clients."""
        return self.mirror.ca.with_name("client.key")

    @property
    def extra_url(self) -> str:
        """Where APT finds the directory beside the mirror."""
        return f"https://{self.mirror.host}:{self.mirror.port}{EXTRA_PREFIX}"

    def configure_apt(self, directory: Path) -> Path:
        """
        Write the APT configuration of a machine that uses the mirror.

        :param directory: made, for us alone
        :returns: the value for ``APT_CONFIG``
        """
        directory.mkdir(mode=0o700)
        etc = directory / "etc"
        for name in ("sources.list.d", "auth.conf.d", "parts"):
            (etc / name).mkdir(parents=True)
        mirror = self.mirror
        (etc / "auth.conf.d/mirror.conf").write_text(
            f"machine {mirror.host}:{mirror.port}\n"
            f"login {self.credentials.user}\npassword {self.credentials.password}\n"
        )
        (etc / "sources.list.d/debian.sources").write_text(
            f"Types: deb\nURIs: {mirror.url}\nSuites: {self.source.suite}\nComponents: main\n"
            f"Signed-By: {self.source.option('signed-by') or ''}\n"
        )
        detect = directory / "detect-proxy"
        detect.write_text(f"#!/bin/sh\necho '{self.proxy.url}'\n")
        here = read_machine().config
        values = {
            "Dir::Etc": etc,
            "Dir::Etc::parts": etc / "parts",
            "Acquire::https::Proxy-Auto-Detect": detect,
            "Acquire::https::CaInfo": mirror.ca,
            "Acquire::https::SslCert": mirror.ca.with_name("client.pem"),
            "Acquire::https::SslKey": self.client_key,
            **{name: here.get(name) for name in KEPT_SETTINGS},
        }
        conf = directory / "apt.conf"
        conf.write_text("".join(f'{name} "{value}";\n' for name, value in values.items()))
        for path in directory.rglob("*"):
            path.chmod(0o700 if path.is_dir() or path == detect else 0o600)
        if os.geteuid() == 0:
            # APT becomes that user before it runs anything
            directory.chmod(0o711)
            shutil.chown(detect, "_apt")
        return conf


class _Upstream:
    """
    Files of the real mirror, each fetched once, the way this machine's APT does.

    :param extra: directory that is served as well
    """

    def __init__(self, uri: str, keep: Path, extra: Path | None) -> None:
        self._uri = uri.rstrip("/")
        self._extra = extra
        self._keep = keep
        self._files: dict[str, Path | None] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def get(self, path: str) -> Path | None:
        """
        Fetch a file.

        :param path: below the root of the server
        :returns: None if there is none
        """
        if path.startswith(EXTRA_PREFIX) and self._extra:
            found = self._extra / path.removeprefix(EXTRA_PREFIX)
            return found if found.is_file() else None
        path = path.removeprefix(PREFIX)
        with self._locks[path]:
            if path not in self._files:
                target = self._keep / secrets.token_hex(8)
                try:
                    download(f"{self._uri}/{path}", target)
                except UpstreamError:
                    self._files[path] = None
                else:
                    self._files[path] = target
            return self._files[path]


@contextmanager
def _serve_upstream(
    upstream: _Upstream, certificates: Path, credentials: Credentials
) -> Iterator[Mirror]:
    traffic = Traffic()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not is_admitted(self, traffic, credentials):
                return
            path = upstream.get(self.path)
            content = b"" if path is None else path.read_bytes()
            self.send_response(404 if path is None else 200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        @override
        def log_message(self, *args: object) -> None:
            pass

    with serve_https(Handler, certificates, traffic, knows_clients=True) as mirror:
        yield mirror


@contextmanager
def serve_private(
    source: AptSource, certificates: Path, *, extra: Path | None = None
) -> Iterator[PrivateMirror]:
    """
    Let a source of this machine be reached in a difficult way only.

    :param certificates: made by :func:`~debusine.testing.apt_mirror.certificate_authority`
    :param extra: directory that can be reached in the same way, see ``extra_url``
    """
    credentials = new_credentials()
    with (
        TemporaryDirectory(prefix="debusine-mirror-") as keep,
        _serve_upstream(
            _Upstream(source.uri, Path(keep), extra), certificates, credentials
        ) as mirror,
        serve_proxy(mirror, new_credentials()) as proxy,
    ):
        yield PrivateMirror(source=source, mirror=mirror, proxy=proxy, credentials=credentials)
