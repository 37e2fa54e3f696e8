# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTTPS mirror that asks for a password, behind a proxy that asks for another."""

from __future__ import annotations

import base64
import hashlib
import select
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from typing_extensions import override

from debusine.testing.packages import write_deb, write_dsc
from debusine.util.command import Command, run

MIRROR_USER, MIRROR_PASSWORD = "reader", "m1rr0r-s3cret"
PROXY_USER, PROXY_PASSWORD = "surfer", "pr0xy-s3cret"
SUITE = "trixie"


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """Who may use a server."""

    user: str
    password: str

    @property
    def header(self) -> str:
        """The same as a value of ``Authorization``."""
        text = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return f"Basic {text}"


OF_MIRROR = Credentials(user=MIRROR_USER, password=MIRROR_PASSWORD)
OF_PROXY = Credentials(user=PROXY_USER, password=PROXY_PASSWORD)


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchiveKey:
    """
    A key that signs archives.

    :param keyring: its public half, as programs read it
    :param armoured: the same in text form
    :param gnupg: home directory of gpg
    """

    keyring: Path
    armoured: Path
    gnupg: Path

    def sign(self, release: Path) -> None:
        """Write ``InRelease`` beside a Release file, anew."""
        signed = release.with_name("InRelease")
        signed.unlink(missing_ok=True)
        argv = ["gpg", "--homedir", str(self.gnupg), "--batch", "--clearsign"]
        run(Command([*argv, "-o", str(signed), str(release)]))


@contextmanager
def archive_key() -> Iterator[ArchiveKey]:
    """Make a key for a while."""
    # gpg-agent's socket needs a short path
    with tempfile.TemporaryDirectory(prefix="key-") as name:
        gnupg, keyring, armoured = (Path(name) / part for part in ("gpg", "key.gpg", "key.asc"))
        gnupg.mkdir(mode=0o700)
        gpg = ["gpg", "--homedir", str(gnupg), "--batch"]
        unlocked = ["--pinentry-mode", "loopback", "--passphrase", ""]
        user = "archive@example.org"
        run(Command([*gpg, *unlocked, "--quick-gen-key", user, "ed25519", "sign", "never"]))
        run(Command([*gpg, "-o", str(keyring), "--export", user]))
        run(Command([*gpg, "--armor", "-o", str(armoured), "--export", user]))
        yield ArchiveKey(keyring=keyring, armoured=armoured, gnupg=gnupg)
        run(Command(["gpgconf", "--homedir", str(gnupg), "--kill", "all"], check=False))


@dataclass
class Archive:
    """A tiny archive with a binary and a source package, signed."""

    root: Path
    key: ArchiveKey

    @property
    def keyring(self) -> Path:
        """Who signed it."""
        return self.key.keyring

    @property
    def armoured(self) -> Path:
        """The same in text form."""
        return self.key.armoured

    def sign(
        self,
        *,
        valid_until: timedelta = timedelta(days=7),
        suite: str = SUITE,
        codename: str = SUITE,
    ) -> None:
        """
        Write Release files anew.

        :param suite: what the archive calls itself
        :param codename: the same
        """
        dists = self.root / "debian/dists" / SUITE
        now = datetime(2026, 1, 1, tzinfo=UTC)
        lines = [
            "Origin: Debian",
            "Label: Debian",
            f"Suite: {suite}",
            f"Codename: {codename}",
            "Architectures: amd64",
            "Components: main",
            f"Date: {format_datetime(now, usegmt=True)}",
            f"Valid-Until: {format_datetime(_today() + valid_until, usegmt=True)}",
            "SHA256:",
        ]
        for path in sorted(dists.rglob("*")):
            if path.is_file() and path.name in {"Packages", "Sources"}:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                lines.append(f" {digest} {path.stat().st_size} {path.relative_to(dists)}")
        release = dists / "Release"
        release.write_text("\n".join(lines) + "\n")
        self.key.sign(release)


def _today() -> datetime:
    return datetime.fromtimestamp(Path("/proc/self").stat().st_mtime, UTC)


@contextmanager
def signed_archive() -> Iterator[Archive]:
    """Make an archive with one binary and one source package, ``hello 1.0-1``."""
    with archive_key() as key, tempfile.TemporaryDirectory(prefix="mirror-") as name:
        made = Archive(root=Path(name) / "www", key=key)
        _fill(made)
        made.sign()
        yield made


def _fill(made: Archive) -> None:
    pool = made.root / "debian/pool"
    pool.mkdir(parents=True)
    write_deb(pool)
    write_dsc(pool)
    dists = made.root / "debian/dists" / SUITE / "main"
    for kind, directory, index in (
        ("packages", "binary-amd64", "Packages"),
        ("sources", "source", "Sources"),
    ):
        (dists / directory).mkdir(parents=True)
        done = run(Command(["apt-ftparchive", kind, "pool"], cwd=made.root / "debian"))
        (dists / directory / index).write_bytes(done.stdout)


