# SPDX-License-Identifier: GPL-3.0-or-later
"""
Which tests notice when a part of the documented task API does nothing?

Each name of the page is changed (see ``mutants.py``) in a copy of the sources, and the
tests that reach it run until one fails. What was found is kept: a second run tries only
what changed since, so it may be stopped at any time. ``--modules lifecycle command_log``
adds the functions of modules behind the page.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import queue
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mutants import ROOT, Collector, Mutant, collect_modules, collect_page

from debusine.util.command import Command, CommandError, run

# the engine's own tests first
SELECTION = (
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/unit/tasks/test_*.py")),
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/unit/tasks/*/")),
    "tests/contract/test_executors.py",
    "tests/contract/test_key_stores.py",
)
COPIED = ("src", "tests")
BEHIND_THE_PAGE = (
    "abort", "causes", "checks", "command_log", "command_runner", "errors", "lifecycle", "logs",
    "process", "pump", "sandbox", "statistics",
)  # fmt: skip
# a mutant may hang; a busy machine may be slow
TEST_LIMIT_S = 30
FIRST_TESTS = 30
# of pytest only what these tests need: most of the time goes into starting it
SETTINGS = """
[pytest]
addopts = --import-mode=importlib -p no:cacheprovider
    -p pytest_timeout -p debusine.testing.data_directory
filterwarnings = error
markers =
    real: runs real tools
    root: needs the rights of root
