# SPDX-License-Identifier: GPL-3.0-or-later
"""
The ``debusine-worker`` that Debian packages, as a worker of our server.

It is installed in a machine of its own and run as it comes. It sends no heartbeat, only
pings of its WebSocket.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.data import make_sources
from tests.e2e.conftest import PEER_VERSION, RunningServer, start_server

from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.kinds.build_log import BuildLog
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.system_tarball import SystemTarball, SystemTarballData
from debusine.artifacts.kinds.upload import Upload
from debusine.client.debusine import Debusine
from debusine.domain.result import WorkRequestResults
from debusine.testing.fresh_machine import FreshMachine
from debusine.testing.waiting import wait_for
from debusine.util.command import Command, run
from debusine.util.userns import remove_tree
from debusine.wire.lookup import LookupRequest
from debusine.wire.work_request import WorkRequest
from debusine.wire.worker_care import WorkerRecord

PROGRAM = "debusine-worker"
CONFIG = Path("/etc/debusine/worker")
LEASE_S = 5
# how long a worker without heartbeat may be silent; its open socket is looked at every 15 s
GRACE_S = 25
BUILD_S = 10

pytestmark = [pytest.mark.root, pytest.mark.timeout(900)]


@dataclass(frozen=True, kw_only=True)
class Peer:
    """The packaged worker, and the server that it works for, which has no other worker."""

    machine: FreshMachine
    server: RunningServer
    log: Path

    @property
    def client(self) -> Debusine:
        return self.server.client()

    def record(self) -> WorkerRecord | None:
        """What the server knows of it."""
        workers = [one for one in self.client.workers.all() if one.worker_type == "external"]
        found = [one for one in workers if one.name not in {"local", "worker-1"}]
        return found[0] if found else None

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def outcomes(self, request: WorkRequest) -> list[tuple[str, str]]:
        attempts = self.client.work_request_attempts(request.id)
        return [(attempt.worker or "", attempt.outcome) for attempt in attempts]


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    path = Path(tempfile.mkdtemp(prefix="debusine-peer-", dir=memory))
    yield path
    remove_tree(path)


@pytest.fixture(scope="module")
def strict_server(directory: Path) -> Iterator[RunningServer]:
    with ExitStack() as stack:
        # for this server only
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("DEBUSINE_LEASE", f"PT{LEASE_S}S")
            environment.setenv("DEBUSINE_DISCONNECT_GRACE", f"PT{GRACE_S}S")
            started = stack.enter_context(start_server(directory / "server", "--no-worker"))
        yield started


@pytest.fixture(scope="module")
def peer(
    directory: Path, peer_machine: FreshMachine, strict_server: RunningServer
) -> Iterator[Peer]:
    """Registered by itself, and enabled by an administrator."""
    machine = peer_machine
    config = machine.root / CONFIG.relative_to("/")
    config.mkdir(parents=True, exist_ok=True)
    (config / "config.ini").write_text(f"[General]\napi-url = {strict_server.holder.url}/api\n")
    machine.run("chown", "--recursive", f"{PROGRAM}:", str(CONFIG))
    log = directory / "worker.log"
    process = machine.start(PROGRAM, PROGRAM, "--log-stderr", log=log)
    try:
        found = Peer(machine=machine, server=strict_server, log=log)
        record = wait_for(found.record, instead=found.said)
        assert record.state == "disabled"
        strict_server.client().workers.enable(record.name)
        yield found
    finally:
        machine.end_processes()
        process.wait()


def test_it_is_the_packaged_one(peer_machine: FreshMachine) -> None:
    done = peer_machine.run(PROGRAM, "--version")
    assert done.text == f"{PROGRAM} {PEER_VERSION}\n"


def test_it_says_what_it_can(peer: Peer) -> None:
    record = wait_for(lambda: (one := peer.record()) and one.version and one, instead=peer.said)
    assert (record.version, record.problem, record.slots) == (PEER_VERSION, None, 1)


@pytest.mark.parametrize("result", ["success", "failure"])
def test_it_runs_noop(peer: Peer, result: str) -> None:
    request = peer.server.run_task("noop", {"result": result})
    assert request.result == result, peer.said()
    record = peer.record()
    assert record is not None
    assert peer.outcomes(request) == [(record.name, result)]


def test_it_builds_for_longer_than_a_lease(
    peer: Peer, directory: Path, built_environment: RunningServer
) -> None:
    client = peer.client
    environment = client.upload_artifact(
        environment_for(built_environment.client(), directory), workspace="System"
    )
    source = client.upload_artifact(
        SourcePackage.from_dsc(slow_source(directory / "source")), workspace="System"
    )
    request = peer.server.run_task(
        "sbuild",
        {
            "input": {"source_artifact": source.id},
            "environment": environment.id,
            "build_architecture": environment.data["architecture"],
        },
        timeout_s=600,
    )
    assert request.result is WorkRequestResults.SUCCESS, peer.said()
    # one attempt: nobody took it away, although it sent no heartbeat all the time
    record = peer.record()
    assert record is not None
    assert peer.outcomes(request) == [(record.name, "success")]
    [attempt] = client.work_request_attempts(request.id)
    assert attempt.ended_at is not None
    lasted = attempt.ended_at - attempt.started_at
    assert lasted > timedelta(seconds=max(LEASE_S, GRACE_S))

    made = [client.artifact_get(number) for number in request.artifacts]
    [build_log] = [one for one in made if one.category == BuildLog.category]
    assert build_log.data["source"] == "tiny-native"
    [upload] = [one for one in made if one.category == Upload.category]
    assert {Path(name).suffix for name in upload.files} >= {".changes", ".deb", ".buildinfo"}


def environment_for(client: Debusine, directory: Path) -> LocalArtifact:
    """The environment of all tests, packed as an old worker can unpack it."""
    wanted = LookupRequest(
        lookup="debian/match:codename=trixie:format=tarball",
        workspace="System",
        expect_type="artifact",
        default_category="debian:environments",
    )
    found = client.artifact_get(client.lookup_single(wanted).artifact or 0)
    client.download_artifact(found.id, directory / "environment")
    [packed] = (directory / "environment").iterdir()
    tarball = directory / "system.tar.xz"
    script = f"zstd --decompress --stdout {packed} | xz -0 --threads=2 > {tarball}"
    run(Command(["sh", "-c", script], timeout_s=300))
    data = {**found.data, "filename": tarball.name}
    return SystemTarball.from_tarball(tarball, SystemTarballData.model_validate(data))


def slow_source(directory: Path) -> Path:
    """A source package whose build lasts."""
    source = make_sources.SOURCES["tiny-native"]
    rules = f"{source.rules}\nmain.c: pause\npause:\n\tsleep {BUILD_S}\n\ttouch $@\n"
    return make_sources.make_source(replace(source, rules=rules), directory, nonce="peer")
