# SPDX-License-Identifier: GPL-3.0-or-later
"""
What another APT needs to reach the mirrors that this machine's APT reaches.

Proxies, credentials, certificates and the rules for old Release files are taken
along; everything else of the machine's configuration stays here. Credentials go
to private files and to nothing else: they show in no ``repr``, log or artifact.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path
from typing import Self
from urllib.parse import unquote, urlsplit

from debusine.errors import UserError
from debusine.util.apt_config import AptConfig, AptMachine, parse_dump
from debusine.util.apt_mirror_list import APT_HELPER
from debusine.util.apt_sources import hide_logins, strip_credentials
from debusine.util.command import Command, CommandError, run

SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
DETECTION_TIMEOUT_S = 30

_PLAIN = re.compile(
    r"^Acquire::(?:"
    r"Check-Valid-Until|Check-Date|Max-ValidTime(?:::.+)?|Min-ValidTime(?:::.+)?|Max-FutureTime"
    r"|Retries|ForceIPv[46]"
    r"|Allow(?:Insecure|Weak|DowngradeToInsecure)Repositories"
    r"|https?::(?:.+::)?(?:Timeout|Verify-Peer|Verify-Host|User-Agent|AllowRedirect"
    r"|Pipeline-Depth|No-Cache|SslForceVersion)"
    r"|https?::Proxy(?:::.+)?"
    r")$",
    re.IGNORECASE,
)
_FILE = re.compile(
    r"^Acquire::https?::(?:.+::)?(?:CaInfo|IssuerCert|CRL-File|SslCert|SslKey)$", re.IGNORECASE
)
_OF_CLIENT = re.compile(r"::Ssl(?:Cert|Key)$", re.IGNORECASE)
_AUTO_DETECT = ("Proxy-Auto-Detect", "ProxyAutoDetect")
# for us alone, so that mirrors which become known later are treated like the others
_SPARED = "Debusine::No-Proxy"
_DETECTS = "Debusine::Detect-Proxy"
_NETRC = "Dir::Etc::netrc"
# nothing of this machine counts beside what is lent
_ALONE = tuple((f"Dir::Etc::{name}", "/dev/null") for name in ("main", "parts", "netrcparts"))
_AUTHORITIES = "Acquire::https::CaInfo"
_SCHEMES = ("http", "https")
_USING = re.compile(r"^Using proxy '(.*)' for URL ", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class AptAccess:
    """
    How to reach the mirrors; prints nothing secret.

    :param settings: names and values for an ``apt.conf``
    :param file_settings: names, and the name of one of ``files`` that is the value
    :param files: certificates and keys
    :param netrc: credentials, in the form of apt_auth.conf(5)
    """

    settings: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    file_settings: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    netrc: str = field(default="", repr=False)

    @property
    def is_needed(self) -> bool:
        """False if APT's defaults do."""
        return bool(self.settings or self.file_settings or self.netrc)

    @classmethod
    def read(cls, directory: Path) -> Self:
        """
        Read what :meth:`write` wrote.

        :raises UserError: if it is not there
        """
        place = f"{directory}/"
        values = [
            (name, value)
            for name, value in parse_dump(_read(directory / "apt.conf").decode()).values
            if not name.startswith("Dir::Etc::")
        ]
        netrc = directory / "auth.conf"
        files = sorted(directory.glob("*.pem"))
        return cls(
            settings=tuple(pair for pair in values if not pair[1].startswith(place)),
            file_settings=tuple(
                (name, value.removeprefix(place))
                for name, value in values
                if value.startswith(place)
            ),
            files=tuple((path.name, _read(path)) for path in files),
            netrc=_read(netrc).decode().rstrip("\n") if netrc.exists() else "",
        )

    def with_mirrors(
        self, mirrors: Iterable[str], *, environ: Mapping[str, str] | None = None
    ) -> AptAccess:
        """
        Say how to reach more mirrors.

        :param mirrors: their URLs, which may hold credentials
        :param environ: environment of the machine's APT; ours if None
        :raises UserError: if the credentials cannot be said in APT's words
        """
        uris = list(mirrors)
        values = dict(self.settings)
        spared = values.get(_SPARED, "").split()
        settings = [*self.settings, *_direct(spared, uris)]
        if _DETECTS in values:
            settings += _detected_proxies(uris, values, environ)
        logins = [self.netrc, *(_as_netrc(uri) for uri in uris)]
        named, files = self.file_settings, self.files
        trusts = any(name.lower() == _AUTHORITIES.lower() for name, _ in named)
        if not trusts and SYSTEM_CERTIFICATES.is_file() and any(map(_is_https, uris)):
            # a minimal chroot trusts nobody, and the machine may trust an authority of its own
            named = (*named, (_AUTHORITIES, "system.pem"))
            files = (*files, ("system.pem", _read(SYSTEM_CERTIFICATES)))
        return AptAccess(
            settings=tuple(dict.fromkeys(settings)),
            file_settings=named,
            files=files,
            netrc="\n".join(dict.fromkeys(login for login in logins if login)),
        )

    def without_secrets(self) -> AptAccess:
        """What anybody may see of it."""
        named = tuple(pair for pair in self.file_settings if not _OF_CLIENT.search(pair[0]))
        kept = {file for _, file in named}
        return AptAccess(
            settings=tuple(pair for pair in self.settings if not _has_login(pair[1])),
            file_settings=named,
            files=tuple(file for file in self.files if file[0] in kept),
        )

    def write(self, directory: Path, *, seen_at: str | None = None, alone: bool = False) -> Path:
        """
        Write private files: ``apt.conf`` and what it names.

        :param directory: made with mode 0700, its files with 0600
        :param seen_at: where the reader finds the directory, if that is elsewhere
        :param alone: an APT that is told of it by ``APT_CONFIG`` reads nothing in ``/etc/apt``
        :returns: the path of ``apt.conf``
        :raises UserError: if a value cannot stand in an ``apt.conf``
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
        place = seen_at or str(directory)
        settings = [*(_ALONE if alone else ()), *self.settings]
        lines = [f'{name} "{_checked(name, value)}";' for name, value in settings]
        lines += [f'{name} "{place}/{file}";' for name, file in self.file_settings]
        if self.netrc:
            lines.append(f'{_NETRC} "{place}/auth.conf";')
            _write_private(directory / "auth.conf", f"{self.netrc}\n".encode())
        for name, content in self.files:
            _write_private(directory / name, content)
        conf = directory / "apt.conf"
        _write_private(conf, "".join(f"{line}\n" for line in lines).encode())
        return conf

    def secrets(self) -> frozenset[str]:
        """Passwords as they might show in a log, to be masked there."""
        found = {login.password for login in parse_netrc(self.netrc)}
        for _, value in self.settings:
            password = _password(value)
            if password:
                found |= {password, unquote(password)}
        return frozenset(secret for secret in found if secret)

    def mask(self, text: str) -> str:
        """The text with every password replaced."""
        for secret in sorted(self.secrets(), key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


def _checked(name: str, value: str) -> str:
    if '"' in value or "\n" in value:
        raise UserError(
            f"{name} holds a quote or a line break, which an apt.conf cannot",
            resolution="Write it as %22 or %0A.",
        )
    return value


def _has_login(value: str) -> bool:
    # what is no URL may still hold one
    return "@" in value


def _is_https(uri: str) -> bool:
    return uri.startswith("https:")


def _password(uri: str) -> str | None:
    try:
        return urlsplit(uri).password
    except ValueError:
        return None


def _write_private(path: Path, content: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """One entry of a netrc file."""

    machine: str
    user: str
    password: str = field(repr=False)


def parse_netrc(text: str) -> tuple[Login, ...]:
    """
    Read the entries of a netrc file.

    >>> parse_netrc("machine example.org login me password x")[0].user
    'me'
    """
    words = [word for line in text.splitlines() for word in line.partition("#")[0].split()]
    entries: list[dict[str, str]] = []
    for key, value in pairwise(words):
        if key == "machine":
            entries.append({"machine": value})
        elif key in {"login", "password"} and entries:
            entries[-1].setdefault(key, value)
    return tuple(
        Login(machine=e["machine"], user=e.get("login", ""), password=e.get("password", ""))
        for e in entries
    )


def access_of(
    machine: AptMachine,
    uris: Iterable[str] = (),
    *,
    environ: Mapping[str, str] | None = None,
) -> AptAccess:
    """
    Collect what reaching this machine's sources and more mirrors takes.

    :param uris: mirrors beside those of the machine's sources; may hold credentials
    :param environ: of the machine's APT; ``http_proxy``, ``https_proxy`` and ``no_proxy`` count as
        for APT
    :raises UserError: if a certificate that APT names cannot be read, or its detection of proxies
        fails
    """
    environ = os.environ if environ is None else environ
    config = machine.config
    settings = [(key, value) for key, value in config.values if _keep(key, value)]
    settings += _proxies_of_environment(config, environ)
    if any(config.get(f"Acquire::{s}::{name}") for s in _SCHEMES for name in _AUTO_DETECT):
        settings.append((_DETECTS, "yes"))
    named = tuple((key, value) for key, value in config.values if value and _FILE.match(key))
    names = {path: f"file-{n}.pem" for n, path in enumerate(dict.fromkeys(p for _, p in named))}
    own = AptAccess(
        settings=tuple(dict.fromkeys(settings)),
        file_settings=tuple((key, names[path]) for key, path in named),
        files=tuple((name, _read(Path(path))) for path, name in names.items()),
        netrc=machine.netrc,
    )
    mirrors = [*(source.uri for source in machine.sources), *uris]
    return own.with_mirrors(mirrors, environ=environ)


def _keep(name: str, value: str) -> bool:
    is_default = name.startswith("Acquire::Allow") and value in {"0", "false", "no"}
    return bool(value) and not is_default and bool(_PLAIN.match(name))


def _proxies_of_environment(
    config: AptConfig, environ: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Say in APT's words what the environment says (apt-transport-http(1))."""
    for scheme in _SCHEMES:
        name = f"Acquire::{scheme}::Proxy"
        # APT reads the lower case name only, and prefers its configuration
        given = environ.get(f"{scheme}_proxy", "")
        if given and not config.get(name):
            yield name, given
    spared = [word.strip() for word in environ.get("no_proxy", "").split(",") if word.strip()]
    if spared:
        yield _SPARED, " ".join(spared)
        yield from _direct(spared, ())


