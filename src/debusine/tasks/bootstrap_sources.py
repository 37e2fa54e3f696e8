# SPDX-License-Identifier: GPL-3.0-or-later
"""Repositories and keys of a new system, as files for APT outside and inside of it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from debian.deb822 import Deb822

from debusine.errors import UpstreamError, UserError
from debusine.tasks.bootstrap_models import (
    BootstrapKeyring,
    BootstrapRepository,
    SignatureCheck,
    inline_keyring,
)
from debusine.util.apt_mirror_list import APT_HELPER
from debusine.util.apt_sources import strip_credentials
from debusine.util.command import Command, CommandError, run
from debusine.util.files import sha256_of

KEYRINGS_IN_CHROOT = "/etc/apt/keyrings-debusine"
MAX_DOWNLOAD_BYTES = 100 * 1024**2
DOWNLOAD_TIMEOUT_S = 600

_COMPONENT = re.compile(r"[A-Za-z][A-Za-z/-]*")
_ARMOUR = b"-----BEGIN PGP PUBLIC KEY BLOCK-----"


@dataclass(frozen=True, kw_only=True, slots=True)
class BootstrapSources:
    """
    Files for APT.

    :param host: for the APT that makes the system
    :param chroot: for the APT of the new system
    :param keys: external keys, readable by all
    :param installed_keys: those of them that the new system keeps
    """

    host: Path
    chroot: Path
    keys: tuple[Path, ...]
    installed_keys: tuple[Path, ...]

    def components_of_first(self) -> list[str]:
        """Components of the first repository."""
        with self.host.open(encoding="utf-8") as stream:
            for paragraph in Deb822.iter_paragraphs(stream):
                return str(paragraph.get("Components", "")).split()
        return []


def write_sources(
    repositories: Sequence[BootstrapRepository],
    directory: Path,
    *,
    keyrings: Path,
    use_signed_by: bool,
    apt_conf: Path | None = None,
) -> BootstrapSources:
    """
    Write ``host.sources`` and ``chroot.sources``, and the keys beside them.

    :param keyrings: made for the keys; APT reads them as a subordinate id
    :param use_signed_by: whether external keys count for their repository alone
    :param apt_conf: how mirrors are reached; None: as the machine's APT does
    :raises UpstreamError: if a Release file or a key cannot be had
    :raises ValueError: if components must be looked up and the Release file names none
    """
    keyrings.mkdir(mode=0o755)
    keyrings.chmod(0o755)
    outside: list[Deb822] = []
    inside: list[Deb822] = []
    keys: list[Path] = []
    installed: list[Path] = []
    for number, repository in enumerate(repositories):
        host = _paragraph(repository, directory, apt_conf)
        chroot = Deb822(host)
        if repository.check_signature_with is SignatureCheck.EXTERNAL and repository.keyring:
            key = fetch_keyring(repository.keyring, keyrings, number, apt_conf=apt_conf)
            keys.append(key)
            if repository.keyring.install:
                installed.append(key)
                if use_signed_by:
                    chroot["Signed-By"] = f"{KEYRINGS_IN_CHROOT}/{key.name}"
            if use_signed_by:
                host["Signed-By"] = str(key)
        outside.append(host)
        inside.append(chroot)
    return BootstrapSources(
        host=_write(directory / "host.sources", outside),
        chroot=_write(directory / "chroot.sources", inside),
        keys=tuple(keys),
        installed_keys=tuple(installed),
    )


def fetch_keyring(
    keyring: BootstrapKeyring, directory: Path, number: int, *, apt_conf: Path | None = None
) -> Path:
    """
    Get a key.

    :returns: a file that all can read, ``.asc`` if it is armoured
    :raises UpstreamError: if it cannot be had
    :raises UserError: if it is not the one that was meant
    """
    fetched = directory / f"keyring-repo-{number}.gpg"
    inline = inline_keyring(keyring.url)
    if inline is None:
        download(keyring.url, fetched, apt_conf=apt_conf)
    else:
        fetched.write_bytes(inline)
    if keyring.sha256sum and sha256_of(fetched) != keyring.sha256sum:
        name = "in the task data" if inline else strip_credentials(keyring.url)
        raise UserError(
            f"sha256 mismatch for keyring {name}",
            details=f"expected {keyring.sha256sum}, got {sha256_of(fetched)}",
        )
    if fetched.read_bytes().lstrip().startswith(_ARMOUR):
        fetched = fetched.rename(fetched.with_suffix(".asc"))
    fetched.chmod(0o644)
    return fetched


def components_of_release(text: str) -> list[str]:
    r"""
    Components that a Release file names.

    :raises ValueError: if it names none, or one that no directory can be called

    >>> components_of_release("Suite: stable\nComponents: main updates/contrib\n")
    ['main', 'updates/contrib']
    """
    components = str(Deb822(text.splitlines()).get("Components", "")).split()
    if not components:
        message = "the Release file names no components"
        raise ValueError(message)
    for component in components:
        if not _COMPONENT.fullmatch(component):
            message = f"not the name of a component: {component!r}"
            raise ValueError(message)
    return components


def download(url: str, target: Path, *, apt_conf: Path | None = None) -> None:
    """
    Download a file the way the machine's APT does: proxies, credentials, certificates.

    :param apt_conf: configuration to read first; None: the machine's alone
    :raises UpstreamError: if that fails, takes too long, or it is too large
    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        try:
            shutil.copyfile(unquote(parts.path), target)
        except OSError as error:
            raise UpstreamError(f"cannot download {url}", details=error.strerror or "") from error
        return
    limit = ["prlimit", f"--fsize={MAX_DOWNLOAD_BYTES}"]
    # apt-helper ends with 0 even if there is nothing at the URL on some releases
    command = [*limit, APT_HELPER, "download-file", url, str(target)]
    env = None if apt_conf is None else {**os.environ, "APT_CONFIG": str(apt_conf)}
    try:
        run(Command(command, env=env, timeout_s=DOWNLOAD_TIMEOUT_S))
    except CommandError as error:
        said = (error.completed.stderr or error.completed.stdout).decode(errors="replace")
        raise UpstreamError(
            f"cannot download {strip_credentials(url)}", details=said.strip()[-2000:]
        ) from error
    if not target.is_file():
        raise UpstreamError(f"cannot download {strip_credentials(url)}")


