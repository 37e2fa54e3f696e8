# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import stat
from pathlib import Path

import pytest

from debusine.errors import UserError
from debusine.util.apt_access import AptAccess, access_of, parse_netrc
from debusine.util.apt_config import AptConfig, AptMachine, parse_dump
from debusine.util.apt_hooks import (
    CHROOT_CONF,
    CHROOT_DIRECTORY,
    for_one_install,
    mmdebstrap_arguments,
    sbuild_arguments,
)
from debusine.util.apt_sources import AptSource


def _machine(dump: str, *uris: str, netrc: str = "") -> AptMachine:
    sources = tuple(
        AptSource(type="deb", uri=uri, suite="sid", components=("main",)) for uri in uris
    )
    return AptMachine(config=parse_dump(dump), sources=sources, netrc=netrc)


def test_only_what_concerns_reaching_mirrors_is_taken() -> None:
    machine = _machine(
        'Acquire::http::Proxy "http://p.example.org:3128";\n'
        'Acquire::http::Proxy::a.example.org "DIRECT";\n'
        'Acquire::Check-Valid-Until "false";\n'
        'Acquire::AllowInsecureRepositories "0";\n'
        'Acquire::AllowWeakRepositories "1";\n'
        'Acquire::Max-ValidTime::Debian "99";\n'
        'Acquire::https::Verify-Peer "";\n'
        'Dir::Etc "etc/apt";\nAPT::Install-Recommends "0";\nAcquire::Languages:: "none";\n'
        'DPkg::Pre-Invoke:: "rm -rf /";\n'
    )

    assert access_of(machine, environ={}).settings == (
        ("Acquire::http::Proxy", "http://p.example.org:3128"),
        ("Acquire::http::Proxy::a.example.org", "DIRECT"),
        ("Acquire::Check-Valid-Until", "false"),
        ("Acquire::AllowWeakRepositories", "1"),
        ("Acquire::Max-ValidTime::Debian", "99"),
    )


def test_environment_counts_where_apt_is_not_configured() -> None:
    environ = {
        "http_proxy": "http://env.example.org:1",
        "https_proxy": "http://env.example.org:2",
        "HTTP_PROXY": "http://never.example.org",
        "no_proxy": ".local.example.org, plain.example.org",
    }
    machine = _machine(
        'Acquire::https::Proxy "http://conf.example.org:3";',
        "http://a.local.example.org/",
        "http://far.example.org/",
    )

    found = dict(access_of(machine, environ=environ).settings)

    assert found == {
        "Acquire::https::Proxy": "http://conf.example.org:3",
        "Acquire::http::Proxy": "http://env.example.org:1",
        "Acquire::http::Proxy::a.local.example.org": "DIRECT",
        "Acquire::https::Proxy::a.local.example.org": "DIRECT",
        "Acquire::http::Proxy::plain.example.org": "DIRECT",
        "Acquire::https::Proxy::plain.example.org": "DIRECT",
        "Debusine::No-Proxy": ".local.example.org plain.example.org",
    }


def test_credentials_of_urls_become_entries(tmp_path: Path) -> None:
    machine = _machine(
        "",
        "http://me:p%40ss@a.example.org:81/debian",
        netrc="machine b.example.org login you password other",
    )

    access = access_of(machine, ["https://c.example.org/"], environ={})
    conf = access.write(tmp_path / "x")

    logins = {(login.machine, login.user, login.password) for login in parse_netrc(access.netrc)}
    assert logins == {
        ("b.example.org", "you", "other"),
        ("http://a.example.org:81/debian", "me", "p@ss"),
    }
    assert f'Dir::Etc::netrc "{tmp_path}/x/auth.conf";' in conf.read_text()
    assert access.secrets() == {"p@ss", "other"}
    assert "p@ss" not in repr(access)


def test_what_is_written_can_be_read_and_widened(tmp_path: Path) -> None:
    for name in ("ca", "key"):
        (tmp_path / name).write_text(name)
    machine = _machine(
        f'Acquire::https::CaInfo "{tmp_path}/ca";\n'
        f'Acquire::https::a.example.org::SslKey "{tmp_path}/key";\n'
        'Acquire::http::Proxy "http://u:pw@p.example.org:3128";\n',
        "https://me:p@a.example.org/",
        netrc="machine b.example.org\nlogin you\npassword other",
    )
    access = access_of(machine, environ={"no_proxy": ".local.example.org"})

    access.write(tmp_path / "lent", alone=True)
    lent = AptAccess.read(tmp_path / "lent")

    assert lent == access
    wider = lent.with_mirrors(["http://x:y@c.local.example.org/debian"])
    assert set(wider.settings) - set(lent.settings) == {
        ("Acquire::http::Proxy::c.local.example.org", "DIRECT"),
        ("Acquire::https::Proxy::c.local.example.org", "DIRECT"),
    }
    new = "machine http://c.local.example.org/debian login x password y"
    assert wider.netrc == f"{lent.netrc}\n{new}"
    assert wider.files == lent.files


def test_alone_nothing_of_the_machine_counts(tmp_path: Path) -> None:
    conf = AptAccess().write(tmp_path / "lent", alone=True)

    assert AptAccess.read(conf.parent) == AptAccess()
    assert 'Dir::Etc::parts "/dev/null";' in conf.read_text().splitlines()


def test_passwords_that_no_file_can_hold() -> None:
    with pytest.raises(UserError, match=r"a\.example\.org"):
        access_of(_machine("", "http://me:a%20b@a.example.org/"), environ={})


