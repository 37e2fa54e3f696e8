# SPDX-License-Identifier: GPL-3.0-or-later
"""
Upload and download of one large file, against one Python pass over it.

The pass reads the file, hashes it and writes it elsewhere on the same disk. The
upload ends when the server has stored and shown the file, its bytes synced; the
download when the client has verified the hash.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from harness import server

from debusine.client.debusine import Debusine
from debusine.wire.artifact import ArtifactCreate, FileCreate

BLOCK_BYTES = 1024 * 1024


def one_pass(source: Path, target: Path) -> str:
    """Hash a file while copying it."""
    digest = hashlib.sha256()
    with source.open("rb", buffering=0) as reader, target.open("wb", buffering=0) as writer:
        while block := reader.read(BLOCK_BYTES):
            digest.update(block)
            writer.write(block)
    return digest.hexdigest()


def declare(client: Debusine, name: str, size: int, digest: str) -> int:
    """Make an artifact that waits for one file."""
    entry = FileCreate(size=size, checksums={"sha256": digest})
    return client.artifact_create(ArtifactCreate(category="debusine:test", files={name: entry})).id


def timed(action: Callable[[], object]) -> float:
    """Seconds that an action takes."""
    began = time.monotonic()
    action()
    return time.monotonic() - began


def measure(client: Debusine, scratch: Path, size: int) -> tuple[float, float, float]:
    """Seconds of the pass, the upload and the download of a file that is new to the server."""
    source = scratch / "source"
    with source.open("wb") as file:
        for _ in range(size // BLOCK_BYTES):
            file.write(os.urandom(BLOCK_BYTES))
    os.sync()
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    # nothing is deleted before the end: memory that was used before is faster to write to,
    # on virtual machines by far, and one of the three would get more of it
    number = len(list(scratch.iterdir()))
    pass_s = timed(lambda: one_pass(source, scratch / f"copy-{number}"))
    os.sync()
    artifact = declare(client, "file", size, digest)
    upload_s = timed(lambda: client.upload_file(artifact, "file", source))
    os.sync()
    download_s = timed(lambda: client.download_artifact(artifact, scratch / f"download-{number}"))
    return pass_s, upload_s, download_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=512, help="size of the file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scratch", type=Path, help="a directory on the disk to measure")
    options = parser.parse_args()
    size = options.mib * 1024 * 1024
    with tempfile.TemporaryDirectory(prefix="debusine-bench-", dir=options.scratch) as name:
        scratch = Path(name)
        data_dir = scratch / "data"
        data_dir.mkdir()
        with server(data_dir) as running:
            client = running.client()
            rounds = [measure(client, scratch, size) for _ in range(options.rounds)]
    medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
    for label, seconds in zip(("one pass", "upload", "download"), medians, strict=True):
        speed = options.mib / seconds
        print(f"{label:10} {speed:8.0f} MiB/s   ratio {medians[0] / seconds:5.2f}")
    print("aim: upload and download at least 0.50")


if __name__ == "__main__":
    main()
