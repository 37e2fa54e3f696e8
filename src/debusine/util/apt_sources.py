# SPDX-License-Identifier: GPL-3.0-or-later
"""
Read APT's source lists: deb822 and one-line, without needing downloaded indexes.

``apt-get indextargets`` shows only what has been downloaded, and a fresh machine
has downloaded nothing, so the files themselves are read, by APT's own rules for
names and places.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from debian.deb822 import Deb822

from debusine.errors import UserError

_ENTRY = re.compile(r"^(deb|deb-src)\s+(?:\[([^\]]*)\]\s+)?(.+)$")
_FILE_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
_URL_WITH_LOGIN = re.compile(r"[a-z][a-z+]*://[^\s/@]+@[^\s/]+")
_LIST_OPTIONS = {"arch": "architectures", "lang": "languages", "target": "targets"}
_TRUE = frozenset({"yes", "true", "with", "on", "enable", "1"})
_FALSE = frozenset({"no", "false", "without", "off", "disable", "0"})


@dataclass(frozen=True, kw_only=True, slots=True)
class AptSource:
    """
    One suite of one archive, for either binaries or sources.

    :param type: ``deb`` or ``deb-src``
    :param uri: as configured; may hold credentials, see :meth:`without_credentials`
    :param suite: as configured; ends with ``/`` for flat archives
    :param options: other fields, names in lower case as in deb822 (``signed-by``)
    :param place: file and line, for errors
    """

    type: str
    uri: str = field(repr=False)
    suite: str
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    place: str = field(default="", compare=False)

    def option(self, name: str) -> str | None:
        """Value of a field in lower case letters, or None."""
        return dict(self.options).get(name)

    def switch(self, name: str) -> bool | None:
        """Value of a yes-or-no field, None if it is not given or not understood."""
        value = (self.option(name) or "").lower()
        if value in _TRUE:
            return True
        return False if value in _FALSE else None

    @property
    def without_credentials(self) -> AptSource:
        """The same source, fit for logs and artifacts."""
        return replace(self, uri=strip_credentials(self.uri))


def strip_credentials(uri: str) -> str:
    """
    Remove user name and password.

    >>> strip_credentials("https://user:secret@deb.example.org:8443/debian")
    'https://deb.example.org:8443/debian'
    """
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def hide_logins(text: str) -> str:
    """
    Remove user names and passwords from all URLs in a text.

    >>> hide_logins("Err http://me:secret@deb.example.org/debian sid")
    'Err http://deb.example.org/debian sid'
    """
    return _URL_WITH_LOGIN.sub(lambda match: strip_credentials(match[0]), text)


def parse_one_line(text: str, *, name: str = "sources.list") -> Iterator[AptSource]:
    """
    Read a file in the one-line style.

    :param name: of the file, for errors
    :raises UserError: if a line cannot be understood
    """
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        match = _ENTRY.match(line)
        # a cdrom name may hold blanks: cdrom:[Debian GNU/Linux 12]/ bookworm main
        uri, rest = _split_uri(match[3]) if match else ("", [])
        if not match or not uri or not rest:
            raise UserError(
                f"{name}, line {number}: this is no APT source",
                details=hide_logins(line),
                resolution="Mend or remove the line, as sources.list(5) says.",
            )
        yield AptSource(
            type=match[1],
            uri=uri,
            suite=rest[0],
            components=tuple(rest[1:]),
            options=tuple(_one_line_options(match[2] or "")),
            place=f"{name}, line {number}",
        )


def _split_uri(text: str) -> tuple[str, list[str]]:
    match = re.match(r"^((?:[^\s\[]|\[[^\]]*\])+)\s+(.*)$", text)
    return (match[1], match[2].split()) if match else ("", [])


def _one_line_options(text: str) -> Iterator[tuple[str, str]]:
    for word in shlex.split(text):
        key, _, value = word.partition("=")
        key = key.rstrip("+-").lower()
        yield _LIST_OPTIONS.get(key, key), value.replace(",", " ")


def parse_deb822(text: str, *, name: str = "debian.sources") -> Iterator[AptSource]:
    """
    Read a file in the deb822 style; stanzas with ``Enabled: no`` are passed over.

    :param name: of the file, for errors
    """
    for stanza in Deb822.iter_paragraphs(text, use_apt_pkg=False):
        values = {key.lower(): str(value) for key, value in stanza.items()}
        if values.pop("enabled", "yes").strip().lower() in _FALSE:
            continue
        types = values.pop("types", "").split()
        uris = values.pop("uris", "").split()
        suites = values.pop("suites", "").split()
        components = tuple(values.pop("components", "").split())
        options = tuple((key, value.strip("\n")) for key, value in values.items())
        for type_ in types:
            for uri in uris:
                place = f"{name}, line {_line_of(uri, text)}"
                for suite in suites:
                    yield AptSource(
                        type=type_,
                        uri=uri,
                        suite=suite,
                        components=components,
                        options=options,
                        place=place,
                    )


def _line_of(word: str, text: str) -> int:
    """Number of the first line that holds a word; the parser does not count them."""
    lines = text.splitlines()
    return next(number for number, line in enumerate(lines, start=1) if word in line.split())


def is_source_file(path: Path) -> bool:
    """Whether APT reads a file of this name in ``sources.list.d``."""
    return bool(_FILE_NAME.match(path.name)) and path.suffix in {".list", ".sources"}


def read_sources(
    source_list: Path, source_parts: Path, *, architecture: str
) -> tuple[AptSource, ...]:
    """
    Read every source of a machine, in APT's order, without those on disks (``cdrom:``).

    :param source_list: the file ``sources.list``; may be absent
    :param source_parts: the directory ``sources.list.d``; may be absent
    :param architecture: put in place of ``$(ARCH)`` in suites
    :raises UserError: if a file cannot be read or understood
    """
    parts = sorted(source_parts.iterdir()) if source_parts.is_dir() else []
    found: list[AptSource] = []
    for path in [source_list, *(part for part in parts if is_source_file(part))]:
        if not path.is_file():
            continue
        text = _read(path)
        is_deb822 = path.suffix == ".sources"
        parse = parse_deb822 if is_deb822 else parse_one_line
        found += parse(text, name=str(path))
    return tuple(
        replace(source, suite=source.suite.replace("$(ARCH)", architecture))
        for source in found
        if not source.uri.startswith("cdrom:")
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(
            f"cannot read the APT source {path}: {error.strerror}",
            resolution="Give --mirror, or run as a user who may read it.",
        ) from error
