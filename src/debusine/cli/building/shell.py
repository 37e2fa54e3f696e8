# SPDX-License-Identifier: GPL-3.0-or-later
"""
Open a shell in a fresh environment after a build has failed.

The build's own session is gone by then. Code of the package runs only in the new one:
as root, a child process becomes the user that runs tasks before it starts anything.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import select
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Protocol

from debusine.artifacts.files import LocalArtifact
from debusine.cli.building.request import BuildRequest
from debusine.cli.building.shell_child import Ends, Message, read_message, run_child
from debusine.cli.building.shell_inside import ShellPlan
from debusine.cli.building.shell_scene import read_log
from debusine.cli.building.source import Source
from debusine.cli.progress import Screen
from debusine.client.local_agent import LocalAgent
from debusine.client.local_server import SCRATCH_PREFIX
from debusine.errors import NotPossibleError, UpstreamError
from debusine.tasks.apt_sources import for_architecture
from debusine.tasks.executors import room
from debusine.tasks.executors.images import ImageCache, image_file
from debusine.tasks.models import ExtraExternalRepository
from debusine.util.apt_access import access_of
from debusine.util.apt_config import read_machine
from debusine.util.pseudo_terminal import relay
from debusine.util.userns import remove_tree
from debusine.wire.artifact import ArtifactResponse
from debusine.wire.work_request import WorkRequest

# a directory of our own is made in one of them
MEMORY, DISK = Path("/dev/shm"), Path("/var/tmp")  # noqa: S108  as said
BLOCK_BYTES = 64 * 1024


class ShellPort(Protocol):
    """What opening a shell takes from a client."""

    def work_request_get(self, work_request_id: int) -> WorkRequest:
        """Show a work request."""
        ...

    def artifact_get(self, artifact_id: int) -> ArtifactResponse:
        """Show an artifact."""
        ...

    def download_artifact(
        self, artifact_id: int, destination: Path, *, progress: Callable[[int], None] | None = None
    ) -> ArtifactResponse:
        """Download all files of an artifact."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedBuild:
    """
    A build that failed.

    :param log: of sbuild; None if there is none
    :param extra: packages that it was to build with
    """

    work_request: int
    log: Path | None
    source: Source
    request: BuildRequest
    extra: Sequence[LocalArtifact] = ()


def open_shell(
    client: ShellPort,
    failed: FailedBuild,
    screen: Screen,
    *,
    terminal: int,
    output: int,
    agent: LocalAgent,
) -> None:
    """
    Let a person look at what the build saw; returns when the shell has ended.

    :param terminal: what the person types on
    :param output: where the person looks
    :param agent: may have the image; whom root becomes is the user of its tasks
    :raises DebusineError: if it cannot be opened
    """
    environment = _environment_of(client, failed.work_request)
    name, file = image_file(environment)
    account = _account(agent.user)
    screen.step("opening a shell in a fresh copy of the environment")
    kept = ImageCache(agent.images).find(environment) if agent.images else None
    with _stage(file.size if kept is None else 0) as stage:
        image = stage / "image" / name
        if kept is None:
            with screen.transfer(f"environment {environment.id}", file.size) as progress:
                client.download_artifact(environment.id, stage / "image", progress=progress)
        else:
            image.symlink_to(kept.path)
        plan = _plan(failed, str(environment.data.get("codename", "")), stage)
        _hand_over(stage, account)
        _converse(plan, image, account, screen, terminal=terminal, output=output)
    screen.note("the shell and its copy of the environment are gone")


def _environment_of(client: ShellPort, work_request_id: int) -> ArtifactResponse:
    data = client.work_request_get(work_request_id).dynamic_task_data or {}
    number = data.get("environment_id")
    if not isinstance(number, int):
        raise NotPossibleError(
            f"work request {work_request_id} does not say in which environment it ran"
        )
    return client.artifact_get(number)


