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
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mutants import ROOT, Mutant, Probe, collect_modules, collect_page

from debusine.util.command import Command, CommandError, run
from debusine.worker.processes import become_subreaper, die_with_parent, kill_descendants

# the engine's own tests first
SELECTION = (
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/unit/tasks/test_*.py")),
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("tests/unit/tasks/*/")),
)
COPIED = ("src", "tests")
BEHIND_THE_PAGE = (
    "abort", "causes", "checks", "command_log", "command_runner", "errors", "lifecycle", "logs",
    "process", "pump", "sandbox", "statistics",
)  # fmt: skip
# a mutant may hang; a busy machine may be slow
TEST_LIMIT_S = 30
RUN_LIMIT_S = 90
FIRST_TESTS = 30
# of pytest only what these tests need: most of the time goes into starting it
SETTINGS = """
[pytest]
addopts = --import-mode=importlib -p no:cacheprovider
    -p pytest_timeout -p mutation_probe
filterwarnings = error
markers =
    real: runs real tools
    root: needs the rights of root
"""
PROBE = """
import os
import sys
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

def pytest_sessionfinish(session, exitstatus):
    session.config.ended = int(exitstatus)

def pytest_unconfigure(config):
    # threads of failed tests may never end
    sys.stdout.flush()
    os._exit(getattr(config, "ended", 3))
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
        (directory / "tmp").mkdir()
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

    def pytest(self, *arguments: str, noted: Path | None = None) -> tuple[int, str]:
        """Exit status and output of a run of tests."""
        env = {
            **os.environ,
            "PYTHONPATH": str(self.directory / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "TMPDIR": str(self.directory / "tmp"),
            "DEBUSINE_DATA_DIR": str(self.directory / "data"),
            "MUTATION_PROBES": str(noted or os.devnull),
        }
        argv = [
            *(sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=no"),
            *("-m", "not real", f"--timeout={TEST_LIMIT_S}"),
            *arguments,
        ]
        limit_s = RUN_LIMIT_S if noted is None else None
        command = Command(argv, cwd=self.directory, env=env, check=False, timeout_s=limit_s)
        try:
            done = run(command)
        except CommandError as error:
            done = error.completed
        finally:
            # a mutant may not kill what it should
            kill_descendants(os.getpid())
        return done.returncode, done.text + done.stderr.decode(errors="replace")


def reach(tree: Tree, probes: list[Probe]) -> dict[str, list[str]]:
    """Tests that reach each function, nearest first."""
    by_file: dict[Path, bytes] = {}
    # from the end, so that offsets stay what they are
    for probe in sorted(probes, key=lambda each: -each.edit.start):
        data = by_file.get(probe.file) or probe.original
        by_file[probe.file] = probe.edit.apply(data)
    for path, data in by_file.items():
        tree.write(path, data)
    noted = tree.directory / "noted"
    status, output = tree.pytest(*SELECTION, noted=noted)
    if status:
        raise SystemExit(f"The tests must pass before anything is changed:\n{output[-2000:]}")
    for probe in probes:
        tree.write(probe.file, probe.original)
    reached: dict[str, set[str]] = {}
    for line in noted.read_text().splitlines():
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
    with tree.mutated(mutant):
        killer = _killer(tree, tests[:FIRST_TESTS]) or _killer(tree, tests[FIRST_TESTS:])
    return Verdict(
        name=mutant.name,
        source=source_digest(mutant),
        tests=tests_digest(killer),
        killer=killer,
        seconds=round(time.monotonic() - began, 1),
    )


def _killer(tree: Tree, tests: Sequence[str]) -> str | None:
    """The first test that fails; asked twice, as a busy machine may make one fail."""
    if not tests or _failed(tree, tests) is None:
        return None
    return _failed(tree, tests)


def _failed(tree: Tree, tests: Sequence[str]) -> str | None:
    status, output = tree.pytest("-x", *tests)
    if status == 0:
        return None
    if match := re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", output, re.MULTILINE):
        return match[1]
    raise SystemExit(f"pytest ended with {status}:\n{output[-2000:]}")


def judge_all(probes: list[Probe], mutants: list[Mutant], kept: Kept, *, jobs: int) -> None:
    """Judge mutants in parallel, each process in a tree of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="debusine-mutation-") as name,
        ProcessPoolExecutor(jobs, initializer=_prepare, initargs=(Path(name),)) as pool,
    ):
        reached = pool.submit(_reach, probes).result()
        work = [
            (each, list(SELECTION) if each.probe is None else reached.get(each.probe, []))
            for each in mutants
        ]
        for verdict in pool.map(_judge, work):
            kept.add(verdict)
            line = f"{verdict.seconds:6.1f} s  {verdict.name}: {verdict.killer or 'SURVIVED'}"
            print(line, file=sys.stderr, flush=True)


_trees: list[Tree] = []


def _prepare(directory: Path) -> None:
    die_with_parent()
    # what tests leave behind becomes ours, to be killed
    become_subreaper()
    _trees.append(Tree(directory / str(os.getpid())))


def _reach(probes: list[Probe]) -> dict[str, list[str]]:
    return reach(_trees[0], probes)


def _judge(work: tuple[Mutant, list[str]]) -> Verdict:
    return judge(_trees[0], *work)


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
        judge_all(list(found.probes.values()), missing, kept, jobs=min(given.jobs, len(missing)))
    return 1 if report(mutants, kept) else 0


if __name__ == "__main__":
    sys.exit(main())
