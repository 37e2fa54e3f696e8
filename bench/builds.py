# SPDX-License-Identifier: GPL-3.0-or-later
"""The same source in the same environment, built by the server or by bare ``sbuild``."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from debusine.cli.building.repositories import bootstrap_repositories, choose_sources
from debusine.cli.building.request import BuildRequest
from debusine.cli.building.source_archive import SourceArchive
from debusine.cli.embedded import ensure_server
from debusine.client.debusine import Debusine
from debusine.client.local_server import WORKER_USER, DataDir
from debusine.tasks.sbuild_command import (
    components_options,
    tarball_options,
    write_configuration,
)
from debusine.tasks.sbuild_output import SbuildVerdict, find_build_log, judge
from debusine.util.apt_access import access_of
from debusine.util.apt_config import read_machine
from debusine.util.apt_hooks import sbuild_arguments
from debusine.util.apt_sources import AptSource
from debusine.util.command import Command, CommandError, run
from debusine.util.userns import remove_tree
from debusine.wire.environment import EnvironmentWanted
from debusine.wire.work_request import WorkRequest, WorkRequestCreate
from debusine.worker.directories import choose_scratch_base
from debusine.worker.user import Account, account_for

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
POLL_S = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Bare:
    """
    A build without the server.

    :param seconds: of the process ``sbuild``
    :param verdict: None if its time was over
    :param files: names of the binary packages
    """

    seconds: float
    verdict: SbuildVerdict | None
    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Workshop:
    """
    A server with an environment, and the same environment for bare builds.

    :param lookup: of the environment
    :param tarball: the same as a file
    :param account: who runs tasks, and bare builds
    :param sources: of APT for the suite
    """

    client: Debusine
    workspace: str
    data_dir: Path
    suite: str
    architecture: str
    lookup: str
    tarball: Path
    account: Account
    scratch: Path
    sources: Sequence[AptSource]

    def fetch(self, wanted: str, directory: Path) -> Path:
        """Fetch a source package from the mirror; returns its .dsc."""
        return SourceArchive(self.sources, self.data_dir / "apt").fetch(wanted, directory)

    def request(self, source: int) -> WorkRequest:
        """Have the server build a source artifact; returns the request when it is final."""
        data = BuildRequest(suite=self.suite, architecture=self.architecture).sbuild_data(
            source, [], self.lookup
        )
        wanted = WorkRequestCreate(task_name="sbuild", task_data=data, workspace=self.workspace)
        return wait(self.client, self.client.work_request_create(wanted).id)

    def bare(self, dsc: Path, *, limit_s: float | None = None) -> Bare:
        """Build with sbuild alone: same user, scratch, options and environment."""
        root = Path(tempfile.mkdtemp(prefix="debusine-bench-", dir=self.scratch))
        root.chmod(0o755)
        try:
            for path in dsc.parent.iterdir():
                shutil.copy(path, root)
            for name in ("tmp", "home", "output"):
                (root / name).mkdir(mode=0o755)
            write_configuration(root / "sbuild.conf", output=root / "output")
            lent = sbuild_arguments(access_of(read_machine()), root / "access")
            for path in (root, *root.rglob("*")):
                os.chown(path, self.account.uid, self.account.gid)
            return self._run_sbuild(root, [*lent, str(root / dsc.name)], limit_s)
        finally:
            kill_below(root)
            remove_tree(root)

    def _run_sbuild(self, root: Path, arguments: Sequence[str], limit_s: float | None) -> Bare:
        argv = [
            *(become(self.account)),
            "sbuild", "--verbose", "--purge-deps=never", "--no-run-lintian",
            *components_options(["any", "all"]),
            f"--arch={self.architecture}", f"--dist={self.suite}",
            *tarball_options(str(self.tarball)),
            "--bd-uninstallable-explainer=dose3",
            *arguments,
        ]  # fmt: skip
        env = {
            "PATH": PATH,
            "HOME": str(root / "home"),
            "TMPDIR": str(root / "tmp"),
            "SBUILD_CONFIG": str(root / "sbuild.conf"),
        }
        with (root / "printed").open("wb") as log:
            command = Command(
                argv, cwd=root / "output", env=env, timeout_s=limit_s, log=log, check=False
            )
            began = time.monotonic()
            try:
                done = run(command)
            except CommandError:
                return Bare(seconds=time.monotonic() - began, verdict=None, files=())
            seconds = time.monotonic() - began
        output = root / "output"
        return Bare(
            seconds=seconds,
            verdict=judge(done.returncode, find_build_log(output)),
            files=tuple(sorted(path.name for path in output.glob("*.deb"))),
        )


def kill_below(root: Path) -> None:
    """End what lives in a chroot below a directory: a build that was stopped leaves it."""
    while True:
        found = False
        for process in Path("/proc").glob("[0-9]*"):
            # gone, or not ours
            with contextlib.suppress(OSError):
                if (process / "root").readlink().is_relative_to(root):
                    os.kill(int(process.name), signal.SIGKILL)
                    found = True
        if not found:
            return
        time.sleep(POLL_S)


def become(account: Account) -> list[str]:
    """What a command is put after to run as a user; nothing if we are no root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--init-groups", "--"]


def wait(client: Debusine, number: int) -> WorkRequest:
    """Wait until a work request is final."""
    while not (request := client.work_request_get(number)).status.is_final:
        time.sleep(POLL_S)
    return request


@contextlib.contextmanager
def workshop(data_dir: Path, suite: str) -> Iterator[Workshop]:
    """
    Have a server and an environment, for a while.

    :param data_dir: kept; its environment is used if it is young enough
    """
    machine = read_machine()
    sources = choose_sources(suite, machine)
    wanted = EnvironmentWanted(
        codename=suite,
        architecture=machine.architecture,
        bootstrap_repositories=bootstrap_repositories(sources),
    )
    scratch = choose_scratch_base(None, Path("/var/tmp")) or Path("/var/tmp")
    with contextlib.ExitStack() as stack:
        config = stack.enter_context(ensure_server(DataDir(data_dir.absolute())))
        client = config.connect()
        answer = client.environment_ensure(config.default_workspace, wanted)
        if answer.work_request is not None:
            print(f"making an environment {suite}/{machine.architecture}", flush=True)
            wait(client, answer.work_request)
            answer = client.environment_ensure(config.default_workspace, wanted)
        if answer.artifact is None:
            raise SystemExit(f"work request {answer.work_request} made no environment")
        place = Path(tempfile.mkdtemp(prefix="debusine-bench-", dir="/var/tmp"))
        stack.callback(shutil.rmtree, place)
        place.chmod(0o755)
        client.download_artifact(answer.artifact, place)
        [tarball] = place.iterdir()
        tarball.chmod(0o644)
        yield Workshop(
            client=client,
            workspace=config.default_workspace,
            data_dir=data_dir,
            suite=suite,
            architecture=machine.architecture,
            lookup=answer.lookup,
            tarball=tarball,
            account=account_for(WORKER_USER),
            scratch=scratch,
            sources=sources,
        )
