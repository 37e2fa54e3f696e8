# SPDX-License-Identifier: GPL-3.0-or-later
"""
Sources drawn from the mirror by a seed, built by ``debusine build`` and by bare ``sbuild``.

Both get the same environment. They shall come to the same verdict: the same status
and stage in sbuild's own words, and the same packages. Where they differ, both try
once more. Takes some minutes per source; what is done is kept in the data directory,
and a second call goes on from there. Sources that the mirror lists but does not have
are replaced by the next ones drawn.
"""

from __future__ import annotations

import argparse
import json
import lzma
import random
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from builds import Workshop, workshop

from debusine.cli.building.suite import machine_suite
from debusine.errors import NotFoundError, UpstreamError
from debusine.tasks.bootstrap_sources import download
from debusine.tasks.sbuild_output import judge
from debusine.util.apt_sources import AptSource

BUILDABLE = frozenset({"any", "all", "amd64", "linux-any", "any-amd64"})
_FILE = re.compile(r"^ [0-9a-f]{32} (\d+) ", re.MULTILINE)
ALL_ONLY_SHARE = 5
# mirrors may lack files that their lists name
MISSING = "not on the mirror"
# of timeout(1)
TIMEOUT_STATUS = 124


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A source of the archive."""

    name: str
    version: str
    architecture: str

    @property
    def is_all_only(self) -> bool:
        """Whether it makes nothing that depends on the architecture."""
        return self.architecture == "all"


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What came of a source: a verdict in words, twice."""

    name: str
    version: str
    architecture: str
    ours: str
    bare: str
    bare_s: float
    tries: int

    @property
    def agree(self) -> bool:
        """Whether both came to the same."""
        return self.ours == self.bare


def candidates(source: AptSource, *, max_kib: int, max_depends: int) -> list[Candidate]:
    """Sources of an archive that build in a reasonable time, by name."""
    url = f"{source.uri.rstrip('/')}/dists/{source.suite}/main/source/Sources.xz"
    with tempfile.TemporaryDirectory(prefix="debusine-bench-") as name:
        packed = Path(name) / "Sources.xz"
        download(url, packed)
        text = lzma.decompress(packed.read_bytes()).decode()
    found: dict[str, Candidate] = {}
    for paragraph in text.split("\n\n"):
        fields = dict(_fields(paragraph))
        if fields.get("Extra-Source-Only") == "yes" or "Package" not in fields:
            continue
        sizes = [int(size) for size in _FILE.findall(paragraph)]
        depends = f"{fields.get('Build-Depends', '')},{fields.get('Build-Depends-Indep', '')}"
        if sum(sizes) <= max_kib * 1024 and depends.count(",") <= max_depends:
            architecture = fields.get("Architecture", "")
            if BUILDABLE.intersection(architecture.split()):
                found[fields["Package"]] = Candidate(
                    name=fields["Package"], version=fields["Version"], architecture=architecture
                )
    return [found[name] for name in sorted(found)]


def _fields(paragraph: str) -> Iterator[tuple[str, str]]:
    """Fields of one line each; the others only begin here."""
    for line in paragraph.splitlines():
        if not line.startswith(" "):
            name, _, value = line.partition(":")
            yield name, value.strip()


