# SPDX-License-Identifier: GPL-3.0-or-later
"""APT elsewhere reaches a private mirror with what is taken along, and nobody else sees how."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from debusine.cli.building.repositories import bootstrap_repositories, choose_sources
from debusine.cli.building.source_archive import SourceArchive
from debusine.errors import NotFoundError, UpstreamError, UserError
from debusine.testing.apt_mirror import (
    MIRROR_PASSWORD,
    PROXY_PASSWORD,
    SUITE,
    Archive,
    Mirror,
    Proxy,
    serve_mirror,
)
from debusine.util.apt_access import AptAccess, access_of
from debusine.util.apt_config import AptMachine, read_machine
from debusine.util.command import Command, Completed, run

SECRETS = (MIRROR_PASSWORD, PROXY_PASSWORD)


def _elsewhere(root: Path, machine: AptMachine, access: AptAccess) -> Path:
    """Configure an APT that knows its sources and what was taken along, nothing of the machine."""
    for name in ("state/lists/partial", "cache", "parts"):
        (root / name).mkdir(parents=True)
    (root / "status").touch()
    source = choose_sources(SUITE, machine)[0].without_credentials
    (root / "wanted.sources").write_text(
        f"Types: {source.type}\nURIs: {source.uri}\nSuites: {source.suite}\n"
        f"Components: {' '.join(source.components)}\nSigned-By: {source.option('signed-by')}\n"
    )
    options = {
        "Dir::Etc": root / "parts",
        "Dir::Etc::parts": root / "parts",
        "Dir::Etc::sourcelist": root / "wanted.sources",
        "Dir::State": root / "state",
        "Dir::State::status": root / "status",
        "Dir::Cache": root / "cache",
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "root",
        "Acquire::Retries": "0",
    }
    conf = root / "apt.conf"
    own = "".join(f'{name} "{value}";\n' for name, value in options.items())
    conf.write_text(own + access.write(root / "access").read_text())
    return conf


def _update(conf: Path) -> Completed:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "APT_CONFIG": str(conf)}
    argv = ["apt-get", "--error-on=any", "update"]
    return run(Command(argv, env=environment, check=False, timeout_s=60))


def test_apt_elsewhere_reads_the_mirror(
    tmp_path: Path, apt: dict[str, str], mirror: Mirror, proxy: Proxy
) -> None:
    machine = read_machine(apt)
    access = access_of(machine, environ=apt)
    conf = _elsewhere(tmp_path / "other", machine, access)

    done = _update(conf)

    assert done.returncode == 0, done.stderr.decode()
    assert f"/debian/dists/{SUITE}/main/binary-amd64/Packages" in " ".join(mirror.traffic.asked)
    assert set(proxy.traffic.asked) == {f"{mirror.host}:{mirror.port}"}
    assert proxy.traffic.refused == 0
    shown = done.stdout + done.stderr
    assert not [secret for secret in SECRETS if secret.encode() in shown]


@pytest.mark.parametrize("lacking", ["settings", "file_settings", "netrc"])
def test_each_part_is_needed(tmp_path: Path, apt: dict[str, str], lacking: str) -> None:
    machine = read_machine(apt)
    access = access_of(machine, environ=apt)
    parts = {
        "settings": access.settings,
        "file_settings": access.file_settings,
        "files": access.files,
        "netrc": access.netrc,
    }
    poorer = AptAccess(**{**parts, lacking: type(parts[lacking])()})  # type: ignore[arg-type]  of the field's own type
    conf = _elsewhere(tmp_path / "other", machine, poorer)

    assert _update(conf).returncode != 0


def test_files_are_private_and_nothing_prints_a_secret(tmp_path: Path, apt: dict[str, str]) -> None:
    machine = read_machine(apt)
    access = access_of(machine, environ=apt)
    conf = access.write(tmp_path / "access")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in conf.parent.iterdir()}
    repositories = bootstrap_repositories(choose_sources(SUITE, machine))
    shown = f"{access!r} {machine!r} {json.dumps(repositories)}"

    assert modes == {"apt.conf": 0o600, "auth.conf": 0o600, "file-0.pem": 0o600}
    assert stat.S_IMODE(conf.parent.stat().st_mode) == 0o700
    assert not [secret for secret in SECRETS if secret in shown]
    assert access.secrets() == set(SECRETS)
    assert access.mask(f"a {MIRROR_PASSWORD} b") == "a *** b"


def test_credentials_in_the_url_of_a_source(
    tmp_path: Path, apt: dict[str, str], mirror: Mirror
) -> None:
    etc = tmp_path / "etc"
    (etc / "auth.conf.d/mirror.conf").unlink()
    sources = etc / "sources.list.d/debian.sources"
    login = f"https://reader:{MIRROR_PASSWORD}@{mirror.host}"
    sources.write_text(sources.read_text().replace(f"https://{mirror.host}", login))
    machine = read_machine(apt)
    access = access_of(machine, environ=apt)
    conf = _elsewhere(tmp_path / "other", machine, access)

    done = _update(conf)

    assert done.returncode == 0, done.stderr.decode()
    assert bootstrap_repositories(choose_sources(SUITE, machine))[0]["mirror"] == mirror.url


def change_conf(apt: dict[str, str], old: str, new: str) -> None:
    """Change the configuration of the machine's APT."""
    conf = Path(apt["APT_CONFIG"])
    text = conf.read_text()
    assert old in text
    conf.write_text(text.replace(old, new))