def test_a_certificate_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.pem"):
        access_of(_machine(f'Acquire::https::CaInfo "{tmp_path}/none.pem";'), environ={})


def test_certificates_travel_along(tmp_path: Path) -> None:
    for name in ("ca", "key"):
        (tmp_path / name).write_text(name)
    machine = _machine(
        f'Acquire::https::CaInfo "{tmp_path}/ca";\n'
        f'Acquire::https::a.example.org::CaInfo "{tmp_path}/ca";\n'
        f'Acquire::https::a.example.org::SslKey "{tmp_path}/key";\n'
    )

    conf = access_of(machine, environ={}).write(tmp_path / "x", seen_at="/there")

    assert conf.read_text() == (
        'Acquire::https::CaInfo "/there/file-0.pem";\n'
        'Acquire::https::a.example.org::CaInfo "/there/file-0.pem";\n'
        'Acquire::https::a.example.org::SslKey "/there/file-1.pem";\n'
    )
    assert (tmp_path / "x/file-1.pem").read_text() == "key"
    assert {stat.S_IMODE(path.stat().st_mode) for path in conf.parent.iterdir()} == {0o600}


def test_writing_again_replaces(tmp_path: Path) -> None:
    for value in ("1", "2"):
        conf = AptAccess(settings=(("Acquire::Retries", value),)).write(tmp_path)
    assert conf.read_text() == 'Acquire::Retries "2";\n'


@pytest.mark.parametrize("value", ['http://p"; APT::Update::Pre-Invoke "x', "a\nb"])
def test_a_value_cannot_become_another_setting(tmp_path: Path, value: str) -> None:
    with pytest.raises(UserError, match="Acquire::http::Proxy"):
        AptAccess(settings=(("Acquire::http::Proxy", value),)).write(tmp_path)


def test_nothing_needed_lends_nothing(tmp_path: Path) -> None:
    assert sbuild_arguments(AptAccess(), tmp_path / "x") == ()
    assert mmdebstrap_arguments(AptAccess(), tmp_path / "x").before == ()
    assert not (tmp_path / "x").exists()


def test_arguments_show_no_secret_and_take_back_what_they_lend(tmp_path: Path) -> None:
    access = AptAccess(
        settings=(("Acquire::http::Proxy", "http://u:pw-9@p.example.org"),),
        netrc="machine x login y password pw-9",
    )

    bootstrap = mmdebstrap_arguments(access, tmp_path / "a")
    build = sbuild_arguments(access, tmp_path / "b")

    shown = " ".join((*bootstrap.before, *bootstrap.after, *build))
    assert "pw-9" not in shown
    assert build[-1] == f"--starting-build-commands=rm -rf {CHROOT_DIRECTORY} {CHROOT_CONF}"
    assert bootstrap.after == (
        f'--customize-hook=cd / && rm -rf "$1"{CHROOT_DIRECTORY} "$1"{CHROOT_CONF}',
    )


def test_custom_scripts_get_what_is_no_secret(tmp_path: Path) -> None:
    access = AptAccess(
        settings=(
            ("Acquire::http::Proxy", "http://p.example.org"),
            ("Acquire::https::Proxy", "http://u:pw-9@p.example.org"),
        ),
        file_settings=(
            ("Acquire::https::CaInfo", "file-0.pem"),
            ("Acquire::https::SslCert", "file-1.pem"),
            ("Acquire::https::SslKey", "file-2.pem"),
        ),
        files=(("file-0.pem", b"ca"), ("file-1.pem", b"cert"), ("file-2.pem", b"key")),
        netrc="machine x login y password pw-9",
    )

    bootstrap = mmdebstrap_arguments(access, tmp_path / "a")

    public = tmp_path / "a/public"
    assert sorted(path.name for path in public.iterdir()) == ["apt.conf", "file-0.pem"]
    assert (public / "apt.conf").read_text() == (
        'Acquire::http::Proxy "http://p.example.org";\n'
        f'Acquire::https::CaInfo "{CHROOT_DIRECTORY}/file-0.pem";\n'
    )
    # the secrets go before anything else happens in the finished system
    first = next(each for each in bootstrap.before if each.startswith("--customize-hook="))
    assert (first,) == bootstrap.after


def test_scripts_of_packages_come_after_what_was_lent(tmp_path: Path) -> None:
    access = AptAccess(netrc="machine x login y password pw-9")
    sbuild_arguments(access, tmp_path / "b")

    take_back = f"rm -rf {CHROOT_DIRECTORY} {CHROOT_CONF}"
    assert (
        'DPkg::Pre-Install-Pkgs:: "if grep sbuild-build-depends-.*-dummy > /dev/null;'
        f' then {take_back}; fi";'
    ) in (tmp_path / "b/apt.conf").read_text().splitlines()
    assert for_one_install(access).settings == (("DPkg::Pre-Invoke::", take_back),)


def test_places_follow_the_directories_above_them() -> None:
    config = AptConfig(values=(("Dir", "/"), ("Dir::Etc", "etc/apt"), ("Dir::Etc::netrc", "n")))
    assert config.path("Dir", "dir::etc", "Dir::Etc::netrc") == Path("/etc/apt/n")
    moved = AptConfig(values=(("Dir", "/"), ("Dir::Etc", "etc/apt"), ("Dir::Etc::netrc", "/n")))
    assert moved.path("Dir", "Dir::Etc", "Dir::Etc::netrc") == Path("/n")
