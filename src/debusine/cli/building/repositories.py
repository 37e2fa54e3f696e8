# SPDX-License-Identifier: GPL-3.0-or-later
"""Which archives an environment is made from: those of this machine, unless told otherwise."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from debusine.errors import UserError
from debusine.util.apt_config import AptMachine
from debusine.util.apt_sources import AptSource
from debusine.wire.base import JsonObject

DEBIAN_KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
_SHARED_KEYRINGS = (Path("/usr/share/keyrings"), Path("/usr/local/share/keyrings"))
_DEFAULT_COMPONENTS = ("main",)
_SATELLITES = ("-updates", "-security", "/updates")


@dataclass(frozen=True, kw_only=True, slots=True)
class MirrorOptions:
    """
    What a user asks for in place of the machine's configuration.

    The three lists hold ``VALUE`` for every suite or ``SUITE=VALUE`` for one.

    :param allow_expired: use Release files that are past their time
    :param allow_unsigned: use archives without a signature
    """

    mirrors: Sequence[str] = field(default=(), repr=False)
    keyrings: Sequence[str] = ()
    components: Sequence[str] = ()
    allow_expired: bool = False
    allow_unsigned: bool = False


def for_suite(values: Iterable[str], *names: str) -> str | None:
    """
    Pick the value for a suite.

    :param names: of the suite

    >>> for_suite(["http://a.example.org/?x=1", "sid=http://b.example.org/"], "sid")
    'http://b.example.org/'
    """
    general = None
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals or not re.fullmatch(r"[a-z][a-z0-9+.-]*", name):
            general = value
        elif name in names:
            return rest
    return general


def choose_sources(
    suite: str, machine: AptMachine, options: MirrorOptions = MirrorOptions(), *, alias: str = ""
) -> tuple[AptSource, ...]:
    """
    Choose the archives for a suite.

    A suite that the machine uses is taken as configured, with its updates and
    security archives; any other from the machine's own mirror.

    :param alias: what the machine or the options may call the suite as well, such as ``stable``
    :returns: at least one, the suite itself first; of type ``deb``
    :raises UserError: if the machine has no mirror, or an option cannot be used
    """
    mirror = for_suite(options.mirrors, suite, alias)
    components = for_suite(options.components, suite, alias)
    if mirror is not None:
        chosen = [_given(mirror, suite)]
    else:
        sources = [_renamed(source, alias, suite) for source in machine.sources]
        candidates = [source for source in sources if _is_debian(source)]
        chosen = _configured(suite, candidates) or [_elsewhere(suite, candidates, machine)]
        chosen = [_with_all_components(source, sources) for source in chosen]
    if components:
        words = tuple(components.replace(",", " ").split())
        chosen = [replace(source, components=words) for source in chosen]
    keyring = for_suite(options.keyrings, suite, alias)
    if keyring is not None:
        chosen = [_with(source, "signed-by", str(Path(keyring).absolute())) for source in chosen]
    if options.allow_expired:
        chosen = [_with(source, "check-valid-until", "no") for source in chosen]
    if options.allow_unsigned:
        chosen = [_with(source, "trusted", "yes") for source in chosen]
    return tuple(chosen)


def is_override(
    suite: str, machine: AptMachine, options: MirrorOptions, *, alias: str = ""
) -> bool:
    """Whether options make a difference for a suite."""
    try:
        usual = choose_sources(suite, machine, alias=alias)
    except UserError:
        return True
    return choose_sources(suite, machine, options, alias=alias) != usual


def _renamed(source: AptSource, alias: str, suite: str) -> AptSource:
    """Call a suite, and what belongs to it, by its codename: that stays as it is."""
    names = {f"{alias}{end}": f"{suite}{end}" for end in ("", *_SATELLITES)} if alias else {}
    return replace(source, suite=names.get(source.suite, source.suite))


def _with(source: AptSource, name: str, value: str) -> AptSource:
    others = tuple((key, old) for key, old in source.options if key != name)
    return replace(source, options=(*others, (name, value)))


def _given(mirror: str, suite: str) -> AptSource:
    parts = urlsplit(mirror)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UserError(
            "--mirror needs an http or https URL",
            resolution="For example --mirror https://deb.example.org/debian",
        )
    if parts.username or parts.password:
        raise UserError(
            "--mirror must not hold a user name or password: they would be stored and shown",
            resolution="Put them into /etc/apt/auth.conf.d/, as apt_auth.conf(5) says.",
        )
    return AptSource(type="deb", uri=mirror, suite=suite, components=_DEFAULT_COMPONENTS)


def _is_debian(source: AptSource) -> bool:
    """Whether a source can hold a base system: neither flat nor some vendor's add-on."""
    if source.suite.endswith("/") or "main" not in source.components:
        return False
    scheme = urlsplit(source.uri).scheme
    if scheme not in {"http", "https", "ftp"}:
        return False
    path = urlsplit(source.uri).path.rstrip("/")
    keyring = source.option("signed-by") or ""
    return path.endswith(("/debian", "/debian-security")) or "debian-archive" in keyring


