# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask APT for this machine's configuration: values, sources and credentials."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from debusine.errors import UserError
from debusine.util.apt_mirror_list import fetch_text, resolve_all
from debusine.util.apt_sources import AptSource, read_sources
from debusine.util.command import Command, run

_LINE = re.compile(r'^(\S+) "(.*)";$')


@dataclass(frozen=True, kw_only=True, slots=True)
class AptConfig:
    """
    What ``apt-config dump`` says.

    :param values: name and value in APT's order; a name ending in ``::`` is an item of a list
    """

    values: tuple[tuple[str, str], ...] = field(repr=False)

    def get(self, name: str, default: str = "") -> str:
        """Value of a name, whatever its case; the default if it is empty."""
        wanted = name.lower()
        found = [value for key, value in self.values if key.lower() == wanted]
        return found[-1] if found and found[-1] else default

    def path(self, *names: str) -> Path:
        """
        A place, from the root down: ``path("Dir", "Dir::Etc", "Dir::Etc::netrc")``.

        As in APT, an absolute value replaces what stands before it.
        """
        result = Path("/")
        for name in names:
            result /= self.get(name)
        return result


def parse_dump(text: str) -> AptConfig:
    r"""
    Read the output of ``apt-config dump``.

    >>> parse_dump('APT "";\nAPT::Architecture "amd64";').get("apt::architecture")
    'amd64'
    """
    matches = (_LINE.match(line) for line in text.splitlines())
    return AptConfig(values=tuple((match[1], match[2]) for match in matches if match))


@dataclass(frozen=True, kw_only=True, slots=True)
class AptMachine:
    """
    What APT on this machine knows.

    :param netrc: the texts of ``auth.conf`` and ``auth.conf.d`` together
    :param unreadable: files with credentials that this user may not read
    :param troubles: why sources that should be here are not
    """

    config: AptConfig
    sources: tuple[AptSource, ...]
    netrc: str = field(default="", repr=False)
    unreadable: tuple[Path, ...] = ()
    troubles: tuple[str, ...] = ()

    @property
    def architecture(self) -> str:
        """The machine's own architecture."""
        return self.config.get("APT::Architecture", "amd64")


def read_machine(environ: Mapping[str, str] | None = None) -> AptMachine:
    """
    Read the APT configuration of this machine whole.

    Lists of mirrors that must be fetched stay in the sources, see :func:`fetch_mirror_lists`.

    :param environ: environment for APT (``APT_CONFIG`` counts); ours if None
    :raises UserError: if a source cannot be understood
    :raises NotPossibleError: if there is no APT here
    """
    done = run(Command(["apt-config", "dump"], env=environ))
    config = parse_dump(done.text)
    etc = ("Dir", "Dir::Etc")
    architecture = config.get("APT::Architecture", "amd64")
    configured = read_sources(
        config.path(*etc, "Dir::Etc::sourcelist"),
        config.path(*etc, "Dir::Etc::sourceparts"),
        architecture=architecture,
    )
    sources, troubles = resolve_all(configured, architecture=architecture, remote=False)
    netrc, unreadable = _read_netrc(
        config.path(*etc, "Dir::Etc::netrc"), config.path(*etc, "Dir::Etc::netrcparts")
    )
    return AptMachine(
        config=config,
        sources=sources,
        netrc=netrc,
        unreadable=unreadable,
        troubles=troubles,
    )


def fetch_mirror_lists(
    machine: AptMachine, *, fetch: Callable[[str], str] = fetch_text
) -> AptMachine:
    """
    Put mirrors in the place of lists of mirrors (``mirror+https:``).

    :param fetch: downloads a list
    """
    sources, troubles = resolve_all(
        machine.sources, architecture=machine.architecture, remote=True, fetch=fetch
    )
    return replace(machine, sources=sources, troubles=(*machine.troubles, *troubles))


def _read_netrc(main: Path, parts: Path) -> tuple[str, tuple[Path, ...]]:
    texts: list[str] = []
    unreadable: list[Path] = []
    try:
        files = sorted(parts.glob("*.conf")) if parts.is_dir() else []
    except OSError:
        files, unreadable = [], [parts]
    for path in [main, *files]:
        try:
            texts.append(path.read_text(encoding="utf-8").strip())
        except (FileNotFoundError, IsADirectoryError):
            continue
        except PermissionError:
            unreadable.append(path)
        except UnicodeDecodeError as error:
            raise UserError(f"{path} is not text in UTF-8") from error
    return "\n".join(text for text in texts if text), tuple(unreadable)
