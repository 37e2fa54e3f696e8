# SPDX-License-Identifier: GPL-3.0-or-later
"""
What it costs to get a fresh system: unpack it, or lay a layer over a kept tree.

Give a system tarball; run it as an ordinary user with subordinate ids. Prints medians
of start and stop in milliseconds, their ratios to the plain way, which is unpacking to disk, and
what it costs to write files that are synchronised one by one, as dpkg does.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from debusine.domain.executor import BackendType
from debusine.tasks.executors.base import ExecutorOptions, TreeStrategy
from debusine.tasks.executors.images import ImageEntry
from debusine.tasks.executors.unshare import UnshareInstance, prepare_base
from debusine.util.userns import remove_tree

WAYS = {
    "unpack to disk": ExecutorOptions(strategy=TreeStrategy.UNPACK, memory=False),
    "unpack to memory": ExecutorOptions(strategy=TreeStrategy.UNPACK, memory=True),
    "layer on disk": ExecutorOptions(strategy=TreeStrategy.OVERLAY, memory=False),
    "layer in memory": ExecutorOptions(strategy=TreeStrategy.OVERLAY, memory=True),
}


SYNCHRONISE = """
for number in $(seq 100); do dd if=/dev/zero of=/file$number bs=4k count=1 conv=fsync; done
"""


def session(
    entry: ImageEntry, directory: Path, options: ExecutorOptions
) -> tuple[float, float, float]:
    instance = UnshareInstance(entry, directory, options)
    began = time.perf_counter()
    instance.start()
    instance.run(["true"], run_as_root=True, check=True)
    ready = time.perf_counter()
    instance.run(["sh", "-c", SYNCHRONISE], run_as_root=True, check=True)
    written = time.perf_counter()
    instance.stop()
    return ready - began, written - ready, time.perf_counter() - written


def first_base(entry: ImageEntry) -> float:
    remove_tree(entry.backend_directory(BackendType.UNSHARE))
    began = time.perf_counter()
    prepare_base(entry)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tarball", type=Path)
    parser.add_argument("--directory", type=Path, default=Path("/var/tmp"), help="on a disk")
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="bench-unpack-", dir=arguments.directory))
    root.chmod(0o755)
    try:
        entry = ImageEntry(root / "image", arguments.tarball.name)
        entry.directory.mkdir(mode=0o755)
        shutil.copyfile(arguments.tarball, entry.path)
        base = statistics.median(first_base(entry) for _ in range(arguments.repeat))
        rows = {
            name: [session(entry, root, options) for _ in range(arguments.repeat)]
            for name, options in WAYS.items()
        }
    finally:
        remove_tree(root)
    plain = statistics.median(start + stop for start, _, stop in rows["unpack to disk"])
    print(f"{'way':18} {'start ms':>9} {'100 syncs ms':>13} {'stop ms':>8} {'start+stop':>11}")
    for name, times in rows.items():
        start, write, stop = (statistics.median(column) for column in zip(*times, strict=True))
        print(
            f"{name:18} {start * 1000:9.0f} {write * 1000:13.0f} {stop * 1000:8.0f}"
            f" {(start + stop) / plain:10.3f}x"
        )
    print(f"making the kept tree, once per image: {base:.3f} s")


if __name__ == "__main__":
    main()
