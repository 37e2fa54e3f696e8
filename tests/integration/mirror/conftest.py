# SPDX-License-Identifier: GPL-3.0-or-later
"""A machine whose APT uses a private mirror behind a proxy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from debusine.testing.apt_mirror import (
    MIRROR_PASSWORD,
    MIRROR_USER,
    SUITE,
    Archive,
    Mirror,
    Proxy,
    certificate_authority,
    serve_mirror,
    serve_proxy,
    signed_archive,
)


@pytest.fixture(scope="session")
def archive() -> Iterator[Archive]:
    with signed_archive() as made:
        yield made


@pytest.fixture(scope="session")
def certificates() -> Iterator[Path]:
    with certificate_authority() as place:
        yield place


@pytest.fixture
def mirror(archive: Archive, certificates: Path) -> Iterator[Mirror]:
    with serve_mirror(archive, certificates) as running:
        yield running


@pytest.fixture
def proxy(mirror: Mirror) -> Iterator[Proxy]:
    with serve_proxy(mirror) as running:
        yield running


@pytest.fixture
def apt(tmp_path: Path, archive: Archive, mirror: Mirror, proxy: Proxy) -> dict[str, str]:
    """The environment of a machine whose APT uses the mirror."""
    etc = tmp_path / "etc"
    for name in ("sources.list.d", "auth.conf.d", "parts", "state/lists/partial", "cache"):
        (etc / name).mkdir(parents=True)
    (etc / "status").touch()
    # credentials of the mirror stand where administrators put them, mode 0600
    auth = etc / "auth.conf.d/mirror.conf"
    auth.touch(mode=0o600)
    auth.write_text(
        f"machine {mirror.host}:{mirror.port} login {MIRROR_USER} password {MIRROR_PASSWORD}\n"
    )
    shutil.copy(archive.keyring, etc / "key.gpg")
    (etc / "sources.list.d/debian.sources").write_text(
        f"Types: deb\nURIs: {mirror.url}\nSuites: {SUITE}\nComponents: main\n"
        f"Signed-By: {etc / 'key.gpg'}\n"
    )
    conf = tmp_path / "apt.conf"
    conf.write_text(
        f'Dir::Etc "{etc}";\n'
        f'Dir::Etc::parts "{etc / "parts"}";\n'
        f'Dir::State "{etc / "state"}";\n'
        f'Dir::State::status "{etc / "status"}";\n'
        f'Dir::Cache "{etc / "cache"}";\n'
        f'Acquire::https::Proxy "{proxy.url}";\n'
        f'Acquire::https::CaInfo "{mirror.ca}";\n'
        'Acquire::Check-Valid-Until "true";\n'
        'Acquire::Languages "none";\n'
        'APT::Architecture "amd64";\n'
        'APT::Architectures { "amd64"; };\n'
        'APT::Sandbox::User "root";\n'
    )
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "APT_CONFIG": str(conf)}
