# SPDX-License-Identifier: GPL-3.0-or-later
"""
Tasks that behave badly, for tests of the agent; importing this registers them.

A worker that runs them is told to by the name of this module, never by default.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
import time
from pathlib import Path

from typing_extensions import override

from debusine.domain.result import WorkRequestResults
from debusine.tasks import BaseExternalTask
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData


class TestTaskData(BaseTaskData):
    """
    What the test tasks are told.

    :param path: a file to write to
    :param size: how many bytes to print
    :param until: a file that ends it as soon as it exists; empty: it ends at once
    :param stage: the method in which to misbehave
    """

    __test__ = False

    path: str = ""
    size: int = 0
    until: str = ""
    stage: str = "run"


class _TestTask(BaseExternalTask[TestTaskData, BaseDynamicTaskData]):
    TASK_VERSION = 1

    @override
    def get_subject(self) -> str | None:
        return None


class TestPrint(_TestTask):
    """Print numbered lines to the log."""

    TASK_NAME = "testprint"

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        assert self.log_sender is not None
        self.log_sender.send(print_lines(self.data.size), "stdout")
        return WorkRequestResults.SUCCESS


def print_lines(size: int) -> bytes:
    """What ``testprint`` prints: numbered lines, a byte that is no UTF-8 at the end of each."""
    count = size // 10 + 1
    return b"".join(b"%08d\xff\n" % number for number in range(count))[:size]


class TestSpam(_TestTask):
    """Print for ever and write down how much went through."""

    TASK_NAME = "testspam"

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        assert self.log_sender is not None
        sent = 0
        while not self.aborted:
            self.log_sender.send(b"x" * 65536, "stdout")
            sent += 65536
            Path(self.data.path).write_text(str(sent))
        return WorkRequestResults.FAILURE


class TestCrash(_TestTask):
    """Be killed."""

    TASK_NAME = "testcrash"

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        sys.stderr.write("about to crash\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)
        return WorkRequestResults.SUCCESS


class TestEscape(_TestTask):
    """Start processes that get away and ignore signals; do not end when asked to."""

    TASK_NAME = "testescape"

    @override
    def fetch_input(self, destination: Path) -> bool:
        self._misbehave("fetch_input")
        return True

    @override
    def configure_for_execution(self, download_directory: Path) -> bool:
        self._misbehave("configure_for_execution")
        return True

    @override
    def prepare_to_run(self, download_directory: Path, execute_directory: Path) -> None:
        self._misbehave("prepare_to_run")

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        self._misbehave("run")
        return WorkRequestResults.SUCCESS

    @override
    def check_directory_for_consistency_errors(self, build_directory: Path) -> list[str]:
        self._misbehave("check_directory_for_consistency_errors")
        return []

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        self._misbehave("upload_artifacts")

    @override
    def cleanup(self) -> None:
        self._misbehave("cleanup")

    def _misbehave(self, stage: str) -> None:
        if stage != self.data.stage:
            return
        pids = [self._start_stray(double_fork=double) for double in (False, True)]
        scratch = self.get_scratch_directory()
        (scratch / "mark").write_text("here")
        report = Path(self.data.path)
        partial = report.with_suffix(".partial")
        partial.write_text(" ".join(map(str, [os.getpid(), *pids, scratch])))
        partial.rename(report)
        while self.data.until and not Path(self.data.until).exists():
            time.sleep(0.05)

    @staticmethod
    def _start_stray(*, double_fork: bool) -> int:
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if double_fork and os.fork() != 0:
                os._exit(0)
            os.write(writer, b"%d" % os.getpid())
            os.close(writer)
            time.sleep(1000)
            os._exit(0)
        os.close(writer)
        pid = int(os.read(reader, 100))
        os.close(reader)
        return pid


class TestHold(_TestTask):
    """Say who and where it is, and last until a file beside that report exists."""

    TASK_NAME = "testhold"

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        report = Path(self.data.path)
        partial = report.with_suffix(".partial")
        partial.write_text(f"{os.getpid()} {self.get_scratch_directory()}")
        partial.rename(report)
        while not report.with_suffix(".end").exists():
            time.sleep(0.05)
        return WorkRequestResults.SUCCESS


class TestLook(_TestTask):
    """Tell the log about the process: environment, user, files."""

    TASK_NAME = "testlook"

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        assert self.log_sender is not None
        facts = [
            *(f"{name}={value}" for name, value in sorted(os.environ.items())),
            f"uid:{os.getuid()} {os.geteuid()} {os.getresuid()[2]}",
            f"groups:{sorted({os.getgid(), *os.getgroups()})}",
            f"cwd:{Path.cwd()}",
            f"stdin:{os.fstat(0).st_rdev == Path(os.devnull).stat().st_rdev}",
            f"session:{os.getsid(0) == os.getpid()}",
            f"home-writable:{os.access(os.environ['HOME'], os.W_OK)}",
            f"scratch:{self.get_scratch_directory()}",
        ]
        self.log_sender.send("".join(f"{fact}\n" for fact in facts).encode(), "stdout")
        return WorkRequestResults.SUCCESS


class TestApt(_TestTask):
    """Write down what it was lent for APT."""

    TASK_NAME = "testapt"
    USES_APT = True

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        lent = self.apt_access_directory
        assert lent is not None
        seen = {
            "uid": os.getuid(),
            "directory": str(lent),
            "owners": sorted({path.stat().st_uid for path in (lent, *lent.iterdir())}),
            "modes": {
                path.name: f"{stat.S_IMODE(path.stat().st_mode):o}"
                for path in (lent, *lent.iterdir())
            },
            "conf": (lent / "apt.conf").read_text(),
            "auth": (lent / "auth.conf").read_text(),
        }
        Path(self.data.path).write_text(json.dumps(seen))
        return WorkRequestResults.SUCCESS
