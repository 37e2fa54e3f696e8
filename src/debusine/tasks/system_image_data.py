# SPDX-License-Identifier: GPL-3.0-or-later
"""What users submit for ``simplesystemimagebuild``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from debusine.domain.result import WorkRequestResults
from debusine.tasks.bootstrap_models import BootstrapOptions, SystemBootstrapData, Word
from debusine.tasks.guide import Guide
from debusine.tasks.models import BaseTaskDataModel

FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+_-]*$")]


class ImageOptions(BootstrapOptions):
    """
    What the system shall be.

    :param variant: which packages it starts with, see ``mmdebstrap(1)``; None: what mmdebstrap
        does by itself
    :param gpgv_command: not used by this task
    """

    variant: Literal["buildd", "minbase"] | None = None


class Partition(BaseTaskDataModel):
    """
    A part of the disk.

    :param size: in GB, 10⁹ bytes
    :param filesystem: noted in the artifact; the tool makes ext4
    :param mountpoint: not used
    """

    size: Annotated[int, Field(ge=1)]
    filesystem: Word
    mountpoint: str = "none"


class DiskImage(BaseTaskDataModel):
    """
    What the disk shall be.

    :param format: ``raw`` is packed as the one member of a tarball
    :param filename: without suffix
    :param kernel_package: package with the kernel; None: ``linux-image-generic``
    :param bootloader: not used; the tool installs systemd-boot
    :param partitions: only the first one is made, beside the one that the machine boots from
    """

    format: Literal["raw", "qcow2"]
    filename: FileName = "image"
    kernel_package: Word | None = None
    bootloader: str | None = None
    partitions: Annotated[list[Partition], Field(min_length=1)]


class SimpleSystemImageBuildData(SystemBootstrapData):
    """
    What a user submits for ``simplesystemimagebuild``.

    :param disk_image: what the disk shall be
    """

    bootstrap_options: ImageOptions
    disk_image: DiskImage


IMAGE_GUIDE = Guide(
    example="""
        bootstrap_options:
          architecture: amd64
          variant: minbase
          extra_packages: [python3-minimal]
        bootstrap_repositories:
          - mirror: https://deb.example.org/debian
            suite: trixie
            components: [main]
        disk_image:
          format: qcow2
          filename: trixie-amd64
          partitions:
            - size: 10
              filesystem: ext4
    """,
    results={
        WorkRequestResults.SUCCESS: "the image was made and uploaded",
        WorkRequestResults.FAILURE: "`debefivm-create` or the program that converts the image"
        " ended with another status than 0, or a stage before or after it failed;"
        " `task_result.log` says why",
    },
    limits="`debefivm-create` is part of the package `debvm` from Debian 13 on. Of the"
    " partitions, only the first one is made.",
)