"""
PROBE = """
import os
_seen = set()
_fd = None
def hit(symbol):
    global _fd
    test = os.environ.get("PYTEST_CURRENT_TEST", "import").rpartition(" ")[0]
    if (symbol, test) not in _seen:
        _seen.add((symbol, test))
        if _fd is None:
            _fd = os.open(os.environ["MUTATION_PROBES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(_fd, f"{symbol}\\t{test}\\n".encode())
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What became of a mutant; ``killer`` is a test, or None if it survived."""

    name: str
    source: str
    tests: str
    killer: str | None
    seconds: float


@dataclass
class Kept:
    """Verdicts of earlier runs, one JSON object per line."""

    path: Path
    verdicts: dict[str, Verdict] = field(default_factory=dict)

    def load(self) -> None:
        if self.path.exists():
            for line in self.path.read_text().splitlines():
                with contextlib.suppress(ValueError, TypeError):
                    verdict = Verdict(**json.loads(line))
                    self.verdicts[verdict.name] = verdict

    def add(self, verdict: Verdict) -> None:
        self.verdicts[verdict.name] = verdict
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            file.write(json.dumps(asdict(verdict)) + "\n")

    def still_holds(self, mutant: Mutant) -> Verdict | None:
        """Give the verdict, if neither the mutated file nor the tests in question changed."""
        found = self.verdicts.get(mutant.name)
        if found is None or found.source != source_digest(mutant):
            return None
        return found if found.tests == tests_digest(found.killer) else None


def digest(paths: Sequence[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes() if path.is_file() else b"")
    return total.hexdigest()[:16]


def source_digest(mutant: Mutant) -> str:
    return hashlib.sha256(mutant.original).hexdigest()[:16]


def tests_digest(killer: str | None) -> str:
    """Of the module that killed; of all modules, for a survivor."""
    if killer is not None:
        return digest([ROOT / killer.partition("::")[0]])
    found = [ROOT / each for each in SELECTION]
    return digest(sorted(path for each in found for path in [each, *each.rglob("*.py")]))


class Tree:
    """A copy of the sources and tests, in which one file at a time is changed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in COPIED:
            shutil.copytree(ROOT / name, directory / name)
        (directory / "pytest.ini").write_text(SETTINGS)
        (directory / "src/mutation_probe.py").write_text(PROBE)

    def inside(self, path: Path) -> Path:
        return self.directory / path.relative_to(ROOT)

    @contextlib.contextmanager
    def mutated(self, mutant: Mutant) -> Iterator[None]:
        self.write(mutant.file, mutant.edit.apply(mutant.original))
        try:
            yield
        finally:
            self.write(mutant.file, mutant.original)

    def write(self, path: Path, data: bytes) -> None:
        self.inside(path).write_bytes(data)
        # its time stamp may be that of the last mutant
        for compiled in self.inside(path).parent.glob(f"__pycache__/{path.stem}.*.pyc"):
            compiled.unlink()

    def pytest(self, *arguments: str, probes: Path | None = None) -> tuple[int, str]:
        """Exit status and output of a run of tests."""
        env = {
            **os.environ,
            "PYTHONPATH": str(self.directory / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "MUTATION_PROBES": str(probes or os.devnull),
        }
        argv = [
            *(sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=no"),
            *("-m", "not real", f"--timeout={TEST_LIMIT_S}"),
            *arguments,
        ]
        command = Command(argv, cwd=self.directory, env=env, check=False, timeout_s=900)
        try:
            done = run(command)
        except CommandError as error:
            return 1, f"FAILED {error.brief[:80]}"
        return done.returncode, done.text + done.stderr.decode(errors="replace")


def reach(tree: Tree, found: Collector) -> dict[str, list[str]]:
    """Tests that reach each function, nearest first."""
    by_file: dict[Path, bytes] = {}
    # from the end, so that offsets stay what they are
    for probe in sorted(found.probes.values(), key=lambda each: -each.edit.start):
        data = by_file.get(probe.file) or probe.original
        by_file[probe.file] = probe.edit.apply(data)
    for path, data in by_file.items():
        tree.write(path, data)
    probes = tree.directory / "probes"
    status, output = tree.pytest(*SELECTION, probes=probes)
    if status:
        raise SystemExit(f"The tests must pass before anything is changed:\n{output[-2000:]}")
    for probe in found.probes.values():
        tree.write(probe.file, probe.original)
    reached: dict[str, set[str]] = {}
    for line in probes.read_text().splitlines():
        symbol, _, test = line.partition("\t")
        if "::" in test:
            reached.setdefault(symbol, set()).add(test)
    return {symbol: sorted(tests, key=_nearness) for symbol, tests in reached.items()}


def _nearness(test: str) -> tuple[int, str]:
    """The tests of the engine come before those of single tasks."""
    return test.partition("::")[0].count("/"), test


def judge(tree: Tree, mutant: Mutant, tests: Sequence[str]) -> Verdict:
    """Run tests until one fails."""
    began = time.monotonic()
    killer = None
    with tree.mutated(mutant):
        for some in (tests[:FIRST_TESTS], tests[FIRST_TESTS:]):
            if some and killer is None:
                killer = _killer(*tree.pytest("-x", *some))
    return Verdict(
        name=mutant.name,
        source=source_digest(mutant),
        tests=tests_digest(killer),
        killer=killer,
        seconds=round(time.monotonic() - began, 1),
    )


def _killer(status: int, output: str) -> str | None:
    if status == 0:
        return None
    if match := re.search(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE):
        return match[1]
    raise SystemExit(f"pytest ended with {status}:\n{output[-2000:]}")


def judge_all(
    mutants: list[Mutant], reached: dict[str, list[str]], kept: Kept, trees: Sequence[Tree]
) -> None:
    """Judge mutants in parallel, one per tree at a time."""
    free: queue.SimpleQueue[Tree] = queue.SimpleQueue()
    for tree in trees:
        free.put(tree)

    def work(mutant: Mutant) -> Verdict:
        tests = list(SELECTION) if mutant.probe is None else reached.get(mutant.probe, [])
        tree = free.get()
        try:
            return judge(tree, mutant, tests)
        finally:
            free.put(tree)

    with ThreadPoolExecutor(len(trees)) as pool:
        for verdict in pool.map(work, mutants):
            kept.add(verdict)
            print(f"{verdict.seconds:6.1f} s  {verdict.name}: {verdict.killer or 'SURVIVED'}",
                  file=sys.stderr, flush=True)  # fmt: skip


def report(mutants: list[Mutant], kept: Kept) -> int:
    """Print the table; the number of survivors."""
    rows = [kept.verdicts[mutant.name] for mutant in mutants]
    survivors = [row for row in rows if row.killer is None]
    print("| symbol and change | killed by |\n|---|---|")
    for row in rows:
        print(f"| {row.name} | {row.killer or '**SURVIVED**'} |")
    print(f"\n{len(rows) - len(survivors)} of {len(rows)} mutants killed")
    return len(survivors)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modules", nargs="*", metavar="NAME")
    parser.add_argument("--only", default="", metavar="REGEX", help="mutants whose names match")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kept", type=Path, default=ROOT / "build/mutation.jsonl")
    given = parser.parse_args()
    found = collect_page()
    if given.modules is not None:
        collect_modules(found, given.modules or list(BEHIND_THE_PAGE))
    mutants = [each for each in found.mutants.values() if re.search(given.only, each.name)]
    kept = Kept(given.kept)
    kept.load()
    missing = [each for each in mutants if kept.still_holds(each) is None]
    if missing:
        with tempfile.TemporaryDirectory(prefix="debusine-mutation-") as name:
            jobs = range(min(given.jobs, len(missing)))
            trees = [Tree(Path(name) / f"tree-{number}") for number in jobs]
            judge_all(missing, reach(trees[0], found), kept, trees)
    return 1 if report(mutants, kept) else 0


if __name__ == "__main__":
    sys.exit(main())
