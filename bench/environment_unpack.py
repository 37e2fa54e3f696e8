# SPDX-License-Identifier: GPL-3.0-or-later
"""
What it costs to get a fresh system: unpack it, or lay a layer over a kept tree.

Give a system tarball; run it as an ordinary user with subordinate ids. Prints medians
of start and stop, and their ratios to the plain way: unpacking to disk.
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


def session(entry: ImageEntry, directory: Path, options: ExecutorOptions) -> tuple[float, float]:
    instance = UnshareInstance(entry, directory, options)
    began = time.perf_counter()
    instance.start()
    instance.run(["true"], run_as_root=True, check=True)
    ready = time.perf_counter()
    instance.stop()
    return ready - began, time.perf_counter() - ready


def first_base(entry: ImageEntry) -> float:
    remove_tree(entry.backend_directory(BackendType.UNSHARE))
    began = time.perf_counter()
    prepare_base(entry)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tarball", type=Path)
    parser.add_argument("--directory", type=Path, default=Path("/var/tmp"), help="on a disk")
    parser.add_argument("--repeat", type=int, default=3)
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
    plain = statistics.median(start + stop for start, stop in rows["unpack to disk"])
    print(f"{'way':18} {'start s':>8} {'stop s':>8} {'ratio':>7}")
    for name, times in rows.items():
        start, stop = (statistics.median(column) for column in zip(*times, strict=True))
        print(f"{name:18} {start:8.3f} {stop:8.3f} {(start + stop) / plain:7.3f}")
    print(f"making the kept tree, once per image: {base:.3f} s")


if __name__ == "__main__":
    main()