def draw(found: list[Candidate], *, count: int, seed: str) -> list[tuple[int, list[Candidate]]]:
    """
    Put sources into an order of chance.

    :returns: how many to take, and of which: first those only for all architectures,
        at least a fifth, then those with something for one
    """
    chance = random.Random(seed)
    all_only = [each for each in found if each.is_all_only]
    others = [each for each in found if not each.is_all_only]
    share = -(-count // ALL_ONLY_SHARE)
    return [
        (share, chance.sample(all_only, len(all_only))),
        (count - share, chance.sample(others, len(others))),
    ]


def verdict(status: str | None, stage: str | None, files: list[str]) -> str:
    """Say in a line how a build ended and what it made."""
    return " ".join([status or "no status", stage or "", *sorted(files)]).strip()


def ours(shop: Workshop, dsc: Path, scratch: Path, limit_s: float) -> str:
    """What ``debusine build`` comes to."""
    program = Path(sys.executable).with_name("debusine")
    argv = [
        # interrupted, it aborts what runs on the server
        "timeout", "--signal=INT", str(limit_s),
        str(program), "build", str(dsc), "--suite", shop.suite, "--data-dir", str(shop.data_dir),
        "--output", str(scratch / "ours"), "--no-lintian", "--json",
    ]  # fmt: skip
    done = subprocess.run(argv, capture_output=True, check=False)  # noqa: TID251  as a person would
    if done.returncode == TIMEOUT_STATUS:
        return "timeout"
    if not done.stdout:
        raise SystemExit(f"{shlex.join(argv)}:\n{done.stderr.decode(errors='replace')[-3000:]}")
    document = json.loads(done.stdout)
    log = Path(document["steps"].get("build", {}).get("log") or "none")
    # where sbuild itself could not run, the log files of the task stand there
    found = judge(done.returncode, log if log.is_file() else None)
    files = [Path(file["path"]).name for file in document["files"]]
    return verdict(found.status, found.fail_stage, [n for n in files if n.endswith(".deb")])


def bare(shop: Workshop, dsc: Path, limit_s: float) -> tuple[str, float]:
    """What ``sbuild`` comes to, and how long it takes in seconds."""
    built = shop.bare(dsc, limit_s=limit_s)
    if built.verdict is None:
        return "timeout", built.seconds
    found = verdict(built.verdict.status, built.verdict.fail_stage, list(built.files))
    return found, built.seconds


def compare(shop: Workshop, candidate: Candidate, limit_s: float) -> Result:
    """Build a source both ways, once more if they differ."""
    tries = 0
    while True:
        tries += 1
        with tempfile.TemporaryDirectory(prefix="debusine-bench-") as name:
            source = Path(name) / "source"
            source.mkdir()
            try:
                dsc = shop.fetch(f"{candidate.name}={candidate.version}", source)
            except (NotFoundError, UpstreamError):
                return Result(**asdict(candidate), ours=MISSING, bare=MISSING, bare_s=0, tries=1)
            bare_said, bare_s = bare(shop, dsc, limit_s)
            result = Result(
                **asdict(candidate),
                ours=ours(shop, dsc, Path(name), limit_s),
                bare=bare_said,
                bare_s=round(bare_s, 1),
                tries=tries,
            )
        if result.agree or tries > 1:
            return result


def show(result: Result) -> None:
    """Print one row."""
    status = result.ours if result.agree else f"{result.ours} / bare: {result.bare}"
    words = " ".join(word for word in status.split() if not word.endswith(".deb"))
    same = "same" if result.agree else "DIFFERENT"
    again = " (second try)" if result.tries > 1 else ""
    row = (result.name, result.version, result.architecture, words, same + again)
    print(f"| {' | '.join(row)} | {result.bare_s:.0f} s |", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", default="debusine")
    parser.add_argument("--suite", default=None, help="default: this machine's")
    parser.add_argument("--max-kib", type=int, default=1024, help="of all files of a source")
    parser.add_argument("--max-depends", type=int, default=12, help="build dependencies")
    parser.add_argument("--limit", type=float, default=900, help="seconds for one build")
    parser.add_argument("--data-dir", type=Path, default=Path("/var/tmp/debusine-bench-archive"))
    given = parser.parse_args()
    suite = given.suite or machine_suite()
    given.data_dir.mkdir(parents=True, exist_ok=True)
    kept = given.data_dir / f"archive-{suite}-{given.seed}.jsonl"
    lines = kept.read_text().splitlines() if kept.exists() else []
    done = {each.name: each for each in (Result(**json.loads(line)) for line in lines)}
    with workshop(given.data_dir, suite) as shop:
        found = candidates(shop.sources[0], max_kib=given.max_kib, max_depends=given.max_depends)
        print(f"{given.count} of {len(found)} sources of {suite}, seed {given.seed!r}\n")
        print("| source | version | architecture | verdict | | bare |\n|---|---|---|---|---|---|")

        def result_of(candidate: Candidate) -> Result:
            result = done.get(candidate.name)
            if result is None or result.version != candidate.version:
                result = compare(shop, candidate, given.limit)
                with kept.open("a") as file:
                    file.write(json.dumps(asdict(result)) + "\n")
            if result.ours == MISSING:
                missing.append(result.name)
            else:
                show(result)
            return result

        missing: list[str] = []
        results: list[Result] = []
        for count, order in draw(found, count=given.count, seed=given.seed):
            tried = (result_of(candidate) for candidate in order)
            results += islice((each for each in tried if each.ours != MISSING), count)
    same = sum(result.agree for result in results)
    built = sum(result.ours.startswith("successful") for result in results)
    print(f"\n{same} of {len(results)} verdicts are the same; {built} were built")
    print(f"{len(missing)} more were drawn that the mirror does not have; kept in {given.data_dir}")
    return 0 if same == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
