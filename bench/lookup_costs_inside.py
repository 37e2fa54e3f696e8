# SPDX-License-Identifier: GPL-3.0-or-later
"""What lookup_costs.py runs once per database: arguments FEW MANY ROUNDS, answer JSON."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "debusine.site.settings"
django.setup()

from django.core.management import call_command  # noqa: E402  after the set-up
from django.db import connection  # noqa: E402

from debusine.db.models import (  # noqa: E402
    Artifact,
    Collection,
    CollectionItem,
    File,
    FileInArtifact,
    ItemType,
)
from debusine.domain.lookup import LookupChildType, LookupMultiple  # noqa: E402
from debusine.server.actions.change_collection import Change, put_artifact  # noqa: E402
from debusine.server.actor import Actor  # noqa: E402
from debusine.server.collections.base import kind_of  # noqa: E402
from debusine.server.lookup import Searcher  # noqa: E402
from debusine.testing import factories  # noqa: E402

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
# what a prefix, a category or a lookup of several finds
GROUP = 100


def suite_items(count: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, category and data of binary packages, and of a hundred sources among them."""
    for number in range(count):
        # names of a group begin alike
        package = f"lib{number // GROUP:05}-{number % GROUP:02}"
        is_source = number % max(count // GROUP, 2) == 0
        data = {"package": package, "version": f"1.{number % 17}-1", "component": "main"}
        if is_source:
            yield f"{package}_{data['version']}", "debian:source-package", data
            continue
        data |= {"srcpkg_name": package, "srcpkg_version": "1", "architecture": "amd64"}
        yield f"{package}_{data['version']}_amd64", "debian:binary-package", data


def environment_items(count: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """As many codenames as there are groups, each with variants of an architecture."""
    for number in range(count):
        data = {
            "codename": f"c{number // GROUP}",
            "architecture": "amd64",
            "variant": f"v{number % GROUP}",
            "backend": None,
        }
        yield f"tarball:{data['codename']}:amd64:{data['variant']}:", "debian:system-tarball", data


def result_items(count: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Five results of each package."""
    for number in range(count):
        data = {
            "task_name": "lintian",
            "package": f"p{number // 5}",
            "version": "1",
            "architecture": "source",
            "timestamp": number,
            "work_request_id": number,
            "result": "success",
        }
        yield f"lintian_p{number // 5}_1_source_{number}", "debian:qa-result", data


def fill(collection: Collection, items: Iterator[tuple[str, str, dict[str, Any]]]) -> None:
    """Store items in bulk; they share one artifact."""
    kind = kind_of(collection)
    artifact = Artifact.objects.create(
        workspace=collection.workspace, category="debusine:test", created_at=BEGIN
    )
    rows = []
    for number, (name, category, data) in enumerate(items):
        row = CollectionItem(
            collection=collection,
            name=name,
            category=category,
            child_type=ItemType.ARTIFACT,
            artifact=artifact,
            data=data,
            created_at=BEGIN + timedelta(seconds=number),
        )
        kind.index(row)
        rows.append(row)
    CollectionItem.objects.bulk_create(rows, batch_size=2000)


def make(size: int) -> Searcher:
    """A workspace whose collections have so many items."""
    workspace = factories.make_workspace(f"w{size}")
    for name, category, items in (
        ("suite", "debian:suite", suite_items(size)),
        ("debian", "debian:environments", environment_items(size)),
        ("results", "debian:qa-results", result_items(size)),
    ):
        fill(Collection.objects.create(name=name, category=category, workspace=workspace), items)
    user = factories.make_user(superuser=True)
    return Searcher(actor=Actor(user=user), workspace=workspace)


def lookups() -> dict[str, object]:
    """What is measured, by name; strings find one thing, dictionaries several."""
    suite = {"collection": "suite@debian:suite"}
    environments = "debian@debian:environments"
    return {
        "name": "suite@debian:suite/lib00001-05_1.3-1_amd64",
        "binary: newest version": "suite@debian:suite/binary:lib00001-05_amd64",
        "match: all but origin": f"{environments}/match:codename=c1:architecture=amd64"
        ":format=tarball:backend=:variant=v7",
        "match: codename and variant": f"{environments}/match:codename=c1:variant=v7",
        "match: codename, the newest of 100": f"{environments}/match:codename=c1",
        "latest:": "results@debian:qa-results/latest:lintian_p7_source",
        "name__startswith, 100 found": {**suite, "name__startswith": "lib00001-"},
        "category, 100 found": {**suite, "category": "debian:source-package"},
        "data__package": {**suite, "data__package": "lib00001-05"},
        "match: variant only (other form)": f"{environments}/match:variant=v7",
        "name__contains (other form)": {**suite, "name__contains": "00001-05"},
        "data__srcpkg_name (other form)": {**suite, "data__srcpkg_name": "lib00001-05"},
    }


def timed(function: Callable[[], int], rounds: int) -> tuple[float, int]:
    """Median in ms, and what the function answers."""
    found = function()
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        function()
        times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times), found


def ask(searcher: Searcher, lookup: object) -> int:
    if isinstance(lookup, str):
        searcher.single(lookup, LookupChildType.ANY)
        return 1
    return len(searcher.multiple(LookupMultiple.parse(lookup), LookupChildType.ANY))


def add_package(searcher: Searcher, number: int) -> int:
    """Add a source package of three files."""
    suite = Collection.objects.get(workspace=searcher.workspace, name="suite")
    name = f"new{number}"
    artifact = Artifact.objects.create(
        workspace=searcher.workspace,
        category="debian:source-package",
        data={"name": name, "version": "1.0-1", "type": "dpkg", "dsc_fields": {}},
        created_at=BEGIN,
    )
    file, _ = File.objects.get_or_create(sha256="0" * 64, size=1, defaults={"created_at": BEGIN})
    for part in range(3):
        FileInArtifact.objects.create(artifact=artifact, path=f"{name}.{part}", file=file)
    begin = time.perf_counter()
    put_artifact(
        suite,
        artifact,
        change=Change(user=None, now=BEGIN),
        variables={"component": "main", "section": "misc"},
    )
    return round((time.perf_counter() - begin) * 1_000_000)


def main() -> None:
    few, many, rounds = map(int, sys.argv[1:4])
    call_command("migrate", verbosity=0)
    small, large = make(few), make(many)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # it does so by itself, after a while
            cursor.execute("VACUUM ANALYZE")
    rows: list[dict[str, object]] = []
    for what, lookup in lookups().items():
        count = min(rounds, 10) if "other form" in what else rounds
        least, _ = timed(lambda lookup=lookup: ask(small, lookup), count)  # type: ignore[misc]  # bound at once
        most, found = timed(lambda lookup=lookup: ask(large, lookup), count)  # type: ignore[misc]  # bound at once
        rows.append({"what": what, "found": found, "few": least, "many": most})
    adding = {
        name: [add_package(place, number) for number in range(rounds)]
        for name, place in (("few", small), ("many", large))
    }
    medians = {name: statistics.median(times) / 1000 for name, times in adding.items()}
    rows.append({"what": "adding a package", "found": 1, **medians})
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
