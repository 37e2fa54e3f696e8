# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.deb822 import ControlFile
from debusine.domain.reproducibility import Variation
from debusine.tasks.reproducibility_build import configuration
from debusine.tasks.reproducibility_variations import Plan, Scene, plan

MORNING = datetime(2026, 1, 1, 9, tzinfo=UTC)
RECORD = {
    "Build-Date": "Wed, 31 Dec 2025 20:00:00 +0000",
    "Build-Path": "/build/hello-AbCdEf/hello-1.0",
    "Environment": '\n DEB_BUILD_OPTIONS="parallel=4"\n LANG="C.UTF-8"\n',
}


def scene(record: dict[str, str] | None = None, **changes: Any) -> Scene:
    first = None
    if record is not None:
        first = ControlFile(path=Path("a.buildinfo"), fields=record, listed={})
    values: dict[str, Any] = {
        "first": first,
        "now": MORNING,
        "cpus": [0, 1, 2, 3],
        "names_hosts": True,
        "has_faketime": True,
    }
    return Scene(**values | changes)


def test_everything_is_varied_where_it_can_be() -> None:
    found = plan(Variation, scene(RECORD))
    assert [(one.name.value, one.first, one.second) for one in found.records] == [
        ("path", "/build/hello-AbCdEf/hello-1.0", "/build/reproducibility/second"),
        ("host", None, "localhost"),
        ("user", None, "second-builder"),
        ("timezone", None, "GMT+12"),
        ("locale", "C.UTF-8", "C"),
        ("umask", None, "0002"),
        ("cpus", "4", "3"),
        ("clock", "Wed, 31 Dec 2025 20:00:00 +0000", "+398d"),
    ]
    assert all(one.applied for one in found.records)
    assert found.prefix == ["taskset", "--cpu-list", "0,1,2"]
    assert found.rules == (
        "#!/bin/sh\n"
        "export TZ=GMT+12\n"
        "export LC_ALL=C\n"
        'export DEB_BUILD_OPTIONS="$(echo "$DEB_BUILD_OPTIONS" |'
        " sed 's/\\bparallel=[0-9]*/parallel=3/')\"\n"
        "umask 0002\n"
        'exec faketime -f +398d debian/rules "$@"\n'
    )


def test_what_cannot_be_varied_has_a_reason() -> None:
    found = plan(Variation, scene(cpus=[5], names_hosts=False, has_faketime=False))
    assert {one.name.value: one.reason for one in found.records if not one.applied} == {
        "host": "this backend gives its machines their names",
        "cpus": "this machine has one processor only",
        "clock": "the environment has no faketime; the second build was just later",
    }
    assert found.prefix == []
    assert "faketime" not in found.rules


def test_only_what_is_wanted_is_varied(tmp_path: Path) -> None:
    found = plan([Variation.UMASK], scene(RECORD))
    assert [one.name for one in found.records] == [Variation.UMASK]
    assert found.prefix == []
    assert found.rules == '#!/bin/sh\numask 0002\nexec debian/rules "$@"\n'
    text = "\n".join(configuration(found, {}, tmp_path, caller="me"))
    for word in ("build_path", "build_user", "$path", "apt", "/etc/passwd"):
        assert word not in text


@pytest.mark.parametrize(
    ("hour", "zone"), [(0, "GMT+12"), (11, "GMT+12"), (12, "GMT-14"), (23, "GMT-14")]
)
def test_in_the_other_time_zone_it_is_another_day(hour: int, zone: str) -> None:
    now = MORNING.replace(hour=hour)
    assert plan(Variation, scene(now=now)).value(Variation.TIMEZONE) == zone
    # of TZ, east has a minus, see tzset(3)
    offset = -int(zone.removeprefix("GMT"))
    assert not 0 <= hour + offset < 24


@pytest.mark.parametrize(
    ("options", "cpus", "second"),
    [("parallel=1", [0, 1], "2"), ("parallel=2", [0, 1], "1"), ("nocheck", [0, 1], "1")],
)
def test_the_number_of_processors_is_another_one(
    options: str, cpus: list[int], second: str
) -> None:
    record = {"Environment": f'\n DEB_BUILD_OPTIONS="{options}"\n'}
    assert plan(Variation, scene(record, cpus=cpus)).value(Variation.CPUS) == second


def test_a_first_build_with_the_locale_c_gets_another() -> None:
    record = {"Environment": '\n LANG="de_DE.UTF-8"\n LC_ALL="C"\n'}
    assert plan(Variation, scene(record)).value(Variation.LOCALE) == "C.UTF-8"


def test_sbuild_is_told(tmp_path: Path) -> None:
    directory = tmp_path / "second"
    found = plan(Variation, scene(RECORD))
    lines = list(configuration(found, {"gcc-14": "14.2.0-19"}, directory, caller="worker"))
    assert lines[0] == "$build_path = '/build/reproducibility/second';"
    assert lines[-1] == "1;"
    text = "\n".join(lines)
    assert "$build_user = 'second-builder';" in text
    assert f"$path = '{directory}/bin:/usr/local/sbin:" in text
    assert "'--rules-file=/usr/lib/reproducibility-rules'" in text
    # sbuild looks as its caller how large the source is
    assert "worker:x:64999:" in text
    program = directory / "bin/hostname"
    assert program.read_text() == "#!/bin/sh\nexec /bin/hostname localhost\n"
    assert program.stat().st_mode & 0o111
    assert (directory / "rules").read_text() == found.rules
    assert (directory / "apt-0").read_text() == (
        "Package: gcc-14\nPin: version 14.2.0-19\nPin-Priority: 1001\n\n"
    )


def test_without_a_plan_nothing_is_varied() -> None:
    empty = Plan(records=())
    assert [empty.value(variation) for variation in Variation] == [None] * len(Variation)
    assert empty.rules == '#!/bin/sh\nexec debian/rules "$@"\n'
