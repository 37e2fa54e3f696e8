# SPDX-License-Identifier: GPL-3.0-or-later
"""
Tasks on a C package of our own, against the bare tools set up by hand as well as that goes.

Through a task, the time is from POST until the server noted the end: input, work, log and uploads.
Rounds alternate, and one that is not counted goes first. Takes some two minutes a round.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builds import Workshop, become, wait, workshop
from harness import server
from hello_pairs import without_server

from debusine.cli.building.source import load_source
from debusine.cli.building.suite import machine_suite
from debusine.domain.result import WorkRequestResults
from debusine.util.command import Command, run
from debusine.wire.work_request import WorkRequest, WorkRequestCreate

PACKAGE = "tiny-quilt"
MAKE_SOURCES = Path(__file__).parents[1] / "tests/data/make_sources.py"
UNPACK = Path(__file__).with_name("environment_unpack.py")

Run = Callable[[], float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """
    What is worked on.

    :param source: its artifact
    """

    dsc: Path
    source: int


def begin(shop: Workshop, task: str, data: dict[str, Any]) -> int:
    """Create a work request; its id."""
    wanted = WorkRequestCreate(task_name=task, task_data=data, workspace=shop.workspace)
    return shop.client.work_request_create(wanted).id


def seconds_of(request: WorkRequest, began: float) -> float:
    """Seconds until a work request ended well."""
    if request.result is not WorkRequestResults.SUCCESS or request.completed_at is None:
        raise SystemExit(f"work request {request.id}, {request.task_name}: {request.result}")
    return request.completed_at.timestamp() - began


def through_task(shop: Workshop, task: str, data: dict[str, Any]) -> float:
    """Seconds of a task."""
    began = time.time()
    return seconds_of(wait(shop.client, begin(shop, task, data)), began)


def make_subject(shop: Workshop, directory: Path) -> Subject:
    """Make a source package."""
    made = run(Command([sys.executable, str(MAKE_SOURCES), str(directory), PACKAGE]))
    dsc = Path(made.text.split()[-1])
    shutil.rmtree(directory / f"{PACKAGE}-1.0")
    source = shop.client.upload_artifact(load_source(dsc).artifact, workspace=shop.workspace).id
    return Subject(dsc=dsc, source=source)


def sbuild_data(shop: Workshop, source: int) -> dict[str, Any]:
    """Task data of a build."""
    return {
        "input": {"source_artifact": source},
        "environment": shop.lookup,
        "build_architecture": shop.architecture,
        "build_components": ["any", "all"],
    }


def contests(shop: Workshop, subject: Subject) -> dict[str, tuple[Run, Run]]:
    """By tool: the task, and the tool by hand."""
    return {
        "sbuild": (
            lambda: through_task(shop, "sbuild", sbuild_data(shop, subject.source)),
            lambda: without_server(shop, subject.dsc),
        ),
    }


def compare(task: Run, tool: Run, rounds: int) -> tuple[float, float]:
    """Medians of seconds: through the task, and by hand."""
    found = []
    for number in range(rounds + 1):
        pair = (task(), tool()) if number % 2 else (tool(), task())[::-1]
        if number:
            found.append(pair)
    ours, bare = (statistics.median(column) for column in zip(*found, strict=True))
    return ours, bare


def together(shop: Workshop, subject: Subject, rounds: int) -> float:
    """How much more two builds at once get done than one after the other."""
    ratios = []
    for _ in range(rounds):
        data = sbuild_data(shop, subject.source)
        alone = through_task(shop, "sbuild", data)
        began = time.time()
        numbers = [begin(shop, "sbuild", data) for _ in range(2)]
        both = max(seconds_of(wait(shop.client, number), began) for number in numbers)
        ratios.append(2 * alone / both)
    return statistics.median(ratios)


def sessions(shop: Workshop, rounds: int) -> None:
    """Print what it costs to get a fresh system, as the user of tasks."""
    argv = [sys.executable, str(UNPACK), str(shop.tarball), "--repeat", str(rounds)]
    subprocess.run([*become(shop.account), *argv], cwd="/", check=True)  # noqa: TID251  its output is ours


def measure(shop: Workshop, rounds: int, only: Sequence[str]) -> None:
    """Print all of it."""
    with tempfile.TemporaryDirectory(prefix="debusine-bench-") as name:
        subject = make_subject(shop, Path(name))
        print("| what | through the task | by hand | ratio |\n|---|---|---|---|", flush=True)
        for tool, (task, bare) in contests(shop, subject).items():
            if not only or tool in only:
                ours, other = compare(task, bare, rounds)
                row = f"| {tool} | {ours:.1f} s | {other:.1f} s | {ours / other:.2f} |"
                print(row, flush=True)
        if not only or "together" in only:
            ratio = together(shop, subject, rounds)
            print(f"two builds at once: {ratio:.2f} times the throughput of one", flush=True)
    if not only or "session" in only:
        sessions(shop, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--suite", default=None, help="default: this machine's")
    parser.add_argument("--data-dir", type=Path, help="kept; default: a new one, removed")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="debusine-bench-", dir="/var/tmp") as name:
        data_dir = given.data_dir or Path(name)
        data_dir.mkdir(mode=0o755, exist_ok=True)
        data_dir.chmod(0o755)
        with (
            server(data_dir, "--slots", "2"),
            workshop(data_dir, given.suite or machine_suite()) as shop,
        ):
            measure(shop, given.rounds, given.only)


if __name__ == "__main__":
    main()