def _direct(spared: Iterable[str], mirrors: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name the hosts that are reached without a proxy; APT knows no patterns there."""
    patterns = list(spared)
    hosts = {urlsplit(uri).hostname or "" for uri in mirrors} | set(patterns)
    for host in sorted(hosts - {""}):
        is_name = not host.startswith((".", "*"))
        if is_name and any(_matches(host, pattern) for pattern in patterns):
            for scheme in _SCHEMES:
                yield f"Acquire::{scheme}::Proxy::{host}", "DIRECT"


def _matches(host: str, pattern: str) -> bool:
    pattern = pattern.lstrip("*") if pattern.startswith("*.") else pattern
    return host == pattern or fnmatch(host, f"*{pattern}" if pattern.startswith(".") else pattern)


def _detected_proxies(
    mirrors: Iterable[str], known: Container[str], environ: Mapping[str, str] | None
) -> Iterator[tuple[str, str]]:
    """
    Ask the machine's detection program here: elsewhere it does not exist.

    :param known: settings that there are already; their hosts are not asked about
    """
    for uri in dict.fromkeys(strip_credentials(uri) for uri in mirrors):
        parts = urlsplit(uri)
        name = f"Acquire::{parts.scheme}::Proxy::{parts.hostname}"
        if parts.scheme in _SCHEMES and parts.hostname and name not in known:
            match = _USING.search(_detect_proxy(uri, environ))
            if match and match[1]:
                yield name, match[1]


def _detect_proxy(uri: str, environ: Mapping[str, str] | None) -> str:
    argv = [APT_HELPER, "auto-detect-proxy", uri]
    try:
        return run(Command(argv, env=environ, timeout_s=DETECTION_TIMEOUT_S)).text
    except CommandError as error:
        raise UserError(
            f"the program that this machine's APT detects proxies with failed for {uri}",
            details=hide_logins(error.details or ""),
            # APT started by root becomes that user before it runs anything
            resolution="Look at Proxy-Auto-Detect in apt-config dump; user _apt must be able to"
            f" run it. To repeat: {' '.join(argv)}",
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"cannot read {path}, which APT's configuration names: {error.strerror}",
            resolution="Make it readable for this user, or remove the setting.",
        ) from error


def _as_netrc(uri: str) -> str:
    """Turn the credentials of a mirror's URL into an entry of a netrc file."""
    parts = urlsplit(uri)
    if not parts.username or not parts.hostname:
        return ""
    port = f":{parts.port}" if parts.port else ""
    user, password = unquote(parts.username), unquote(parts.password or "")
    if re.search(r"\s", user + password):
        raise UserError(f"the credentials for {parts.hostname} hold a blank; APT cannot use that")
    # without a scheme, APT sends credentials over https only
    return f"machine {parts.scheme}://{parts.hostname}{port}{parts.path} login {user} password {password}"  # noqa: E501  one entry, one line
