# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the image of a disk that virtual machines boot from."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from debusine.artifacts.kinds.system_image import SUFFIX_OF_FORMAT, SystemImage, SystemImageData
from debusine.domain import tags
from debusine.domain.result import WorkRequestResults
from debusine.tasks.bootstrap import DPKG_DIRECTORY, OS_RELEASE, SystemBootstrap, hook, upload
from debusine.tasks.image_overlay import OVERLAY
from debusine.tasks.system_image_data import IMAGE_GUIDE, SimpleSystemImageBuildData
from debusine.tasks.upload import upload_output
from debusine.util.apt_sources import strip_credentials

PROGRAM = "debefivm-create"
PROGRAM_KEY = f"{PROGRAM}:available"
IMAGE = "system.img"
RAW_MEMBER = "root.img"
DEFAULT_KERNEL = "linux-image-generic"
AUTOPKGTEST_SETUP = "/usr/share/autopkgtest/setup-commands/setup-testbed"
GB = 10**9


class SimpleSystemImageBuild(SystemBootstrap[SimpleSystemImageBuildData]):
    """Make an image that boots by EFI with debefivm-create."""

    TASK_VERSION = 1
    PROGRAM: ClassVar[str] = PROGRAM
    CAPABILITIES: ClassVar[Mapping[str, str]] = {
        **SystemBootstrap.CAPABILITIES,
        PROGRAM_KEY: PROGRAM,
    }
    GUIDE = IMAGE_GUIDE

    @override
    def post_init(self) -> None:
        super().post_init()
        self._overlay = Path()

    @classmethod
    @override
    def analyze_worker(cls) -> dict[str, Any]:
        return {**super().analyze_worker(), cls.prefix_with_task_name(PROGRAM_KEY): _has_program()}

    @classmethod
    @override
    def get_provided_worker_tags(cls) -> set[str]:
        own = {tags.capability_tag(PROGRAM)} if _has_program() else set()
        return super().get_provided_worker_tags() | own

    @override
    def can_run_on(self, worker_metadata: dict[str, Any]) -> bool:
        key = self.prefix_with_task_name(PROGRAM_KEY)
        return super().can_run_on(worker_metadata) and worker_metadata.get(key) is True

    @override
    def compute_system_required_tags(self) -> set[str]:
        return {*super().compute_system_required_tags(), tags.capability_tag(PROGRAM)}

    @override
    def configure_for_execution(self, download_directory: Path) -> bool:
        if not super().configure_for_execution(download_directory):
            return False
        self._overlay = download_directory / "overlay"
        self._overlay.mkdir(mode=0o755)
        for file in OVERLAY:
            path = self._overlay / file.path.replace("/", "-")
            path.write_text(file.text)
            path.chmod(0o644)
        return True

    @override
    def _cmd_env(self) -> dict[str, str]:
        # no command in the new system shall stop for a question
        return {**super()._cmd_env(), "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}

    @override
    def _cmdline(self) -> list[str]:
        options, disk = self.data.bootstrap_options, self.data.disk_image
        packages = [*options.extra_packages, disk.kernel_package or DEFAULT_KERNEL]
        return [
            PROGRAM,
            f"--architecture={options.architecture}",
            f"--release={self._first.suite}",
            f"--rootsize={disk.partitions[0].size}G",
            f"--output={IMAGE}",
            "--",
            strip_credentials(self._first.mirror),
            "--verbose",
            *self._kept,
            *self._apt.before,
            *self._source_arguments(),
            *self._script_arguments(),
            hook(f"download /etc/os-release {OS_RELEASE}"),
            hook(f"download /var/lib/dpkg/status {DPKG_DIRECTORY}/status"),
            *self._overlay_arguments(),
            *self._apt.after,
            *([f"--variant={options.variant}"] if options.variant else []),
            f"--include={','.join(packages)}",
            str(self._written.host),
        ]

    @override
    def _script_arguments(self) -> list[str]:
        # this one is no program for the system, but a hook that knows how to enter it
        if self.data.customization_script == AUTOPKGTEST_SETUP:
            return [hook(AUTOPKGTEST_SETUP)]
        return super()._script_arguments()

    def _overlay_arguments(self) -> list[str]:
        arguments = []
        for file in OVERLAY:
            arguments += [
                hook(f'mkdir -p "$1/{Path(file.path).parent}"'),
                upload(self._overlay / file.path.replace("/", "-"), f"/{file.path}"),
                hook(f'chmod {file.mode:o} "$1/{file.path}"'),
            ]
        return arguments

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        result = super().run(execute_directory)
        if result is not WorkRequestResults.SUCCESS:
            return result
        if self.data.disk_image.format == "raw":
            # a single member without directories is what those who unpack it look for
            (execute_directory / IMAGE).rename(execute_directory / RAW_MEMBER)
        command = pack_command(self.data.disk_image.format, self._filename)
        return self.task_result(self.run_cmd(command, execute_directory), execute_directory)

    @property
    def _filename(self) -> str:
        disk = self.data.disk_image
        return f"{disk.filename}{SUFFIX_OF_FORMAT[disk.format]}"

    @override
    def check_directory_for_consistency_errors(self, build_directory: Path) -> list[str]:
        # a failed run has said already what is wrong
        if not (build_directory / self._filename).exists():
            return []
        wanted = [OS_RELEASE, f"{DPKG_DIRECTORY}/status"]
        return [f"{name} is missing" for name in wanted if not (build_directory / name).is_file()]

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        if execution_result is not WorkRequestResults.SUCCESS:
            return
        disk = self.data.disk_image
        data = SystemImageData(
            filename=self._filename,
            with_init=True,
            image_format=disk.format,
            filesystem=disk.partitions[0].filesystem,
            size=disk.partitions[0].size * GB,
            boot_mechanism="efi",
            **self._system_data(execute_directory),
        )
        upload_output(self, SystemImage.from_image(execute_directory / self._filename, data))


def pack_command(image_format: str, filename: str) -> list[str]:
    """
    Command that makes of the image what is uploaded.

    >>> pack_command("qcow2", "image.qcow2")
    ['qemu-img', 'convert', '-O', 'qcow2', 'system.img', 'image.qcow2']
    """
    if image_format == "qcow2":
        return ["qemu-img", "convert", "-O", "qcow2", IMAGE, filename]
    compress = shlex.join(["xz", "--threads=0", "-3"])
    return [
        "tar", "--create", "--sparse", f"--use-compress-program={compress}",
        f"--file={filename}", "--remove-files", RAW_MEMBER,
    ]  # fmt: skip


def _has_program() -> bool:
    return shutil.which(PROGRAM) is not None
