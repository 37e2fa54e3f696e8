# SPDX-License-Identifier: GPL-3.0-or-later
"""What `debusine build` says about sources that are none: status 2, words, nothing made."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from debusine.cli.building.signature import Trust, check_signature
from debusine.cli.main import run
from debusine.client.local_server import DataDir, refuse_second_server
from debusine.errors import UserError
from debusine.standalone.main import make_data_dir
from debusine.testing.packages import write_dsc
from debusine.util.command import Command
from debusine.util.command import run as run_program


@dataclass(frozen=True, kw_only=True)
class Refused:
    """What a person sees."""

    errors: str
    output: str


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


@pytest.fixture
def refuse(place: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Refused]:
    """Call ``debusine build``, which must refuse before it touches anything."""

    def refuse(*arguments: str) -> Refused:
        before = sorted(path.name for path in place.iterdir())
        assert run(["build", *arguments, "--data-dir", "data"]) == 2
        seen = capsys.readouterr()
        assert "Traceback" not in seen.err + seen.out
        assert sorted(path.name for path in place.iterdir()) == before
        return Refused(errors=seen.err, output=seen.out)

    return refuse


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def first_listed(dsc: Path) -> Path:
    """One of the files that a .dsc names."""
    return next(path for path in sorted(dsc.parent.iterdir()) if ".tar." in path.name)


def test_a_wrong_checksum(place: Path, refuse: Callable[..., Refused]) -> None:
    dsc = write_dsc(place)
    damage(first_listed(dsc))
    seen = refuse(dsc.name)
    assert f"{dsc.name} does not fit its files: {first_listed(dsc).name}: expected" in seen.errors
    assert "Fetch or make the source package again." in seen.errors


def test_a_wrong_checksum_as_a_document(place: Path, refuse: Callable[..., Refused]) -> None:
    dsc = write_dsc(place)
    damage(first_listed(dsc))
    assert '"result": "failure"' in refuse(dsc.name, "--json").output


def test_a_missing_file(place: Path, refuse: Callable[..., Refused]) -> None:
    dsc = write_dsc(place)
    missing = first_listed(dsc)
    missing.unlink()
    assert f"{missing.name} is missing" in refuse(dsc.name).errors
    # nor is a link into the system a file of the package
    missing.symlink_to("/etc/passwd")
    assert f"{missing.name} is missing" in refuse(dsc.name).errors


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "..", "a/b", "a\u001b[31m"])
def test_a_path_that_climbs_out(place: Path, refuse: Callable[..., Refused], path: str) -> None:
    dsc = write_dsc(place)
    dsc.write_text(dsc.read_text().replace(first_listed(dsc).name, path))
    seen = refuse(dsc.name)
    assert "not a file name" in seen.errors
    assert "\u001b" not in seen.errors


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has no content"),
        (b"hello\n", "is missing"),
        (os.urandom(2000) + b"\xff", "is not UTF-8 text"),
        (b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nFormat: 1.0\n", "is missing"),
        (b"Format: 1.0\nFormat: 1.0\n", "given twice"),
    ],
)
def test_a_file_that_is_no_dsc(
    place: Path, refuse: Callable[..., Refused], content: bytes, words: str
) -> None:
    (place / "what.dsc").write_bytes(content)
    seen = refuse("what.dsc")
    assert "what.dsc" in seen.errors
    assert words in seen.errors


def test_things_that_are_no_source(place: Path, refuse: Callable[..., Refused]) -> None:
    (place / "empty.dsc").mkdir()
    os.mkfifo(place / "pipe.dsc")
    assert "has no debian directory" in refuse("empty.dsc").errors
    assert "neither a .dsc file" in refuse("pipe.dsc").errors
    assert "neither a .dsc file" in refuse("/etc/passwd").errors
    assert "no such file" in refuse("absent.dsc").errors
    assert "no such file" in refuse("../../absent").errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--suite", "no/such"], "not the name of a suite"),
        (["--suite", "../x"], "not the name of a suite"),
        (["--nonsense"], "No such option"),
        (["--shell-on-failure"], "--shell-on-failure needs a terminal"),
        (["--arch", "frob"], "dpkg knows no architecture frob"),
        (["--arch", "any"], "dpkg knows no architecture any"),
        (["--server", "nowhere"], "--server and --data-dir name two servers"),
        (["--output", "/proc/x/y"], "cannot make the directory /proc/x/y"),
    ],
)
def test_options_that_make_no_sense(
    place: Path, refuse: Callable[..., Refused], arguments: list[str], words: str
) -> None:
    dsc = write_dsc(place)
    seen = refuse(
        dsc.name, *(["--suite", "trixie"] if "--suite" not in arguments else []), *arguments
    )
    assert words in seen.errors


def test_a_data_directory_that_cannot_be(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dsc = write_dsc(place)
    impossible = place / dsc.name / "data"
    assert run(["build", dsc.name, "--suite", "trixie", "--data-dir", str(impossible)]) == 2
    assert "cannot use the data directory" in capsys.readouterr().err
    refuse_second_server(DataDir(impossible))
    with pytest.raises(UserError, match="cannot make the data directory"):
        make_data_dir(DataDir(impossible))


def test_a_machine_that_cannot_build_says_so_first(
    place: Path, refuse: Callable[..., Refused], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(place))
    seen = refuse("hello")
    assert "this machine cannot build: program not found: unshare" in seen.errors
    assert "debusine doctor" in seen.errors


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A home of GnuPG with a key, and the keyring to check with."""
    # GnuPG's sockets need a short path
    home = tmp_path_factory.mktemp("g")
    home.chmod(0o700)
    gpg(home, "--passphrase", "", "--quick-generate-key", "Test <t@example.org>", "ed25519", "sign")
    keyring = home / "keyring.gpg"
    gpg(home, "--output", str(keyring), "--export")
    yield home, keyring
    run_program(Command(["gpgconf", "--homedir", str(home), "--kill", "all"]))


def gpg(home: Path, *arguments: str) -> None:
    argv = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--homedir", str(home)]
    run_program(Command([*argv, *arguments]))


def test_signatures_are_judged(place: Path, keys: tuple[Path, Path]) -> None:
    home, keyring = keys
    dsc = write_dsc(place)
    assert check_signature(dsc, keyrings=[keyring]).trust is Trust.MISSING
    signed = place / "signed.dsc"
    gpg(home, "--output", str(signed), "--clear-sign", str(dsc))
    assert check_signature(signed, keyrings=[keyring]).trust is Trust.GOOD
    assert check_signature(signed, keyrings=[]).trust is Trust.UNKNOWN_KEY
    signed.write_text(signed.read_text().replace("Binary:", "Binary: evil,"))
    judged = check_signature(signed, keyrings=[keyring])
    assert judged.trust is Trust.BAD
    assert "BAD signature" in str(judged.warning("signed.dsc"))


def test_a_signature_of_a_stranger_is_a_warning(
    place: Path, keys: tuple[Path, Path], refuse: Callable[..., Refused]
) -> None:
    dsc = write_dsc(place)
    signed = place / "signed.dsc"
    gpg(keys[0], "--output", str(signed), "--clear-sign", str(dsc))
    # it is refused for the suite only, which is looked at afterwards
    seen = refuse("signed.dsc", "--suite", "no/such")
    assert "Warning: signed.dsc is signed with a key this machine does not know" in seen.output
    assert "not the name of a suite" in seen.errors
