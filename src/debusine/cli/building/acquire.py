# SPDX-License-Identifier: GPL-3.0-or-later
"""Get hold of the source package a user names, whichever way it is named."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from debusine.cli.building.release import SuiteFinder
from debusine.cli.building.repositories import choose_sources
from debusine.cli.building.signature import check_signature
from debusine.cli.building.source import Source, SourceKind, classify, load_source
from debusine.cli.building.source_archive import SourceArchive
from debusine.cli.building.source_tree import TreeOptions, pack_tree
from debusine.cli.building.source_url import fetch_url
from debusine.cli.building.suite import asked_pocket, machine_suite, pocket_for
from debusine.cli.progress import Screen
from debusine.domain.pocket import Pocket
from debusine.util.apt_sources import strip_credentials


@dataclass(frozen=True, kw_only=True, slots=True)
class Acquisition:
    """
    How to get a source.

    :param suite: what the user says; None to find out
    :param cache: a directory that is kept from call to call
    """

    suites: SuiteFinder
    suite: str | None
    dirty: bool
    cache: Path
    screen: Screen

    def get(self, text: str, scratch: Path) -> tuple[Source, Pocket]:
        """
        Get a source package.

        :param text: what the user calls it
        :param scratch: an empty directory
        :returns: the package, and the suite to build it for
        :raises DebusineError: if it cannot be had
        """
        kind = classify(text)
        dsc = self._fetch(kind, text, scratch)
        source = load_source(dsc)
        if kind is not SourceKind.TREE:
            warning = check_signature(dsc).warning(dsc.name)
            if warning:
                self.screen.warn(warning)
        return source, self._pocket(source, kind)

    def _fetch(self, kind: SourceKind, text: str, scratch: Path) -> Path:
        match kind:
            case SourceKind.DSC:
                return Path(text)
            case SourceKind.URL:
                return self._download(text, scratch)
            case SourceKind.TREE:
                self.screen.step(f"making a source package of {text}")
                options = TreeOptions(dirty=self.dirty, say=self.screen.note)
                return pack_tree(Path(text), scratch, options)
            case SourceKind.NAME:
                return self._from_archive(text, scratch)

    def _pocket(self, source: Source, kind: SourceKind) -> Pocket:
        if self.suite is not None:
            return asked_pocket(self.suite)
        if kind is SourceKind.NAME or source.distribution is None:
            return Pocket(base=machine_suite())
        return pocket_for(source.distribution)

    def _from_archive(self, text: str, scratch: Path) -> Path:
        suite = self.suite or machine_suite()
        if asked_pocket(suite).base == suite:
            chosen = self.suites.find(suite)
            suite, sources = chosen.codename, chosen.sources
        else:
            # a pocket: its sources are its own, what it is built in is the suite's
            sources = choose_sources(suite, self.suites.machine, self.suites.options)
        self.screen.step(f"fetching the source of {text} from {suite}")
        return SourceArchive(sources, self.cache).fetch(text, scratch)

    def _download(self, url: str, scratch: Path) -> Path:
        self.screen.step(f"downloading {strip_credentials(url)}")
        with ExitStack() as stack:
            bars = _Bars(self.screen, stack)
            return fetch_url(url, scratch, progress=bars)


class _Bars:
    """One bar for the file that is on its way."""

    def __init__(self, screen: Screen, stack: ExitStack) -> None:
        self._screen = screen
        self._stack = stack
        self._name = ""
        self._advance: Callable[[int], None] = lambda _count: None

    def __call__(self, name: str, size_bytes: int, count: int) -> None:
        if name != self._name:
            self._stack.close()
            self._name = name
            self._advance = self._stack.enter_context(self._screen.transfer(name, size_bytes))
        self._advance(count)
