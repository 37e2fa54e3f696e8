# SPDX-License-Identifier: GPL-3.0-or-later
"""
A package built through the server, against bare ``sbuild``, in alternating pairs.

Same environment, user, scratch and options. The time through the server is from POST
until the server noted the end: input, build, checks and uploads. A pair that is not
counted goes first. Takes about a minute per pair.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from builds import Workshop, workshop

from debusine.cli.building.source import load_source
from debusine.cli.building.suite import machine_suite
from debusine.domain.result import WorkRequestResults

AIM_FACTOR, AIM_S = 1.05, 1.0


def through_server(shop: Workshop, source: int) -> float:
    """Seconds of a build through the server."""
    began = time.time()
    request = shop.request(source)
    if request.result is not WorkRequestResults.SUCCESS or request.completed_at is None:
        raise SystemExit(f"work request {request.id} ended in {request.result}")
    return request.completed_at.timestamp() - began


def without_server(shop: Workshop, dsc: Path) -> float:
    """Seconds of a bare build."""
    built = shop.bare(dsc)
    if built.verdict is None or built.verdict.result is not WorkRequestResults.SUCCESS:
        raise SystemExit(f"bare sbuild failed: {built.verdict}")
    return built.seconds


def measure(shop: Workshop, package: str, pairs: int) -> list[tuple[float, float]]:
    """Pairs of seconds: through the server, and bare."""
    with tempfile.TemporaryDirectory(prefix="debusine-bench-") as name:
        dsc = shop.fetch(package, Path(name))
        artifact = load_source(dsc).artifact
        source = shop.client.upload_artifact(artifact, workspace=shop.workspace).id
        found = []
        print("| pair | through the server | bare sbuild |\n|---|---|---|", flush=True)
        for number in range(pairs + 1):
            # who goes first changes: what one leaves in memory helps the other
            if number % 2:
                bare = without_server(shop, dsc)
                ours = through_server(shop, source)
            else:
                ours = through_server(shop, source)
                bare = without_server(shop, dsc)
            label = number or "not counted"
            print(f"| {label} | {ours:.2f} s | {bare:.2f} s |", flush=True)
            if number:
                found.append((ours, bare))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--package", default="hello", metavar="NAME[=VERSION]")
    parser.add_argument("--suite", default=None, help="default: this machine's")
    parser.add_argument("--data-dir", type=Path, help="kept; default: a new one, removed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="debusine-bench-", dir="/var/tmp") as name:
        data_dir = given.data_dir or Path(name)
        with workshop(data_dir, given.suite or machine_suite()) as shop:
            found = measure(shop, given.package, given.pairs)
    ours, bare = (statistics.median(column) for column in zip(*found, strict=True))
    difference = statistics.median(one - other for one, other in found)
    print(f"\nmedian: {ours:.2f} s through the server, {bare:.2f} s bare")
    print(f"ratio {ours / bare:.3f}, difference {difference:+.2f} s (median of pairs)")
    print(f"aim: at most {AIM_FACTOR} times plus {AIM_S:.0f} s = {bare * AIM_FACTOR + AIM_S:.2f} s")


if __name__ == "__main__":
    main()
