# SPDX-License-Identifier: GPL-3.0-or-later
"""What users say of repositories cannot become anything else in a file or a command."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from debusine.tasks.models import ExtraExternalRepository
from debusine.testing.inputs import KEY

GOOD: dict[str, Any] = {
    "url": "https://deb.example.org/debian",
    "suite": "trixie",
    "components": ["main"],
}
PASSWORD = "hunter2"


def message_for(**values: Any) -> str:
    """What is said about wrong values, field by field."""
    with pytest.raises(ValidationError) as caught:
        ExtraExternalRepository.model_validate({**GOOD, **values})
    return "; ".join(f"{error['loc'][0]}: {error['msg']}" for error in caught.value.errors())


@pytest.mark.parametrize(
    "url",
    [
        "http://deb.example.org/debian",
        "https://deb.example.org:8443/debian/",
        "http://192.0.2.1/debian",
        "http://[2001:db8::1]:8080/debian",
        "https://deb.example.org/debian/20260101T000000Z/?token=a&b=%2F",
        "http://deb.example.org/$(ARCH)/~user/a+b,c;d=e/",
        "ftp://ftp.example.org/debian",
        "tor+http://deb.example.org/debian",
        "mirror+https://deb.example.org/mirrors.txt",
    ],
)
def test_urls_that_apt_reads(url: str) -> None:
    assert str(ExtraExternalRepository.model_validate({**GOOD, "url": url}).url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://deb.example.org/debian\nTrusted: yes",
        "http://deb.example.org/\r",
        "http://deb.example.org/a b",
        " http://deb.example.org/",
        "http://deb.example.org/\t",
        "http://deb.example.org/\u2028",
        "http://deb.example.org/\x7f",
        "http://deb.example.org/\x00",
    ],
)
def test_urls_with_blanks_and_line_breaks(url: str) -> None:
    assert message_for(url=url).startswith("url: Value error, must be a URL without blanks")


@pytest.mark.parametrize("character", "[]#'\\^|")
def test_urls_with_what_means_something_in_lists_and_shells(character: str) -> None:
    # the parser of URLs makes a slash of a backslash, except for schemes that it does not know
    url = f"tor+http://deb.example.org/a{character}b"
    assert message_for(url=url).startswith("url: Value error, must not hold brackets")


def test_queries_are_no_way_around() -> None:
    assert "must not hold brackets" in message_for(url="http://deb.example.org/a?[x]")


@pytest.mark.parametrize("character", '`"<>{}é')
def test_what_the_parser_of_urls_quotes(character: str) -> None:
    given = {**GOOD, "url": f"http://deb.example.org/a{character}b"}
    assert "/a%" in str(ExtraExternalRepository.model_validate(given).url)


@pytest.mark.parametrize(
    "url",
    [
        "ssh://-oProxyCommand=x/debian",
        "rsh://deb.example.org/debian",
        "copy://localhost/srv",
        "cdrom://deb.example.org/",
        "mirror+file://deb.example.org/list",
    ],
)
def test_urls_of_methods_that_do_more_than_fetch(url: str) -> None:
    assert "is none of ftp, http, https, " in message_for(url=url)


@pytest.mark.parametrize("login", [f"me:{PASSWORD}", f":{PASSWORD}", "me"])
def test_credentials_are_refused_and_not_shown(login: str) -> None:
    said = message_for(url=f"https://{login}@deb.example.org/debian")
    assert said.startswith("url: Value error, must not hold a user name or password")
    assert PASSWORD not in said


@pytest.mark.parametrize(
    ("suite", "components"),
    [
        ("trixie", ["main", "non-free-firmware"]),
        ("trixie trixie-updates", ["main"]),
        ("stable/updates", ["main"]),
        ("./", None),
        ("/", None),
        ("amd64/ all/", None),
    ],
)
def test_suites_that_apt_reads(suite: str, components: list[str] | None) -> None:
    given = {**GOOD, "suite": suite, "components": components}
    assert ExtraExternalRepository.model_validate(given).suite == suite


@pytest.mark.parametrize(
    "suite",
    [
        "",
        " ",
        " trixie",
        "trixie ",
        "trixie  sid",
        "trixie\tsid",
        "trixie\nTrusted: yes",
        "trixie\n",
        "[trixie",
        "trixie]",
        "trixie;x",
        "$(reboot)",
        "a%20b",
        "trixie'",
        "dé",
    ],
)
def test_suites_that_are_refused(suite: str) -> None:
    assert "suite: Value error, " in message_for(suite=suite)
    assert "may hold only" in message_for(suite=suite)


def test_flat_and_other_suites_do_not_mix() -> None:
    assert "either all suites end with '/' or none does" in message_for(suite="trixie ./")


@pytest.mark.parametrize("field", ["components", "architectures"])
@pytest.mark.parametrize("word", ["", "a b", "a\n", "\na", "[a]", "a/b", "a.b", "a%", "a,b", "é"])
def test_words_that_are_refused(field: str, word: str) -> None:
    said = message_for(**{field: ["main", word]})
    assert said.startswith(f"{field}: Value error, ")
    assert "may hold only letters, digits, '_' and '-'" in said


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (KEY, KEY),
        (f"\n{KEY}\n\n", KEY),
        (KEY.replace("\n", "\r\n"), KEY),
        (KEY.replace("\n\n", "\n   \n"), KEY),
        (f"{KEY}\n\n{KEY}", f"{KEY}\n\n{KEY}"),
        (
            KEY.replace("\n\n", "\nVersion: 1 (x)\nComment: me\n\n"),
            KEY.replace("\n\n", "\nVersion: 1 (x)\nComment: me\n\n"),
        ),
    ],
)
def test_keys_that_apt_reads(given: str, kept: str) -> None:
    found = ExtraExternalRepository.model_validate({**GOOD, "signing_key": given})
    assert found.signing_key == kept


@pytest.mark.parametrize(
    "key",
    [
        "",
        "KEY",
        "/etc/apt/trusted.gpg.d/other.asc",
        "0123456789ABCDEF0123456789ABCDEF01234567",
        KEY.replace("PUBLIC", "PRIVATE"),
        f"Trusted: yes\n{KEY}",
        f"{KEY}\nTrusted: yes",
        KEY.replace("abc", "abc\nTrusted yes"),
        KEY.replace("abc", "abc\n."),
        KEY.replace("abc", "a\x0bTrusted: yes"),
        KEY.replace("abc", "a\rTrusted"),
        KEY.replace("abc", "a\u2028Trusted"),
        KEY.replace("abc", "Comment: \x00"),
        KEY.replace("abc", "$(reboot)"),
        KEY.rpartition("\n")[0],
        f"{KEY}\n{KEY.rpartition(chr(10))[0]}",
        KEY.replace("abc", KEY),
    ],
)
def test_keys_that_are_refused(key: str) -> None:
    said = message_for(signing_key=key)
    assert said.startswith("signing_key: Value error, must be")
    assert "armoured public key" in said


def test_a_private_key_given_by_mistake_is_not_shown() -> None:
    said = message_for(signing_key=KEY.replace("PUBLIC", "PRIVATE").replace("abc", PASSWORD))
    assert PASSWORD not in said


def test_assignment_is_checked_like_creation() -> None:
    repository = ExtraExternalRepository.model_validate(GOOD)
    with pytest.raises(ValidationError):
        repository.suite = "a\nb"
