# SPDX-License-Identifier: GPL-3.0-or-later
"""Port: find artifacts, collections and settings. The server answers from its database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from debusine.artifacts.relation import RelationType
from debusine.domain.category import ArtifactCategory, CollectionCategory
from debusine.domain.lookup import LookupMultiple, LookupSingle
from debusine.tasks.inputs.values import (
    InputArtifactMultiple,
    InputArtifactSingle,
    InputCollectionSingle,
)


class Finder(ABC):
    """
    What differs between resolvers.

    Lookups raise :class:`KeyError` if nothing matches, and :class:`LookupError` if
    they are malformed or find something of another type.
    """

    @abstractmethod
    def find_artifact(
        self,
        lookup: LookupSingle,
        *,
        default_category: CollectionCategory | None = None,
        label: str,
    ) -> InputArtifactSingle:
        """Look one artifact up; the answer carries ``lookup`` and ``label``."""

    @abstractmethod
    def lookup_multiple_artifacts(
        self,
        lookup: LookupMultiple,
        *,
        default_category: CollectionCategory | None = None,
        label: str,
    ) -> InputArtifactMultiple:
        """
        Look several artifacts up.

        :returns: the artifacts in the order of the lookup's alternatives, those of a
            dictionary in the order in which they came into the collection; one found
            twice stands twice
        """

    @abstractmethod
    def find_related_artifacts(
        self,
        ids: Sequence[int],
        *,
        target_category: ArtifactCategory,
        relation_type: RelationType = RelationType.RELATES_TO,
        label: str,
    ) -> InputArtifactMultiple:
        """Artifacts of a category that relations from any of ``ids`` point to, ordered by id."""

    @abstractmethod
    def find_collection(
        self,
        lookup: LookupSingle,
        *,
        default_category: CollectionCategory | None = None,
        label: str,
    ) -> InputCollectionSingle:
        """Look one collection up; the answer carries ``lookup`` and ``label``."""

    @abstractmethod
    def find_archive(
        self, suite: InputCollectionSingle, *, label: str
    ) -> InputCollectionSingle | None:
        """Archive of the workspace that a suite is in, if there is one."""

    @abstractmethod
    def get_workspace(self) -> tuple[str, str]:
        """Names of the scope and the workspace that the task is in."""

    @abstractmethod
    def is_published(self, suite_id: int) -> bool:
        """Whether APT could read a suite now: it has an active ``InRelease`` index."""

    @abstractmethod
    def export_suite_signing_keys(self, suite_id: int) -> str | None:
        """Armoured keyring of those who sign a suite; ``None`` if it names none."""

    @abstractmethod
    def get_server_setting(self, name: str) -> str:
        """
        A setting of the server, such as ``DEBUSINE_FQDN``.

        :raises KeyError: if there is none of that name
        """
