# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine-signing`` as people run it, for a server in memory."""

from __future__ import annotations

import base64
import json
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.signing.conftest import empty_database

from debusine.testing.server_http import LiveServer
from debusine.testing.software_keys import signers_by_keys
from debusine.testing.waiting import wait_for
from debusine.util.userns import remove_tree
from debusine.wire.work_request import WorkRequestCompleted

TOKEN = "5" * 64


def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: TID251  the program as people run it
        [sys.executable, "-m", "debusine.signing.main", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Service:
    """A signing service that is running."""

    def __init__(self, server: LiveServer, base: Path, database_url: str | None) -> None:
        self.server = server
        self.config = base / "config"
        self.data = base / "data"
        self.config.mkdir(mode=0o700)
        text = f"[General]\napi-url = {server.url}\n[Signing]\ndata-directory = {self.data}\n"
        if database_url is not None:
            text += f"database-url = {database_url}\n"
        (self.config / "config.ini").write_text(text)
        (self.config / "token").write_text(TOKEN)
        (self.config / "token").chmod(0o600)
        self.log = base / "log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "debusine.signing.main", "--config-directory",
                    str(self.config), "run", "--log-stderr", "--log-level", "DEBUG",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )  # fmt: skip

    def ask(self, task_name: str, data: dict[str, Any], **fields: Any) -> WorkRequestCompleted:
        """Have a request of type Signing run, unless another is given; its report."""
        wanted = {"task_type": "Signing", "task_data": data, **fields}
        number = self.server.memory.add_work_request(task_name=task_name, **wanted)
        self.server.announce_work()
        report: WorkRequestCompleted = wait_for(
            lambda: self.server.memory.reports.get(number), instead=self.log.read_text
        )
        return report

    def tell(self, *arguments: str) -> Any:
        """What a command of the administrator answers."""
        done = call("--config-directory", self.config, *arguments, "--format", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    # not tmp_path: the user of the service must be able to pass through every parent
    base = Path(tempfile.mkdtemp(prefix="debusine-test-signing-", dir="/var/tmp"))
    base.chmod(0o711)
    with LiveServer() as server, empty_database() as database_url:
        running = Service(server, base, database_url)
        try:
            wait_for(lambda: server.memory.metadata, instead=running.log.read_text)
            yield running
        finally:
            running.process.send_signal(signal.SIGTERM)
            status = running.process.wait(30)
        assert status == 128 + signal.SIGTERM
    remove_tree(base)


def test_says_what_it_is(service: Service) -> None:
    metadata = service.server.memory.metadata
    assert metadata["system:worker_type"] == "signing"
    assert metadata["signing:noop:version"] == 1
    tags = set(metadata["provided_tags"])
    tasks = {tag for tag in tags if tag.startswith("worker:task:")}
    assert {"worker:type:signing", "worker:task:signing:noop:version:1"} <= tags
    assert {tag.split(":")[2] for tag in tasks} == {"signing"}
    assert not [tag for tag in tags if tag.startswith(("worker:executor:", "worker:build-arch:"))]


def test_runs_signing_tasks_only(service: Service) -> None:
    assert service.ask("noop", {}).result == "success"
    refused = service.ask("noop", {}, task_type="Worker")
    assert refused.result == "error"
    assert refused.output_data is not None
    assert refused.output_data.errors is not None
    assert [error.code for error in refused.output_data.errors] == ["wrong-task-type"]


def test_makes_a_key_and_signs_with_it(service: Service, tmp_path: Path) -> None:
    memory = service.server.memory
    made = service.ask("generatekey", {"purpose": "openpgp", "description": "Uploads"})
    assert made.result == "success"
    asset = memory.assets.records[-1]
    fingerprint = asset["data"]["fingerprint"]
    slug = f"debusine:signing-key/openpgp:{fingerprint}/sign_with"
    leave = {"has_permission": True, "username": "alice", "user_id": 4, "resource": {"a": "b"}}
    memory.assets.permissions[slug] = leave
    unsigned = memory.artifacts.add({"hello.efi": b"hello"}, category="debusine:signing-input")

    data = {"purpose": "openpgp", "unsigned": [unsigned], "key": fingerprint}
    dynamic = {"unsigned_ids": [unsigned], "unsigned_binary_package_names": [None]}
    done = service.ask("sign", data, dynamic_task_data=dynamic)
    assert done.result == "success", service.log.read_text()
    signed = tmp_path / "signed"
    signed.write_bytes(memory.artifacts.contents[unsigned + 1, "hello.efi.sig"])
    public = base64.b64decode(asset["data"]["public_key"])
    assert signers_by_keys([public], signed, None) == [fingerprint]

    [used, generated] = service.tell("audit", "--fingerprint", fingerprint)
    assert (generated["event"], used["event"]) == ("generate", "sign")
    assert used["work_request"] == len(memory.work_requests)
    assert used["data"]["username"] == "alice"
    assert list(used["data"]["files"]) == ["hello.efi"]
    held = {key["fingerprint"]: key["description"] for key in service.tell("keys")}
    assert held[fingerprint] == "Uploads"


def test_who_may_not_sign_touches_no_key(service: Service) -> None:
    memory = service.server.memory
    unsigned = memory.artifacts.add({"hello.efi": b"hello"}, category="debusine:signing-input")
    before = service.tell("audit")
    done = service.ask(
        "sign",
        {"purpose": "openpgp", "unsigned": [unsigned], "key": "0" * 40},
        dynamic_task_data={"unsigned_ids": [unsigned]},
    )
    assert done.result == "failure"
    assert service.tell("audit") == before


def test_what_it_keeps_is_for_nobody_else(service: Service) -> None:
    service.ask("generatekey", {"purpose": "openpgp-repository", "description": "Archive"})
    assert stat.S_IMODE(service.data.stat().st_mode) == 0o700
    [service_key] = (service.data / "service-keys").iterdir()
    kept = [service_key, *service.data.glob("keys.sqlite3")]
    for path in kept:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.stat().st_uid == service.data.stat().st_uid != 0
    said = service.log.read_bytes()
    assert b"event='task-ended'" in said
    for secret in (TOKEN.encode(), service_key.read_bytes(), b"PRIVATE KEY"):
        assert secret not in said
    # nothing of a task stays
    wait_for(lambda: not list((service.data / "workdir").glob("WR-*")))


def test_prints_the_public_half_of_a_key(service: Service) -> None:
    service.ask("generatekey", {"purpose": "openpgp", "description": "Another"})
    [key, *_] = service.tell("keys")
    arguments = ["--config-directory", str(service.config), "keys", "--public"]
    command = [sys.executable, "-m", "debusine.signing.main", *arguments]
    exported = subprocess.check_output([*command, key["fingerprint"]])
    publics = [base64.b64decode(one["data"]["public_key"]) for one in _keys(service)]
    assert exported in publics
    done = call(*arguments, "0" * 40)
    assert (done.returncode, done.stderr) == (3, f"Error: there is no key {'0' * 40} here\n")


def _keys(service: Service) -> list[dict[str, Any]]:
    return service.server.memory.assets.records


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[str], Path]:
    """Write a configuration; its directory."""

    def configured(text: str) -> Path:
        (tmp_path / "config.ini").write_text(text)
        return tmp_path

    return configured


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[General]\napi-url = http://debusine.example.org/api\n", "must be https"),
        ("[General]\napi-url = https://e.example.org\n[Signing]\nkeys = x\n", "unknown keys"),
        (
            "[General]\napi-url = https://e.example.org\n[Signing]\ndatabase-url = mysql://x\n",
            "database-url",
        ),
    ],
)
def test_a_wrong_configuration_exits_with_3(
    configured: Callable[[str], Path], text: str, said: str
) -> None:
    done = call("--config-directory", configured(text), "run", "--log-stderr")
    assert done.returncode == 3
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_registers_as_a_signing_worker(service: Service, tmp_path: Path) -> None:
    with LiveServer() as server:
        text = f"[General]\napi-url = {server.url}\n[Signing]\ndata-directory = {service.data}\n"
        (tmp_path / "config.ini").write_text(text)
        server.memory.add_work_request(task_type="Signing")
        done = call("--config-directory", tmp_path, "run", "--once", "--log-stderr")
        assert done.returncode == 0, done.stderr
        [registration] = server.memory.registrations
    assert registration["worker_type"] == "signing"
    token = tmp_path / "token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert token.read_text().strip() == registration["token"]
    assert registration["token"] not in done.stderr


def test_a_service_key_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "0002.key"
    assert call("service-key", path).returncode == 0
    made = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = call("service-key", path)
    assert (again.returncode, path.read_bytes()) == (3, made)