def _configured(suite: str, candidates: Iterable[AptSource]) -> list[AptSource]:
    wanted = [suite, *(suite + end for end in _SATELLITES)]
    found: dict[str, AptSource] = {}
    for source in candidates:
        if source.type == "deb" and source.suite in wanted:
            found.setdefault(source.suite, source)
    if suite not in found:
        return []
    return [found[name] for name in wanted if name in found]


def _with_all_components(chosen: AptSource, sources: Iterable[AptSource]) -> AptSource:
    """Gather what is spread over several entries for one suite of one archive."""
    place = (chosen.type, chosen.uri.rstrip("/"), chosen.suite)
    same = [s for s in sources if (s.type, s.uri.rstrip("/"), s.suite) == place]
    words = (*chosen.components, *(word for source in same for word in source.components))
    return replace(chosen, components=tuple(dict.fromkeys(words)))


def _elsewhere(suite: str, candidates: Sequence[AptSource], machine: AptMachine) -> AptSource:
    """The same mirror, another suite."""
    whole = [s for s in candidates if "-" not in s.suite and "/" not in s.suite]
    main = [s for s in whole or candidates if "security" not in urlsplit(s.uri).path]
    if not main:
        raise UserError(
            "found no Debian mirror in this machine's APT sources",
            details="\n".join(machine.troubles) or None,
            resolution="Give one, for example --mirror https://deb.example.org/debian",
        )
    source = replace(main[0], type="deb", suite=suite)
    if "debian-archive" in (source.option("signed-by") or ""):
        # a keyring of one release knows nothing of the others
        options = tuple((key, value) for key, value in source.options if key != "signed-by")
        source = replace(source, options=options)
    return source


def bootstrap_repositories(
    sources: Iterable[AptSource], *, keyrings: Sequence[Path] = DEBIAN_KEYRINGS
) -> list[JsonObject]:
    """
    Say the same in the words of the ``mmdebstrap`` task, without credentials.

    :param keyrings: for sources that name none; the first that exists
    :raises UserError: if a keyring cannot be read
    """
    return [_repository(source.without_credentials, keyrings) for source in sources]


def _repository(source: AptSource, keyrings: Sequence[Path]) -> JsonObject:
    repository: JsonObject = {
        "mirror": source.uri,
        "suite": source.suite,
        "components": list(source.components),
    }
    if source.switch("check-valid-until") is False:
        repository["check_valid_until"] = False
    if source.switch("trusted"):
        return repository | {"check_signature_with": "no-check"}
    keyring = _keyring(source.option("signed-by") or "", keyrings)
    if keyring is None:
        return repository | {"check_signature_with": "system"}
    return repository | {"check_signature_with": "external", "keyring": keyring}


def _keyring(signed_by: str, keyrings: Sequence[Path]) -> JsonObject | None:
    if "BEGIN PGP PUBLIC KEY" in signed_by:
        lines = (line.strip() for line in signed_by.splitlines())
        key = "\n".join("" if line == "." else line for line in lines if line)
        return _inline(f"{key}\n".encode())
    paths = [word for word in re.split(r"[\s,]+", signed_by) if word.startswith("/")]
    if paths:
        path = Path(paths[0])
        shared = any(path.is_relative_to(place) for place in _SHARED_KEYRINGS)
        is_debian = path.name.startswith("debian-archive")
        if shared and path.is_file():
            return {"url": f"file://{path}", "install": not is_debian}
        try:
            return _inline(path.read_bytes())
        except OSError as error:
            raise UserError(f"cannot read the keyring {path}: {error.strerror}") from error
    for path in keyrings:
        if path.is_file():
            return {"url": f"file://{path}"}
    return None


def _inline(key: bytes) -> JsonObject:
    """A key that travels with the request: the worker has no such file."""
    text = base64.b64encode(key).decode()
    return {"url": f"data:application/pgp-keys;base64,{text}", "install": True}
