# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that take packages from more APT repositories than their environment knows."""

from __future__ import annotations

from pathlib import Path
from typing import Generic

from typing_extensions import TypeVar, override

from debusine.tasks.apt_sources import needs_key_file, sources_paragraph
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
    """One-line files for ``/etc/apt/sources.list.d``; no supported release needs any."""

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
        """Whether APT of a release reads keys inside of sources files, as of version 2.3.10."""
        return not needs_key_file(codename)

    def write_extra_repository_config(self, codename: str, destination: Path) -> None:
        """
        Write the files of each repository that is for the task's architecture.

        :param codename: release that will read them
        :param destination: directory for them; they are told apart by number
        """
        inline = self.supports_inline_signed_by(codename)
        for index, repository in enumerate(self._wanted_repositories()):
            source = destination / f"extra_repository_{index}.sources"
            key = destination / f"extra_apt_key_{index}.asc"
            if repository.signing_key and not inline:
                key.write_text(f"{repository.signing_key}\n")
                self.extra_repository_keys.append(key)
            source.write_text(sources_paragraph(repository, key_name=None if inline else key.name))
            self.extra_repository_sources.append(source)

    def _wanted_repositories(self) -> list[ExtraExternalRepository]:
        assert self.dynamic_data is not None, "no dynamic data"
        architecture = self.data.build_architecture
        return [
            repository
            for repository in self.dynamic_data.extra_repositories or []
            if repository.architectures is None or architecture in repository.architectures
        ]
