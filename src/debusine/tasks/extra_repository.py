# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that take packages from more APT repositories than their environment knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Generic

from typing_extensions import TypeVar, override

from debusine.tasks.apt_sources import (
    NamedText,
    for_architecture,
    needs_key_file,
    repository_files,
)
from debusine.tasks.base import BaseExternalTask
from debusine.tasks.inputs.inputs import ExtraRepositoriesInput
from debusine.tasks.models import (
    BaseDynamicTaskDataWithExtraRepositories,
    BaseTaskDataWithExtraRepositories,
    ExtraExternalRepository,
)

TDER = TypeVar("TDER", bound=BaseTaskDataWithExtraRepositories)
DTDER = TypeVar(
    "DTDER",
    bound=BaseDynamicTaskDataWithExtraRepositories,
    default=BaseDynamicTaskDataWithExtraRepositories,
)


class ExtraRepositoryMixin(BaseExternalTask[TDER, DTDER], Generic[TDER, DTDER]):
    """
    Writes the configuration of additional APT repositories.

    It says which files to install where; how they get there is up to the task.

    >>> from debusine.tasks.kinds.sbuild import Sbuild
    >>> task = Sbuild(
    ...     {
    ...         "input": {"source_artifact": 2},
    ...         "environment": "debian/match:codename=bullseye",
    ...         "build_architecture": "amd64",
    ...     }
    ... )
    >>> task.supports_inline_signed_by("bullseye"), task.supports_inline_signed_by("trixie")
    (False, True)
    """

    data: TDER

    extra_repository_keys: list[Path]
    """Files for ``/etc/apt/keyrings``."""

    extra_repository_lists: list[Path]
    """One-line files for ``/etc/apt/sources.list.d``, in place of sources: jessie and trusty."""

    extra_repository_sources: list[Path]
    """Files for ``/etc/apt/sources.list.d``."""

    extra_repositories = ExtraRepositoriesInput()
    """The repositories, all of them external once resolved."""

    @override
    def post_init(self) -> None:
        super().post_init()
        self.extra_repository_keys = []
        self.extra_repository_lists = []
        self.extra_repository_sources = []

    def supports_inline_signed_by(self, codename: str) -> bool:
        """
        Whether APT of a release reads keys inside of sources files, as of version 2.3.10.

        :param codename: release; one that nobody knows is taken for a new one
        :source: sources.list(5), Signed-By
        """
        return not needs_key_file(codename)

    @property
    def _wanted_repositories(self) -> list[ExtraExternalRepository]:
        """The resolved repositories that are for the task's architecture."""
        assert self.dynamic_data is not None, "no dynamic data"
        return for_architecture(
            self.dynamic_data.extra_repositories or (), self.data.build_architecture
        )

    def write_extra_repository_config(self, codename: str, destination: Path) -> None:
        """
        Write the files of each repository that is for the task's architecture.

        :param codename: release that will read them
        :param destination: directory for them; they are told apart by number
        :source: sources.list(5), deb822 style
        """
        files = repository_files(
            self._wanted_repositories,
            codename=codename,
            inline=self.supports_inline_signed_by(codename),
        )
        self.extra_repository_keys += _write(files.keys, destination)
        self.extra_repository_sources += _write(files.sources, destination)
        self.extra_repository_lists += _write(files.lists, destination)


def _write(files: Iterable[NamedText], directory: Path) -> Iterator[Path]:
    for file in files:
        path = directory / file.name
        path.write_text(file.text)
        yield path
