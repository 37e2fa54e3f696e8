# SPDX-License-Identifier: GPL-3.0-or-later
"""What SOURCE can be, which suite that means, and where its mirror is."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from debusine.cli.building.changelog import find_changelog, read_changelog
from debusine.cli.building.repositories import (
    MirrorOptions,
    bootstrap_repositories,
    choose_sources,
    is_override,
)
from debusine.cli.building.signature import Trust, judge
from debusine.cli.building.source import SourceKind, classify, load_source
from debusine.cli.building.suite import machine_suite, pocket_for
from debusine.errors import UserError
from debusine.testing.packages import write_dsc
from debusine.util.apt_config import AptConfig, AptMachine
from debusine.util.apt_sources import parse_one_line

MACHINE = """
deb http://dl.example.com/docker bookworm stable main
deb http://deb.example.org/debian bookworm main
deb http://deb.example.org/debian bookworm contrib
deb-src http://deb.example.org/debian bookworm main
deb http://deb.example.org/debian bookworm-updates main
deb http://deb.example.org/debian-security bookworm-security main
deb http://deb.example.org/debian bookworm-backports main
"""


def _machine(text: str = MACHINE) -> AptMachine:
    return AptMachine(config=AptConfig(values=()), sources=tuple(parse_one_line(text)))


def _tar(path: Path, name: str, text: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text.encode()))
    return buffer.getvalue()


ENTRY = "hello (1.0-1) trixie; urgency=medium\n\n  * Text.\n"


def test_what_exists_comes_before_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert classify("hello") is SourceKind.NAME
    (tmp_path / "hello/debian").mkdir(parents=True)
    assert classify("hello") is SourceKind.TREE
    (tmp_path / "a.dsc").touch()
    assert classify("a.dsc") is SourceKind.DSC
    assert classify("ftp://a.example.org/a.dsc") is SourceKind.URL


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("none.dsc", "no such file"),
        ("./hello", "no such file"),
        ("Hello", "no such file"),
        ("", "SOURCE is empty"),
        ("empty", "has no debian directory"),
        ("text.txt", "neither a .dsc file nor"),
    ],
)
def test_what_is_no_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").touch()
    with pytest.raises(UserError, match=message):
        classify(text)


def test_distribution_of_a_tarball(tmp_path: Path) -> None:
    for count, name in enumerate(
        ("debian/changelog", "./debian/changelog", "x-1/debian/changelog")
    ):
        directory = tmp_path / str(count)
        directory.mkdir()
        files = {"hello_1.0-1.debian.tar.xz": _tar(tmp_path, name, ENTRY)}
        source = load_source(write_dsc(directory, files=files))
        assert (source.name, source.version, source.distribution) == ("hello", "1.0-1", "trixie")


def test_distribution_of_a_diff(tmp_path: Path) -> None:
    diff = "--- a/x\n+++ b/x\n+nothing\n--- h.orig/debian/changelog\n+++ h/debian/changelog\n"
    diff += "@@ -0,0 +1,3 @@\n" + "".join(f"+{line}\n" for line in ENTRY.splitlines())
    path = tmp_path / "hello_1.0-1.diff.gz"
    path.write_bytes(gzip.compress(diff.encode()))
    found = find_changelog([path])
    assert found is not None
    assert found.distribution == "trixie"


def test_damaged_and_nested_files_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.debian.tar.xz").write_bytes(b"no archive")
    (tmp_path / "b.diff.gz").write_bytes(b"no diff")
    deep = tmp_path / "c.orig.tar.xz"
    deep.write_bytes(_tar(tmp_path, "x/y/debian/changelog", ENTRY))
    assert find_changelog(tmp_path.iterdir()) is None


def test_a_changelog_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "changelog"
    path.write_text("this is no changelog\n")
    with pytest.raises(UserError, match="does not begin with an entry"):
        read_changelog(path)


@pytest.mark.parametrize(
    ("distribution", "suite"),
    [
        ("UNRELEASED", "sid"),
        ("unstable", "sid"),
        ("experimental", "sid"),
        ("trixie", "trixie"),
        ("bookworm-backports", "bookworm"),
        ("trixie-security", "trixie"),
        ("trixie-proposed-updates", "trixie"),
    ],
)
def test_suite_of_a_distribution(distribution: str, suite: str) -> None:
    assert pocket_for(distribution).base == suite


@pytest.mark.parametrize("name", ["../x", "a b", "", "-x"])
def test_what_cannot_be_a_suite(name: str) -> None:
    with pytest.raises(UserError, match="not the name of a suite"):
        pocket_for(name)


def test_suite_of_the_machine(tmp_path: Path) -> None:
    path = tmp_path / "os-release"
    path.write_text('PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_CODENAME=trixie\n')
    assert machine_suite(path) == "trixie"
    path.write_text('PRETTY_NAME="Debian GNU/Linux sid"\n')
    assert machine_suite(path) == "sid"
    path.write_text("")
    with pytest.raises(UserError, match="does not say"):
        machine_suite(path)


def test_a_suite_of_the_machine_is_taken_as_configured() -> None:
    found = choose_sources("bookworm", _machine())
    assert [(s.uri.rpartition("/")[2], s.suite, s.components) for s in found] == [
        ("debian", "bookworm", ("main", "contrib")),
        ("debian", "bookworm-updates", ("main",)),
        ("debian-security", "bookworm-security", ("main",)),
    ]


def test_another_suite_comes_from_the_same_mirror() -> None:
    (found,) = choose_sources("sid", _machine())
    assert (found.uri, found.suite) == ("http://deb.example.org/debian", "sid")


def test_options_stand_above_the_machine(tmp_path: Path) -> None:
    keyring = tmp_path / "key.gpg"
    keyring.write_bytes(b"key")
    options = MirrorOptions(
        mirrors=["sid=https://m.example.org/debian"],
        keyrings=[str(keyring)],
        components=["sid=main,contrib", "main"],
        allow_expired=True,
    )

    (sid,) = bootstrap_repositories(choose_sources("sid", _machine(), options))

    assert sid == {
        "mirror": "https://m.example.org/debian",
        "suite": "sid",
        "components": ["main", "contrib"],
        "check_valid_until": False,
        "check_signature_with": "external",
        "keyring": {"url": "data:application/pgp-keys;base64,a2V5", "install": True},
    }
    trixie = choose_sources("trixie", _machine(), options)
    assert (trixie[0].uri, trixie[0].components) == ("http://deb.example.org/debian", ("main",))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (MirrorOptions(), False),
        (MirrorOptions(mirrors=["https://m.example.org/debian"]), True),
        (MirrorOptions(mirrors=["trixie=https://m.example.org/debian"]), False),
        (MirrorOptions(keyrings=["/srv/key.gpg"]), True),
        (MirrorOptions(components=["main"]), True),
        (MirrorOptions(components=["sid=main"]), False),
        (MirrorOptions(allow_expired=True), True),
        (MirrorOptions(allow_unsigned=True), True),
    ],
)
def test_only_what_makes_a_difference_is_an_override(
    options: MirrorOptions, *, expected: bool
) -> None:
    assert is_override("bookworm", _machine(), options) is expected
    assert is_override("bookworm", _machine(""), MirrorOptions(mirrors=["http://m.example.org/"]))


def test_unsigned_only_when_asked_for() -> None:
    (plain,) = bootstrap_repositories(choose_sources("sid", _machine()), keyrings=[])
    assert plain["check_signature_with"] == "system"
    asked = choose_sources("sid", _machine(), MirrorOptions(allow_unsigned=True))
    assert bootstrap_repositories(asked)[0]["check_signature_with"] == "no-check"


def test_keys_in_the_source_travel_along() -> None:
    machine = _machine("")
    text = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n AAAA\n -----END PGP PUBLIC KEY BLOCK-----"
    (source,) = parse_one_line("deb http://deb.example.org/debian sid main")
    source = type(source)(
        type="deb",
        uri=source.uri,
        suite="sid",
        components=("main",),
        options=(("signed-by", text),),
    )
    (repository,) = bootstrap_repositories([source])
    assert machine.sources == ()
    assert repository["keyring"]["url"].startswith("data:application/pgp-keys;base64,")
    assert repository["keyring"]["install"] is True


@pytest.mark.parametrize(
    ("mirror", "message"),
    [
        ("https://me:pw@m.example.org/", "must not hold a user name or password"),
        ("deb.example.org/debian", "needs an http or https URL"),
        ("file:///srv/debian", "needs an http or https URL"),
    ],
)
def test_mirrors_that_are_refused(mirror: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        choose_sources("sid", _machine(), MirrorOptions(mirrors=[mirror]))
    assert "pw" not in caught.value.explain()


def test_a_machine_without_a_mirror() -> None:
    machine = _machine("deb http://dl.example.com/docker bookworm stable\n")
    with pytest.raises(UserError, match="found no Debian mirror"):
        choose_sources("bookworm", machine)


@pytest.mark.parametrize(
    ("status", "returncode", "trust"),
    [
        ("[GNUPG:] GOODSIG AA Me\n[GNUPG:] VALIDSIG BB\n", 0, Trust.GOOD),
        ("[GNUPG:] GOODSIG AA Me\n[GNUPG:] VALIDSIG BB\n", 2, Trust.UNKNOWN_KEY),
        ("[GNUPG:] BADSIG AA Me\n", 1, Trust.BAD),
        ("[GNUPG:] ERRSIG AA 1 8\n[GNUPG:] NO_PUBKEY AA\n", 2, Trust.UNKNOWN_KEY),
        ("", 2, Trust.UNKNOWN_KEY),
    ],
)
def test_judgements_on_signatures(status: str, returncode: int, trust: Trust) -> None:
    found = judge(status, returncode=returncode)
    assert found.trust is trust
    assert (found.warning("x.dsc") is None) is (trust is Trust.GOOD)