@pytest.mark.parametrize("name", ["Proxy-Auto-Detect", "ProxyAutoDetect"])
def test_a_proxy_that_the_machine_detects(
    tmp_path: Path, apt: dict[str, str], proxy: Proxy, name: str
) -> None:
    detect = tmp_path / "detect"
    # it looks at the URL, and may be talkative
    detect.write_text(
        '#!/bin/sh\ncase "$1" in https://mirror.example.org:*) ;; *) echo DIRECT; exit;; esac\n'
        f"echo looking >&2\necho '{proxy.url}'\n"
    )
    detect.chmod(0o755)
    change_conf(apt, f'Proxy "{proxy.url}"', f'{name} "{detect}"')
    machine = read_machine(apt)
    access = access_of(machine, environ=apt)
    # what was detected is not asked for again where the program does not exist
    detect.unlink()
    access = access.with_mirrors(source.uri for source in machine.sources)

    done = _update(_elsewhere(tmp_path / "other", machine, access))

    assert done.returncode == 0, done.stderr.decode()
    assert (len(proxy.traffic.asked), proxy.traffic.refused) == (1, 0)
    assert PROXY_PASSWORD in access.secrets()
    assert PROXY_PASSWORD not in f"{access!r} {access.without_secrets()!r}"


def test_a_detection_that_fails_is_named(tmp_path: Path, apt: dict[str, str], proxy: Proxy) -> None:
    change_conf(apt, f'Proxy "{proxy.url}"', f'Proxy-Auto-Detect "{tmp_path}/none"')
    with pytest.raises(UserError, match="detects proxies with failed for https://mirror") as caught:
        access_of(read_machine(apt), environ=apt)
    assert "Proxy-Auto-Detect" in caught.value.explain()


@pytest.fixture
def strict_mirror(archive: Archive, certificates: Path) -> Iterator[Mirror]:
    """A mirror that serves only those who have a certificate."""
    with serve_mirror(archive, certificates, knows_clients=True) as running:
        yield running


@pytest.mark.parametrize("host", ["", "mirror.example.org::"])
def test_a_client_certificate_is_taken_along(
    tmp_path: Path,
    apt: dict[str, str],
    mirror: Mirror,
    strict_mirror: Mirror,
    certificates: Path,
    host: str,
) -> None:
    sources = tmp_path / "etc/sources.list.d/debian.sources"
    sources.write_text(sources.read_text().replace(mirror.url, strict_mirror.url))
    auth = tmp_path / "etc/auth.conf.d/mirror.conf"
    auth.write_text(auth.read_text().replace(f":{mirror.port}", f":{strict_mirror.port}"))
    machine = read_machine(apt)
    conf = _elsewhere(tmp_path / "without", machine, access_of(machine, environ=apt))
    assert _update(conf).returncode != 0
    assert strict_mirror.traffic.asked == []

    given = "".join(
        f'Acquire::https::{host}{name} "{certificates / file}";\n'
        for name, file in (("SslCert", "client.pem"), ("SslKey", "client.key"))
    )
    change_conf(apt, "Acquire::Languages", f"{given}Acquire::Languages")
    machine = read_machine(apt)
    access = access_of(machine, environ=apt)
    done = _update(_elsewhere(tmp_path / "with", machine, access))

    assert done.returncode == 0, done.stderr.decode()
    key = (certificates / "client.key").read_bytes()
    assert key in dict(access.files).values()
    # custom scripts may not have it
    public = access.without_secrets()
    assert key not in dict(public.files).values()
    assert [name for name, _ in public.file_settings] == ["Acquire::https::CaInfo"]


