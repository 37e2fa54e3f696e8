# SPDX-License-Identifier: GPL-3.0-or-later
"""What categories of collections ask of whoever answers lookups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from debusine.db.models import Artifact, CollectionItem
from debusine.domain.lookup import LookupChildType, LookupMultiple, LookupSingle


class FoundThing(Protocol):
    """One thing that was found; ``item`` is as what it stands in a collection."""

    @property
    def item(self) -> CollectionItem | None:
        """As what it stands in a collection; None if it was named by itself."""

    @property
    def artifact(self) -> Artifact | None:
        """None if it is something else."""


class Find(Protocol):
    """Answers a lookup that stands within another, as whoever asks for that one sees things."""

    def __call__(
        self, value: LookupSingle | LookupMultiple, expect: LookupChildType, /
    ) -> Sequence[FoundThing]:
        """
        Find everything that a lookup names.

        :raises LookupError: if it is malformed or does not find what it names
        """