def _paragraph(repository: BootstrapRepository, directory: Path, apt_conf: Path | None) -> Deb822:
    paragraph = Deb822()
    paragraph["Types"] = " ".join(repository.types)
    # credentials are lent apart, and would stay in the system here
    paragraph["URIs"] = strip_credentials(repository.mirror)
    paragraph["Suites"] = repository.suite
    if not repository.suite.endswith("/"):
        components = repository.components or _look_up_components(repository, directory, apt_conf)
        paragraph["Components"] = " ".join(components)
    if repository.check_signature_with is SignatureCheck.NO_CHECK:
        paragraph["Trusted"] = "yes"
    if repository.check_valid_until is not None:
        paragraph["Check-Valid-Until"] = "yes" if repository.check_valid_until else "no"
    return paragraph


def _look_up_components(
    repository: BootstrapRepository, directory: Path, apt_conf: Path | None
) -> list[str]:
    target = directory / "Release"
    target.unlink(missing_ok=True)
    release = f"{repository.mirror.rstrip('/')}/dists/{repository.suite}/Release"
    download(release, target, apt_conf=apt_conf)
    return components_of_release(target.read_text(encoding="utf-8", errors="replace"))


def _write(path: Path, paragraphs: list[Deb822]) -> Path:
    path.write_text("\n".join(paragraph.dump() for paragraph in paragraphs))
    path.chmod(0o644)
    return path
