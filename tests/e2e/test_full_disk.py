# SPDX-License-Identifier: GPL-3.0-or-later
"""A full disk, of the server and of a worker: words that say so, nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.kinds.test import Test, TestData
from debusine.client.config import read_client_config
from debusine.client.debusine import Debusine
from debusine.client.local_server import DataDir, parse_holder
from debusine.domain.result import WorkRequestResults
from debusine.errors import DebusineError
from debusine.testing.farm import farm, wait_without_strays
from debusine.testing.small_disk import enlarge, inside, on_small_disk
from debusine.testing.waiting import PATIENCE_S
from debusine.wire.artifact import ArtifactCreate
from debusine.wire.work_request import WorkRequestCreate

# it and test_kill.py look for strays of the same command
pytestmark = pytest.mark.xdist_group("kills")

MIB = 2**20
PLUGINS = Path(__file__).parent / "plugin"


@dataclass(frozen=True, kw_only=True)
class SmallServer:
    """A server whose data lie on a small disk."""

    pid: int
    disk: Path

    @property
    def data_dir(self) -> DataDir:
        """Where its data are, for us."""
        return DataDir(inside(self.pid, self.disk) / "data")

    def client(self, *, patience_s: float) -> Debusine:
        config = read_client_config(self.data_dir.client_config).select()
        return Debusine(config.api_url, config.token, patience_s=patience_s)


@contextmanager
def small_server(disk: Path, *, size_mib: int) -> Iterator[SmallServer]:
    ready, write_end = os.pipe()
    process = subprocess.Popen(
        [
            *on_small_disk(disk, size_mib=size_mib), sys.executable, "-m", "debusine.standalone",
            "--no-worker", "--data-dir", str(disk / "data"), "--listen", "127.0.0.1:0",
            "--ready-fd", str(write_end),
        ],
        pass_fds=[write_end],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write_end)
    try:
        with os.fdopen(ready) as lines:
            assert parse_holder(lines.readline()) is not None
        yield SmallServer(pid=process.pid, disk=disk)
    finally:
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


def test_a_server_without_room_says_so_and_goes_on_when_there_is_some(tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(os.urandom(60 * MIB))
    local = LocalArtifact(
        category=Test.category, data=TestData(), files={"big": big}, content_types={}
    )
    noop = WorkRequestCreate(task_name="noop")
    with small_server(tmp_path / "disk", size_mib=48) as server:
        client = server.client(patience_s=1)
        declared = client.artifact_create(ArtifactCreate.from_local(local, workspace="System"))
        with pytest.raises(DebusineError, match="no space left") as caught:
            client.upload_file(declared.id, "big", big)
        assert "can be resumed" in caught.value.explain()
        # the database has no room either; what needs none still works
        with pytest.raises(DebusineError, match="no space left"):
            client.work_request_create(noop)
        assert client.artifact_get(declared.id).files_to_upload == ["big"]
        assert list(client.work_request_list()) == []
        (part,) = (server.data_dir.root / "uploads").iterdir()
        kept = part.stat().st_size
        assert kept > 30 * MIB
        enlarge(server.pid, server.disk, size_mib=200)
        moved: list[int] = []
        client.upload_file(declared.id, "big", big, progress=moved.append)
        assert client.work_request_create(noop).status == "pending"
        client.download_artifact(declared.id, tmp_path / "out", workspace="System")
        assert (tmp_path / "out/big").read_bytes() == big.read_bytes()
        log = server.data_dir.log.read_text()
        assert "Traceback" not in log


def test_a_task_that_fills_the_disk_of_its_worker_ends_in_words() -> None:
    def small(work: Path) -> list[str]:
        return on_small_disk(work, size_mib=48)

    with farm(PLUGINS, agent_prefix=small) as running:
        input_artifact = running.upload_input(size_mib=1)
        for wanted in (
            running.probe(input_artifact, "cat /dev/zero > filler; seq 100000; sleep 60"),
            running.probe(input_artifact, "echo built", upload_mib=64),
            running.probe(running.upload_input(size_mib=64), "echo built"),
        ):
            done = running.wait_final(wanted.id)
            # the disk holds the log, too: either the task or its agent meets the end
            assert done.result in {WorkRequestResults.ERROR, WorkRequestResults.FAILURE}
            assert "No space left on device" in running.log(wanted.id)
        # it did not wait for a log that cannot come
        assert "log-incomplete" not in (running.root / "agent.log").read_text()
        # and the disk is as empty as it was
        well = running.probe(input_artifact, "echo built", upload_mib=8)
        assert running.wait_final(well.id).result is WorkRequestResults.SUCCESS
        wait_without_strays(running)
