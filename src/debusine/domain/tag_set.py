# SPDX-License-Identifier: GPL-3.0-or-later
"""
Sets of tags of which it is known who said what.

Saying that something is *provided* is what needs trust, so policies restrict who may add
which tags; nothing ever takes a tag away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol


class Provenance(StrEnum):
    """Who says that a tag holds."""

    SYSTEM = "system"  # the server's own database
    ADMIN = "admin"  # whoever runs the server
    WORKER = "worker"  # the worker's report
    WORKSPACE = "workspace"  # task configuration
    USER = "user"  # what somebody submitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """
    Only some may add these tags.

    :param tags: a tag, or with a colon at its end a whole namespace
    """

    tags: str
    allowed: frozenset[Provenance]

    def covers(self, tag: str) -> bool:
        """Whether it is about a tag."""
        return tag.startswith(self.tags) if self.tags.endswith(":") else tag == self.tags


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictionGroup:
    """
    Restrictions that belong together; all that cover a tag must agree.

    :param name: for people who ask why a tag was dropped
    """

    name: str
    restrictions: tuple[Restriction, ...]

    def allows(self, provenance: Provenance, tag: str) -> bool:
        """Whether a tag may be added."""
        covering = (one for one in self.restrictions if one.covers(tag))
        return all(provenance in restriction.allowed for restriction in covering)


class Condition(Protocol):
    """Something that is true or false of a set of tags, such as a parsed expression."""

    def holds(self, tags: Collection[str]) -> bool:
        """Whether it is true of a set of tags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivationRule:
    """Where a condition holds, more tags do."""

    when: Condition
    add: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivationGroup:
    """
    Rules that see the same tags: what one adds, another of its group does not see.

    :param provenance: who says what the rules add
    """

    provenance: Provenance
    rules: tuple[DerivationRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagPolicy:
    """
    What may be in a set of tags, and what follows from it; both in the order given.

    :param restrictions: the first group that refuses a tag is the one that is named
    """

    restrictions: tuple[RestrictionGroup, ...] = ()
    derivations: tuple[DerivationGroup, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class DroppedTag:
    """
    A tag that somebody may not add.

    :param group: name of the restrictions that it met
    """

    provenance: Provenance
    tag: str
    group: str

    def to_json(self) -> dict[str, str]:
        """All of it, as text."""
        return {"provenance": self.provenance.value, "tag": self.tag, "group": self.group}


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSet:
    """
    Tags and who said each.

    :param by_provenance: what was added; a tag may have been said by several
    :param dropped: what was refused, in the order in which it came

    >>> group = RestrictionGroup(
    ...     name="ours",
    ...     restrictions=(Restriction(tags="a:", allowed=frozenset({Provenance.ADMIN})),),
    ... )
    >>> tags = TagSet(policy=TagPolicy(restrictions=(group,)))
    >>> tags = tags.add(Provenance.USER, ["a:b", "c"]).add(Provenance.ADMIN, ["a:d"]).finalize()
    >>> tags.to_json(), [one.tag for one in tags.dropped]
    ({'admin': ['a:d'], 'user': ['c']}, ['a:b'])
    """

    policy: TagPolicy = field(default_factory=TagPolicy)
    by_provenance: Mapping[Provenance, frozenset[str]] = field(default_factory=dict)
    dropped: tuple[DroppedTag, ...] = ()

    def add(self, provenance: Provenance, tags: Iterable[str]) -> TagSet:
        """
        The set with more tags, except those that this provenance may not add.

        :raises TypeError: if something is no text
        """
        wanted = set(tags)
        for tag in wanted:
            # what tasks of others return is not always what they promise
            if not isinstance(tag, str):
                message = f"not a tag: {tag!r}"
                raise TypeError(message)
        refused = {tag: group for tag in wanted if (group := self._refusing(provenance, tag))}
        known = self.by_provenance.get(provenance, frozenset())
        return replace(
            self,
            by_provenance={**self.by_provenance, provenance: known | (wanted - refused.keys())},
            dropped=(
                *self.dropped,
                *(
                    DroppedTag(provenance=provenance, tag=tag, group=refused[tag])
                    for tag in sorted(refused)
                ),
            ),
        )

    def finalize(self) -> TagSet:
        """The set with everything that follows from it."""
        result = self
        for group in self.policy.derivations:
            before = result.tags
            added = {tag for rule in group.rules if rule.when.holds(before) for tag in rule.add}
            result = result.add(group.provenance, added)
        return result

    @property
    def tags(self) -> frozenset[str]:
        """All tags, whoever added them."""
        return frozenset().union(*self.by_provenance.values())

    @property
    def lost(self) -> tuple[DroppedTag, ...]:
        """What was dropped and is not in the set by the word of somebody else."""
        return tuple(one for one in self.dropped if one.tag not in self.tags)

    def to_json(self) -> dict[str, list[str]]:
        """Sorted tags by provenance, without those who said nothing."""
        return {
            provenance.value: sorted(tags)
            for provenance, tags in sorted(self.by_provenance.items())
            if tags
        }

    def _refusing(self, provenance: Provenance, tag: str) -> str | None:
        """Name of the first group that does not let a tag in."""
        for group in self.policy.restrictions:
            if not group.allows(provenance, tag):
                return group.name
        return None
