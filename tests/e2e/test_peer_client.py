# SPDX-License-Identifier: GPL-3.0-or-later
"""
The ``debusine`` command that Debian packages, as a client of our server.

It is installed in a machine of its own and run as it comes.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from tests.e2e.conftest import PEER_VERSION, RunningServer, admin

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.upload import Upload
from debusine.client.config import ServerConfig, read_client_config
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import WorkRequestStatus
from debusine.testing.fresh_machine import FreshMachine
from debusine.testing.packages import write_changes, write_deb, write_dsc
from debusine.testing.waiting import wait_for
from debusine.wire.work_request import WorkRequest

USER = "alice"
# it waits for a worker that nobody has; no host of that name is ever asked
UNFIT = {
    "bootstrap_options": {"architecture": "s390x", "variant": "minbase"},
    "bootstrap_repositories": [
        {"mirror": "http://deb.example.org/debian", "suite": "trixie", "components": ["main"]}
    ],
}
HOOK = "#!/bin/sh\necho $* >> told\n"

pytestmark = [pytest.mark.root, pytest.mark.timeout(900)]


@dataclass(frozen=True, kw_only=True)
class Peer:
    """
    Somebody who has only the packaged client.

    :param home: their home directory, as seen from outside
    """

    machine: FreshMachine
    server: RunningServer
    home: Path

    def run(self, line: str, *, status: int = 0) -> str:
        """Run a shell line at home; what it prints on standard output."""
        argv = ["runuser", "--login", USER, "--command", line]
        done = self.machine.run(*argv)
        said = f"{line}\n{done.text}\n{done.stderr.decode()[-2000:]}"
        assert done.returncode == status, f"{said}\n{self.server.log_tail()}"
        return done.text

    def start(self, line: str, *, log: Path) -> subprocess.Popen[bytes]:
        """Start a command of the client that goes on."""
        prepare = f"cd /home/{USER} && export HOME=$PWD COLUMNS=200"
        return self.machine.start(USER, "sh", "-c", f"{prepare} && exec debusine {line}", log=log)

    def ask(self, line: str, *, data: Any = None, status: int = 0) -> Any:
        """Run a command of the client for what it prints as YAML."""
        if data is not None:
            self.write("data.yaml", yaml.safe_dump(data))
            line = f"{line} --data data.yaml"
        return yaml.safe_load(self.run(f"debusine {line} --yaml", status=status))

    def write(self, name: str, text: str, *, mode: int = 0o644) -> None:
        """Put a file of theirs at home."""
        (self.home / name).write_text(text)
        (self.home / name).chmod(mode)
        self.own()

    def own(self) -> None:
        """Give them what was put at home from outside."""
        self.machine.run("chown", "--recursive", f"{USER}:", f"/home/{USER}")

    def create(self, task: str, data: dict[str, Any]) -> int:
        """Ask for a task."""
        made: dict[str, Any] = self.ask(f"work-request create {task}", data=data)
        assert (made["task_name"], made["task_data"]) == (task, data)
        assert made["status"] == "pending"
        return int(made["id"])

    def run_noop(self, result: WorkRequestResults) -> WorkRequest:
        """Have a task that ends as said."""
        request = self.server.wait_for(self.create("noop", {"result": result.value}))
        assert request.result is result
        return request


@pytest.fixture(scope="module")
def administrator(server: RunningServer) -> ServerConfig:
    """Who lets the client in."""
    return read_client_config(server.data_dir.client_config).select()


@pytest.fixture(scope="module")
def peer(
    peer_machine: FreshMachine, server: RunningServer, administrator: ServerConfig
) -> Iterator[Peer]:
    """Set up by hand, and let in by the administrator in a browser."""
    home = peer_machine.root / peer_machine.add_user(USER).relative_to("/")
    found = Peer(machine=peer_machine, server=server, home=home)
    # a server of that name, with another address than such a name implies
    answers = ["new", "ours", "url", administrator.api_url, "save"]
    found.write("answers", "".join(f"{answer}\n" for answer in answers))
    log = home / "setup.log"
    try:
        process = found.start("setup < answers", log=log)
        path, words = wait_for(lambda: shown_by_setup(log), instead=log.read_text)
        let_in(server, administrator, path, words)
        assert process.wait(60) == 0, log.read_text()
        yield found
    finally:
        peer_machine.end_processes()


def shown_by_setup(log: Path) -> tuple[str, str] | None:
    """Path of the page and the words to compare, once both have been printed."""
    pattern = r'(/-/enroll/confirm/\S+) .*passphrase: "(.+?)"'
    found = re.search(pattern, log.read_text(), re.DOTALL)
    return None if found is None else (found[1], " ".join(found[2].split()))


def let_in(server: RunningServer, who: ServerConfig, path: str, words: str) -> None:
    """Log in and confirm, as a browser does."""
    with requests.Session() as browser:

        def post(answer: requests.Response, address: str, **fields: str) -> requests.Response:
            token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', answer.text)
            assert token is not None, answer.text
            fields |= {"csrfmiddlewaretoken": token[1]}
            return browser.post(f"{server.holder.url}{address}", data=fields, timeout=30)

        login = browser.get(f"{server.holder.url}{path}", timeout=30)
        asked = post(login, "/-/login/", token=who.token, next=path)
        assert words in asked.text
        assert "is let in" in post(asked, f"{path}/", outcome="confirm").text


def test_it_is_the_packaged_one(peer: Peer) -> None:
    assert peer.run("debusine --version") == f"debusine {PEER_VERSION}\n"


def test_setup_gets_a_token_of_its_own(peer: Peer, administrator: ServerConfig) -> None:
    config = peer.home / ".config/debusine/client/config.ini"
    ours = read_client_config(config).select("ours")
    assert (ours.api_url, ours.scope) == (administrator.api_url, administrator.scope)
    assert ours.token != administrator.token
    assert ours.connect().whoami().user == administrator.connect().whoami().user


def test_work_requests_are_created_shown_and_listed(peer: Peer) -> None:
    request = peer.run_noop(WorkRequestResults.SUCCESS)
    shown = peer.ask(f"work-request show {request.id}")
    known = request.model_dump(mode="json")
    assert {key: known.get(key) for key in shown} == shown
    [listed] = peer.ask("work-request list --limit 1")
    assert listed == shown
    table = peer.run("debusine work-request list --limit 1")
    assert f"#{request.id} " in table
    assert "completed success" in table


def test_what_failed_is_retried(peer: Peer) -> None:
    failed = peer.run_noop(WorkRequestResults.FAILURE)
    [logs] = peer.ask(f"work-request show {failed.id}")["artifacts"]
    assert logs["category"] == "debusine:work-request-debug-logs"
    assert peer.run(f"debusine work-request retry {failed.id}") == ""
    [again] = peer.ask("work-request list --limit 1")
    assert again["id"] > failed.id
    assert peer.server.wait_for(again["id"]).result is WorkRequestResults.FAILURE
    refused = peer.ask(f"work-request retry {failed.id}", status=3)
    assert refused["result"] == "failure"
    assert refused["error"]["title"] == "Cannot retry work request"


def test_what_waits_is_aborted(peer: Peer) -> None:
    waiting = peer.create("mmdebstrap", UNFIT)
    assert peer.run(f"debusine work-request abort {waiting}") == ""
    request = peer.server.client().work_request_get(waiting)
    assert request.status is WorkRequestStatus.ABORTED


def test_wrong_task_data_is_said_by_field(peer: Peer) -> None:
    refused = peer.ask("work-request create noop", data={"result": "odd"}, status=3)
    assert list(refused["error"]["validation_errors"]) == ["result"]


def test_artifacts_are_made_shown_and_downloaded(peer: Peer) -> None:
    files = {"a": b"of some bytes", "b": bytes(range(256)), "empty": b""}
    for name, content in files.items():
        (peer.home / name).write_bytes(content)
    made = peer.ask(f"artifact create debusine:test --upload {' '.join(files)}")
    # what is empty need not be sent
    assert (made["result"], made["files_to_upload"]) == ("success", 2)
    number = made["artifact_id"]
    shown = peer.ask(f"artifact show {number}")
    sizes = {name: file["size"] for name, file in shown["files"].items()}
    assert sizes == {name: len(content) for name, content in files.items()}
    assert shown["files_to_upload"] == []
    peer.run(f"mkdir got && debusine artifact download {number} --target-directory got")
    assert {path.name: path.read_bytes() for path in (peer.home / "got").iterdir()} == files
    missing = peer.run("debusine artifact show 999999", status=3)
    assert "Artifact 999999 not found" in missing


def test_debian_uploads_are_imported_with_their_relations(peer: Peer) -> None:
    directory = peer.home / "upload"
    directory.mkdir()
    dsc = write_dsc(directory)
    parts = [path for path in directory.iterdir() if path != dsc]
    deb = write_deb(directory)
    write_changes(directory, [dsc, *parts, deb], architecture="source amd64")
    peer.own()
    made = peer.ask("import-debian-artifact upload/hello_1.0-1_amd64.changes")
    upload = made["artifact_id"]
    numbers = [one["artifact_id"] for one in made["extends"]]
    assert numbers == [one["artifact_id"] for one in made["relates_to"]]
    client = peer.server.client()
    categories = [client.artifact_get(number).category for number in (upload, *numbers)]
    assert categories == [Upload.category, SourcePackage.category, BinaryPackage.category]

    relations = peer.ask(f"artifact show-relations {upload}")
    said = [(one["artifact"], one["type"], one["target"]) for one in relations]
    types = ("extends", "relates-to")
    assert said == [(upload, type_, number) for number in numbers for type_ in types]
    reverse = peer.ask(f"artifact show-relations {numbers[0]} --reverse")
    assert reverse == [one for one in relations if one["target"] == numbers[0]]

    peer.run(f"mkdir back && debusine artifact download {upload} --target-directory back")
    wanted = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert {path.name: path.read_bytes() for path in (peer.home / "back").iterdir()} == wanted


def test_collections_are_shown_and_searched(peer: Peer) -> None:
    collections = {one["name"]: one for one in peer.ask("collection list")}
    environments = collections["debian"]
    assert environments["category"] == "debian:environments"
    shown = peer.ask("collection show debian@debian:environments")
    assert shown["id"] == environments["id"]
    found = peer.ask("collection lookup-single debian@debian:environments --expect-type collection")
    assert (found["result_type"], found["collection"]) == ("collection", environments["id"])
    artifact = peer.ask("artifact create debusine:test")["artifact_id"]
    lookup = f"{artifact}@artifacts"
    several = peer.ask(f"collection lookup-multiple {lookup} {lookup} --expect-type artifact")
    assert {one["artifact"] for one in several} == {artifact}
    nothing = "collection lookup-single debian@debian:environments/name:none --expect-type artifact"
    assert "No matches" in peer.run(f"debusine {nothing} 2>&1", status=3)


def test_collections_are_made_changed_and_deleted(peer: Peer) -> None:
    name, category = "theirs", "debian:suite"
    made = peer.ask(
        f"collection create mine@{category} --full-history-retention-period 30", data={}
    )
    assert (made["name"], made["category"]) == ("mine", category)
    assert made["full_history_retention_period"] == 30
    line = f"collection manage mine@{category} --rename {name} --full-history-retention-period -"
    changed = peer.ask(line, data={"may_reuse_versions": True})
    assert (changed["id"], changed["name"]) == (made["id"], name)
    assert changed["full_history_retention_period"] is None
    assert changed["data"] == {"may_reuse_versions": True}
    peer.run(f"debusine collection delete {name}@{category}")
    assert name not in {one["name"] for one in peer.ask("collection list")}


def test_task_configuration_goes_both_ways(peer: Peer) -> None:
    peer.ask("collection create default@debusine:task-configuration", data={})
    peer.run("mkdir conf && debusine task-config pull default --workdir conf")
    entry = {
        "task_type": "Worker",
        "task_name": "noop",
        "override_values": {"result": "failure"},
        "comment": "nothing goes well",
    }
    peer.write("conf/noop.yaml", yaml.safe_dump([entry]))
    for option, added in (("--dry-run", 1), ("", 1), ("", 0)):
        said = peer.run(f"debusine task-config push --workdir conf {option} 2>&1")
        assert f"{added} added, 0 updated, 0 removed" in said
    again = peer.run("mkdir again && debusine task-config pull --workdir again && cat again/*.yaml")
    assert "nothing goes well" in again
    made = peer.ask("work-request create noop", data={"result": "success"})
    assert made["task_data"]["result"] == "failure"
    assert peer.server.wait_for(made["id"]).result is WorkRequestResults.FAILURE
    peer.write("conf/noop.yaml", "[]")
    assert "1 removed" in peer.run("debusine task-config push --workdir conf 2>&1")
    peer.run("debusine collection delete --force default@debusine:task-configuration")


def test_workspaces_inherit_from_others(peer: Peer, administrator: ServerConfig) -> None:
    scope, place = administrator.scope, administrator.default_workspace
    status, said = admin(peer.server.data_dir.root, "workspace", "create", f"{scope}/base")
    assert status == 0, said
    assert peer.ask(f"workspace inheritance {place}") == {"links": {}, "chain": []}
    made = peer.ask(f"workspace inheritance {place} --append base")
    [parent] = made["chain"]
    assert (parent["scope"], parent["workspace"]) == (scope, "base")
    assert peer.ask(f"workspace inheritance {place}") == made
    refused = f"debusine workspace inheritance base --append {place} 2>&1"
    assert f"{scope}/{place} inherits from {scope}/base already" in peer.run(refused, status=3)
    assert peer.ask(f"workspace inheritance {place} --remove {parent['id']}")["chain"] == []


def test_what_has_completed_is_told_to_a_command(peer: Peer) -> None:
    peer.write("hook", HOOK, mode=0o755)
    state = peer.home / "state.json"
    told = peer.home / "told"
    before = peer.run_noop(WorkRequestResults.SUCCESS)
    missed = peer.run_noop(WorkRequestResults.FAILURE)
    assert before.completed_at is not None
    peer.write(state.name, json.dumps({"last_completed_at": before.completed_at.isoformat()}))
    line = f"work-request on-completed --last-completed-at {state.name} ./hook it is"
    log = peer.home / "listener.log"
    process = peer.start(line, log=log)
    try:
        wait_for(lambda: f"it is {missed.id} failure" in lines(told), instead=log.read_text)
        live = peer.run_noop(WorkRequestResults.SUCCESS)
        ended_at = live.completed_at
        assert ended_at is not None
        # it is written once the command has ended
        wait_for(lambda: last_completed_at(state) >= ended_at, instead=log.read_text)
    finally:
        peer.machine.end_processes()
        process.wait()
    ours = {str(request.id) for request in (before, missed, live)}
    said = [line for line in lines(told) if line.split()[2] in ours]
    assert said == [f"it is {missed.id} failure", f"it is {live.id} success"]


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def last_completed_at(state: Path) -> datetime:
    """What the client remembers; long ago while it writes."""
    try:
        return datetime.fromisoformat(json.loads(state.read_text())["last_completed_at"])
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
