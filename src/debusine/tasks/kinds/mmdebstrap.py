# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a system tarball that tasks run in."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

from typing_extensions import override

from debusine.artifacts.kinds.system_tarball import SystemTarball, SystemTarballData
from debusine.domain.result import WorkRequestResults
from debusine.tasks.apt_indexes import FILENAME, bootstrap_commands, parse_digests
from debusine.tasks.bootstrap import DPKG_DIRECTORY, OS_RELEASE, SystemBootstrap, hook
from debusine.tasks.bootstrap_models import BootstrapOptions, SystemBootstrapData
from debusine.tasks.guide import Guide
from debusine.tasks.upload import upload_output
from debusine.util.shared_memory import check_shared_memory

TARBALL = "system.tar"
INIT_TEST = "test-sbin-init"
DEFAULT_TIMEOUT_S = 30

Variant = Literal[
    "buildd",
    "minbase",
    "-",
    "apt",
    "custom",
    "debootstrap",
    "essential",
    "extract",
    "important",
    "required",
    "standard",
]


class MmdebstrapOptions(BootstrapOptions):
    """
    What the system shall be, in mmdebstrap's words.

    :param variant: which packages it starts with, see ``mmdebstrap(1)``; None: what mmdebstrap
        does by itself
    """

    variant: Variant | None = None


class MmdebstrapData(SystemBootstrapData):
    """What a user submits for ``mmdebstrap``."""

    bootstrap_options: MmdebstrapOptions


class MmDebstrap(SystemBootstrap[MmdebstrapData]):
    """Make a tarball of a system with mmdebstrap."""

    TASK_NAME = "mmdebstrap"
    TASK_VERSION = 1
    GUIDE = Guide(
        example="""
            bootstrap_options:
              architecture: amd64
              variant: buildd
            bootstrap_repositories:
              - mirror: https://deb.example.org/debian
                suite: trixie
                components: [main]
                check_signature_with: external
                keyring:
                  url: file:///usr/share/keyrings/debian-archive-keyring.gpg
        """,
        results={
            WorkRequestResults.SUCCESS: "the tarball was made and uploaded",
            WorkRequestResults.FAILURE: "`mmdebstrap` or the program that packs the tarball ended"
            " with another status than 0, or a stage before or after it failed;"
            " `task_result.log` says why; a mirror that did not answer or a full disk is not blamed"
            " on the data",
        },
        limits="Words are checked: no blanks, no commas, no hyphen in front. A `file:` keyring must"
        " lie below `/usr/share/keyrings` or `/usr/local/share/keyrings` of the worker;"
        " `external` needs a keyring.",
    )

    @override
    def _cmd_env(self) -> dict[str, str]:
        # no command in the new system shall stop for a question
        return {**super()._cmd_env(), "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}

    @override
    def _cmdline(self) -> list[str]:
        options = self.data.bootstrap_options
        timeout = self._read_timeout_s()
        gpgv = options.gpgv_command
        init = '"$1/sbin/init"'
        return [
            "mmdebstrap",
            f"--aptopt=Acquire::http::timeout={timeout}",
            f"--aptopt=Acquire::https::timeout={timeout}",
            *self._kept,
            # throw-away until it is packed; taken out of the system below
            "--dpkgopt=force-unsafe-io",
            "--mode=unshare", "--format=tar", f"--architectures={options.architecture}",
            "--verbose",
            *self._apt.before,
            *self._source_arguments(),
            *([f'--aptopt=Apt::Key::gpgvcommand "/usr/bin/{gpgv}"'] if gpgv else []),
            hook(f"download /etc/os-release {OS_RELEASE}"),
            hook(f"download /var/lib/dpkg/status {DPKG_DIRECTORY}/status"),
            hook('rm -f "$1/etc/hostname"'),
            hook('test -h "$1/etc/resolv.conf" || rm -f "$1/etc/resolv.conf"'),
            "--skip=chroot/start-stop-daemon",
            *(hook(command) for command in bootstrap_commands()),
            hook(f"download {FILENAME} {FILENAME}"),
            hook(f'rm "$1/{FILENAME}"'),
            *self._script_arguments(),
            hook(f'(test -x {init} || test -h {init}) ; echo $? > "$1/test_sbin_init"'),
            hook(f"download test_sbin_init {INIT_TEST}"),
            hook('rm "$1/test_sbin_init"'),
            hook('rm -f "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"'),
            *self._apt.after,
            *([f"--variant={options.variant}"] if options.variant else []),
            *([f"--include={','.join(options.extra_packages)}"] if options.extra_packages else []),
            "", TARBALL, "", str(self._written.host),
        ]  # fmt: skip

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        check_shared_memory()
        result = super().run(execute_directory)
        if (digests := execute_directory / FILENAME).is_file():
            self.apt_indexes = parse_digests(digests.read_text(errors="replace").splitlines())
        if result is not WorkRequestResults.SUCCESS:
            # it may have come meanwhile, and mmdebstrap says only that a mount failed
            check_shared_memory()
            return result
        return self.task_result(
            self.run_cmd(compress_command(), execute_directory), execute_directory
        )

    @override
    def check_directory_for_consistency_errors(self, build_directory: Path) -> list[str]:
        # a failed run has said already what is wrong
        if not (build_directory / TARBALL).exists() and not find_tarball(build_directory):
            return []
        wanted = [OS_RELEASE, INIT_TEST]
        return [f"{name} is missing" for name in wanted if not (build_directory / name).is_file()]

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        if execution_result is not WorkRequestResults.SUCCESS:
            return
        tarball = find_tarball(execute_directory)
        assert tarball is not None, "a success without a tarball"
        data = SystemTarballData(
            filename=tarball.name,
            with_init=(execute_directory / INIT_TEST).read_text().strip() == "0",
            **self._system_data(execute_directory),
        )
        upload_output(self, SystemTarball.from_tarball(tarball, data))

    def _read_timeout_s(self) -> int:
        timeout = self.http_timeout
        seconds = timeout[1] if isinstance(timeout, tuple) else timeout
        return round(seconds) if seconds else DEFAULT_TIMEOUT_S


def compress_command() -> list[str]:
    """Command that packs the tarball: fast to unpack comes first, small second."""
    if shutil.which("zstd") is not None:
        return ["zstd", "--threads=0", "-3", "--quiet", "--rm", TARBALL]
    return ["xz", "--threads=0", "-3", TARBALL]


def find_tarball(directory: Path) -> Path | None:
    """The packed tarball, if there is one."""
    return next(iter(sorted(directory.glob(f"{TARBALL}.*"))), None)