def _account(worker_user: str) -> pwd.struct_passwd | None:
    """Who is to run what comes next; None: we ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(worker_user)
    except KeyError:
        raise NotPossibleError(
            f"root opens no shell for a package, and there is no user {worker_user} here",
            resolution="Run the build as an ordinary user.",
        ) from None


@contextlib.contextmanager
def _stage(image_bytes: int) -> Iterator[Path]:
    """Make a directory that subordinate ids can reach; purge knows its name."""
    place = room.choose_place(image_bytes, room.memory_of_machine(), allowed=MEMORY.is_dir())
    parent = MEMORY if place is room.Place.MEMORY else DISK
    stage = Path(tempfile.mkdtemp(prefix=f"{SCRATCH_PREFIX}shell-", dir=parent))
    try:
        stage.chmod(0o711)
        for name in ("image", "input"):
            (stage / name).mkdir(mode=0o755)
        yield stage
    finally:
        remove_tree(stage)


def _hand_over(stage: Path, account: pwd.struct_passwd | None) -> None:
    if account is not None:
        for path in (stage, *stage.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _plan(failed: FailedBuild, codename: str, stage: Path) -> ShellPlan:
    def staged(paths: Sequence[Path]) -> list[Path]:
        return [Path(shutil.copy(path, stage / "input" / path.name)) for path in paths]

    source, request = failed.source, failed.request
    debs = [path for local in failed.extra for path in local.files.values()]
    scene = read_log(failed.log, name=source.name, version=source.file_version)
    wanted = [ExtraExternalRepository.model_validate(each) for each in request.extra_repositories]
    repositories = for_architecture(wanted, request.architecture)
    return ShellPlan(
        scene=scene,
        codename=codename,
        dsc=source.dsc.name,
        sources=staged(list(source.artifact.files.values())),
        components=request.components,
        profiles=request.profiles,
        extra=staged([path for path in debs if path.suffix == ".deb"]),
        repositories=repositories,
        access=access_of(read_machine(), [str(repository.url) for repository in repositories]),
        term=os.environ.get("TERM", "dumb"),
    )


def _converse(
    plan: ShellPlan,
    image: Path,
    account: pwd.struct_passwd | None,
    screen: Screen,
    *,
    terminal: int,
    output: int,
) -> None:
    """Start the child, show what it does, then connect the terminals."""
    master, slave = os.openpty()
    log_reader, log_writer = os.pipe()
    ours, theirs = socket.socketpair()
    ends = Ends(terminal=slave, log=log_writer, channel=theirs)
    child = os.fork()
    if child == 0:
        for descriptor in (master, log_reader, ours.fileno()):
            os.close(descriptor)
        run_child(plan, image, account, ends)
    ends.close()
    try:
        with _hang_up_as_interrupt():
            if _follow(log_reader, ours, screen).kind == Message.READY:
                _explain(plan, screen)
                relay(terminal, output, master, until=ours.fileno())
                screen.console.print()
                ending = read_message(ours)
                if ending.kind == Message.FAILED:
                    screen.warn(f"the shell did not end well: {ending.text}")
    finally:
        # it ends with its channel, whatever it does; and with it the sandbox
        ours.close()
        os.close(master)
        os.close(log_reader)
        os.waitpid(child, 0)


def _follow(log: int, channel: socket.socket, screen: Screen) -> Message:
    """
    Show the child's log until it has a message.

    :raises UpstreamError: if it failed
    """
    watched: list[int | socket.socket] = [log, channel]
    while True:
        readable, _, _ = select.select(watched, [], [])
        if log in readable:
            data = os.read(log, BLOCK_BYTES)
            screen.log(data)
            watched = watched if data else [channel]
        elif channel in readable:
            screen.log_end()
            message = read_message(channel)
            if message.kind == Message.FAILED:
                raise UpstreamError("the shell cannot be opened", details=message.text)
            if message.kind == Message.READY:
                return message
            screen.warn(message.text)


def _explain(plan: ShellPlan, screen: Screen) -> None:
    screen.note(f"{plan.scene.directory}, as the build user, without network, as builds have it")
    if plan.scene.command:
        screen.note(f"what failed: {plan.scene.command}")
    screen.note("exit or Ctrl-D ends the shell and removes all of it")


@contextlib.contextmanager
def _hang_up_as_interrupt() -> Iterator[None]:
    """Clean up when the person's terminal goes away, too."""

    def interrupt(_signum: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGHUP, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