@dataclass
class Traffic:
    """What a server was asked; ``refused`` counts requests without the right credentials."""

    asked: list[str] = field(default_factory=list)
    refused: int = 0


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[int]:
    """
    Let a server answer for a while.

    :returns: its port
    """
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class FilesHandler(SimpleHTTPRequestHandler):
    """Serves the files of a directory, which subclasses name."""

    protocol_version = "HTTP/1.1"
    root: ClassVar[Path]

    @override
    def translate_path(self, path: str) -> str:
        # the class takes its directory from the caller, and servers give none
        self.directory = str(self.root)
        return super().translate_path(path)

    @override
    def log_message(self, *args: object) -> None:
        pass


@dataclass
class Mirror:
    """
    The mirror as APT sees it.

    :param ca: certificate of the authority that vouches for it; beside it lie ``client.pem`` and
        ``client.key``, by which it knows its clients
    """

    host: str
    port: int
    ca: Path
    traffic: Traffic

    @property
    def url(self) -> str:
        """Where APT finds the archive."""
        return f"https://{self.host}:{self.port}/debian"


@contextmanager
def certificate_authority() -> Iterator[Path]:
    """
    Make ``ca.pem`` in a directory.

    With it come ``server.pem`` and ``server.key`` for the mirror, ``client.pem`` and ``client.key``
    for who may use it.
    """
    with tempfile.TemporaryDirectory(prefix="ca-") as name:
        place = Path(name)
        (place / "ext").write_text("subjectAltName=DNS:mirror.example.org,IP:127.0.0.1\n")
        new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        new += ["-nodes", "-days", "3650"]
        sign = ["openssl", "x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key"]
        for argv in (
            [*new, "-x509", "-subj", "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.pem"],
            [*new[:-2], "-subj", "/CN=mirror.example.org", "-keyout", "server.key", "-out", "csr"],
            [*sign, "-days", "3650", "-CAcreateserial", "-extfile", "ext", "-out", "server.pem"],
            [*new[:-2], "-subj", "/CN=client.example.org", "-keyout", "client.key", "-out", "csr"],
            [*sign, "-days", "3650", "-CAcreateserial", "-out", "client.pem"],
        ):
            run(Command(argv, cwd=place))
        yield place


def is_admitted(
    request: BaseHTTPRequestHandler, traffic: Traffic, credentials: Credentials
) -> bool:
    """Count a request; answer it if it lacks the credentials."""
    is_proxy = request.command == "CONNECT"
    traffic.asked.append(request.path)
    given = request.headers.get("Proxy-Authorization" if is_proxy else "Authorization")
    if given == credentials.header:
        return True
    traffic.refused += 1
    request.send_response(407 if is_proxy else 401)
    name = "Proxy-Authenticate" if is_proxy else "WWW-Authenticate"
    request.send_header(name, 'Basic realm="test"')
    request.send_header("Content-Length", "0")
    request.end_headers()
    return False


@contextmanager
def serve_https(
    handler: type[BaseHTTPRequestHandler],
    certificates: Path,
    traffic: Traffic,
    *,
    knows_clients: bool = False,
) -> Iterator[Mirror]:
    """
    Serve by HTTPS, under a name that only the proxy knows: who gets here went through it.

    :param knows_clients: whether only those with a certificate of the authority are served
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    if knows_clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates / "ca.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server) as port:
        yield Mirror(
            host="mirror.example.org", port=port, ca=certificates / "ca.pem", traffic=traffic
        )


@contextmanager
def serve_mirror(
    archive: Archive, certificates: Path, *, knows_clients: bool = False
) -> Iterator[Mirror]:
    """Serve an archive by HTTPS to those who know the password; see :func:`serve_https`."""
    traffic = Traffic()

    class Handler(FilesHandler):
        root = archive.root

        @override
        def do_GET(self) -> None:
            if is_admitted(self, traffic, OF_MIRROR):
                super().do_GET()

    with serve_https(Handler, certificates, traffic, knows_clients=knows_clients) as mirror:
        yield mirror


@dataclass
class Proxy:
    """The proxy as APT is to use it."""

    port: int
    traffic: Traffic
    credentials: Credentials

    @property
    def url(self) -> str:
        """What APT is told, password and all."""
        login = f"{self.credentials.user}:{self.credentials.password}"
        return f"http://{login}@127.0.0.1:{self.port}"


@contextmanager
def serve_proxy(mirror: Mirror, credentials: Credentials = OF_PROXY) -> Iterator[Proxy]:
    """Serve a proxy that leads to the mirror only, for those who know the password."""
    traffic = Traffic()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            if not is_admitted(self, traffic, credentials):
                return
            host, _, port = self.path.partition(":")
            if host != mirror.host:
                self.send_error(403)
                return
            with socket.create_connection(("127.0.0.1", int(port))) as target:
                self.send_response(200)
                self.end_headers()
                _relay(self.connection, target)
            self.close_connection = True

        @override
        def log_message(self, *args: object) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        yield Proxy(port=port, traffic=traffic, credentials=credentials)


def _relay(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while True:
            for source in select.select([one, other], [], [], 30)[0]:
                data = source.recv(65536)
                if not data:
                    return
                (other if source is one else one).sendall(data)
