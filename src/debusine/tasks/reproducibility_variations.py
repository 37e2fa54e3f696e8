# SPDX-License-Identifier: GPL-3.0-or-later
"""What a second build does in another way than the first, and how sbuild is told."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from debusine.artifacts.deb822 import ControlFile, recorded_environment
from debusine.artifacts.kinds.reproducibility import VariationRecord
from debusine.domain.reproducibility import Variation

PATH = "/build/reproducibility/second"
# the only name beside that of the first build which sbuild's own /etc/hosts resolves
HOST = "localhost"
USER = "second-builder"
UMASK = "0002"
CLOCK = "+398d"
""":source: reprotest(1), which takes the same step: another year, month and day"""
# west of it the day is that before, east of it the day after
_LAST_HOUR_OF_YESTERDAY = 11
_EAST, _WEST = "GMT-14", "GMT+12"
_PARALLEL = re.compile(r"\bparallel=(\d+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """
    Where the second build takes place.

    :param first: the ``.buildinfo`` of the first build; None if it has none
    :param now: aware
    :param cpus: numbers of the processors that may be used, never empty
    :param names_hosts: whether the build can be given a host name
    :param has_faketime: whether the environment has it
    """

    first: ControlFile | None
    now: datetime
    cpus: Sequence[int]
    names_hosts: bool
    has_faketime: bool

    def field(self, name: str) -> str | None:
        """A field of the record of the first build."""
        found = None if self.first is None else self.first.fields.get(name)
        return str(found) if found else None

    @property
    def environment(self) -> dict[str, str]:
        """Variables that the first build had, as far as they are recorded."""
        return {} if self.first is None else recorded_environment(self.first)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """
    What is varied, and how.

    :param records: one for each variation that was asked for
    :param cpus: numbers of the processors to use; empty: all
    """

    records: Sequence[VariationRecord]
    cpus: Sequence[int] = ()

    def value(self, variation: Variation) -> str | None:
        """How something is to be in the second build; None if it is not varied."""
        found = (one for one in self.records if one.name is variation and one.applied)
        return next((one.second for one in found), None)

    @property
    def prefix(self) -> list[str]:
        """What stands before the command that builds."""
        return ["taskset", "--cpu-list", ",".join(map(str, self.cpus))] if self.cpus else []

    @property
    def rules(self) -> str:
        """
        A script to run in place of ``debian/rules``.

        dpkg-buildpackage resets the umask and most of the locale before it runs that.
        """
        exports = {
            "TZ": self.value(Variation.TIMEZONE),
            "LC_ALL": self.value(Variation.LOCALE),
        }
        lines = ["#!/bin/sh"]
        lines += [f"export {name}={value}" for name, value in exports.items() if value]
        if cpus := self.value(Variation.CPUS):
            # dpkg-buildpackage counts all processors of the machine
            change = f"s/\\bparallel=[0-9]*/parallel={cpus}/"
            lines.append(
                f'export DEB_BUILD_OPTIONS="$(echo "$DEB_BUILD_OPTIONS" | sed \'{change}\')"'
            )
        if umask := self.value(Variation.UMASK):
            lines.append(f"umask {umask}")
        clock = self.value(Variation.CLOCK)
        lines.append(f'exec {f"faketime -f {clock} " if clock else ""}debian/rules "$@"')
        return "".join(f"{line}\n" for line in lines)


def plan(wanted: Collection[Variation], scene: Scene) -> Plan:
    """
    Choose how to vary what is to be varied.

    :param wanted: in any order
    """
    cpus = _other_cpus(scene)
    made = {record.name: record for record in _records(scene, cpus)}
    return Plan(
        records=[made[variation] for variation in Variation if variation in wanted],
        cpus=cpus if Variation.CPUS in wanted else (),
    )


def _records(scene: Scene, cpus: Sequence[int]) -> Iterator[VariationRecord]:
    environment = scene.environment
    first_locale = environment.get("LC_ALL") or environment.get("LANG")
    yield _varied(Variation.PATH, PATH, first=scene.field("Build-Path"))
    yield _varied(
        Variation.HOST,
        HOST,
        unless=None if scene.names_hosts else "this backend gives its machines their names",
    )
    yield _varied(Variation.USER, USER)
    is_yesterday = scene.now.hour <= _LAST_HOUR_OF_YESTERDAY
    zone = _WEST if is_yesterday else _EAST
    yield _varied(Variation.TIMEZONE, zone, first=environment.get("TZ"))
    yield _varied(Variation.LOCALE, "C.UTF-8" if first_locale == "C" else "C", first=first_locale)
    yield _varied(Variation.UMASK, UMASK)
    yield _varied(
        Variation.CPUS,
        str(len(cpus)),
        first=_first_cpus(scene),
        unless=None if cpus else "this machine has one processor only",
    )
    reason = "the environment has no faketime; the second build was just later"
    yield _varied(
        Variation.CLOCK,
        CLOCK,
        first=scene.field("Build-Date"),
        unless=None if scene.has_faketime else reason,
    )


def _varied(
    name: Variation, second: str, *, first: str | None = None, unless: str | None = None
) -> VariationRecord:
    if unless is not None:
        return VariationRecord(name=name, applied=False, first=first, reason=unless)
    return VariationRecord(name=name, applied=True, first=first, second=second)


def _first_cpus(scene: Scene) -> str | None:
    """What dpkg-buildpackage found in the first build."""
    found = _PARALLEL.search(scene.environment.get("DEB_BUILD_OPTIONS", ""))
    return found[1] if found else None


def _other_cpus(scene: Scene) -> Sequence[int]:
    """Processors, in another number than in the first build; empty if there are too few."""
    first = int(_first_cpus(scene) or len(scene.cpus))
    return scene.cpus if len(scene.cpus) != first else scene.cpus[:-1]