def test_a_key_that_cannot_be_read_is_named(tmp_path: Path, apt: dict[str, str]) -> None:
    change_conf(
        apt,
        "Acquire::Languages",
        f'Acquire::https::SslKey "{tmp_path}/none.key";\nAcquire::Languages',
    )
    with pytest.raises(UserError, match=r"none\.key, which APT's configuration names"):
        access_of(read_machine(apt), environ=apt)


def test_an_expired_release_is_refused_unless_the_machine_allows_it(
    tmp_path: Path, apt: dict[str, str], archive: Archive
) -> None:
    archive.sign(valid_until=timedelta(days=-30))
    try:
        strict = read_machine(apt)
        conf = _elsewhere(tmp_path / "strict", strict, access_of(strict, environ=apt))
        assert _update(conf).returncode != 0

        change_conf(apt, 'Valid-Until "true"', 'Valid-Until "false"')
        lax = read_machine(apt)
        conf = _elsewhere(tmp_path / "lax", lax, access_of(lax, environ=apt))
        assert _update(conf).returncode == 0
    finally:
        archive.sign()


def test_source_package_by_name(
    tmp_path: Path, apt: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APT_CONFIG", apt["APT_CONFIG"])
    found = SourceArchive(choose_sources(SUITE, read_machine()), tmp_path / "keep")
    for wanted in ("hello", "hello=1.0-1"):
        directory = tmp_path / wanted
        directory.mkdir()
        assert found.fetch(wanted, directory) == directory / "hello_1.0-1.dsc"
        assert sorted(path.name for path in directory.iterdir()) == [
            "hello_1.0-1.debian.tar.xz",
            "hello_1.0-1.dsc",
            "hello_1.0.orig.tar.gz",
        ]
    (tmp_path / "none").mkdir()
    for wanted in ("nothing", "hello=9"):
        with pytest.raises(NotFoundError, match="trixie has no source package"):
            found.fetch(wanted, tmp_path / "none")


def test_a_mirror_that_cannot_be_used_is_named_without_secrets(
    tmp_path: Path, apt: dict[str, str], monkeypatch: pytest.MonkeyPatch, mirror: Mirror
) -> None:
    sources = tmp_path / "etc/sources.list.d/debian.sources"
    login = f"https://reader:wrong-{MIRROR_PASSWORD}@{mirror.host}"
    sources.write_text(sources.read_text().replace(f"https://{mirror.host}", login))
    (tmp_path / "etc/auth.conf.d/mirror.conf").unlink()
    monkeypatch.setenv("APT_CONFIG", apt["APT_CONFIG"])
    found = SourceArchive(choose_sources(SUITE, read_machine()), tmp_path / "keep")

    with pytest.raises(UpstreamError) as caught:
        found.fetch("hello", tmp_path)

    assert mirror.url in caught.value.explain()
    assert MIRROR_PASSWORD not in caught.value.explain()


def test_our_reading_of_sources_is_that_of_apt(apt: dict[str, str]) -> None:
    machine = read_machine(apt)
    done = run(Command(["apt-get", "update", "--print-uris"], env=apt))
    uris = {line.split("'")[1] for line in done.text.splitlines() if line.startswith("'")}

    assert {uri for uri in uris if uri.endswith("/InRelease")} == {
        f"{source.uri}/dists/{source.suite}/InRelease" for source in machine.sources
    }
