# SPDX-License-Identifier: GPL-3.0-or-later
"""Unpack packages of strangers where they can do no harm, and look at what was in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from debusine.artifacts.base import parse_data
from debusine.artifacts.kinds.binary_package import BinaryPackage, BinaryPackageData
from debusine.errors import UserError
from debusine.tasks.base import BaseExternalTask
from debusine.tasks.checks import ensure_artifact_categories
from debusine.tasks.sandbox import pull_limited
from debusine.tasks.signing_template import (
    TemplateMetadata,
    code_signing_directory,
    read_metadata,
)
from debusine.tasks.with_executor import BaseTaskWithExecutor
from debusine.util.tar import Limits
from debusine.util.tar_tree import TarTree

UNPACK_LOG = "unpack.log"
LIMITS = Limits(size_bytes=8 * 1024**3, members=500_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchedPackage:
    """
    A binary package that was downloaded.

    :param path: absolute, the same in the sandbox
    """

    artifact_id: int
    path: Path
    name: str
    architectures: frozenset[str]


def fetch_package(
    task: BaseExternalTask[Any, Any], artifact_id: int, directory: Path, *, key: str
) -> FetchedPackage:
    """
    Download a binary package.

    :param directory: for it alone; is made
    :param key: where the artifact was named in task data, for messages
    :raises TaskConfigError: if the artifact is something else
    :raises UserError: if it is not exactly one ``.deb``
    """
    directory.mkdir(parents=True)
    artifact = task.fetch_artifact(artifact_id, directory)
    ensure_artifact_categories(
        configuration_key=key, category=artifact.category, expected=[BinaryPackage.category]
    )
    data = parse_data(artifact.category, artifact.data)
    assert isinstance(data, BinaryPackageData), "the category is checked"
    return FetchedPackage(
        artifact_id=artifact_id,
        path=_only_deb(artifact.files, directory),
        name=BinaryPackage.binary(data).name,
        architectures=BinaryPackage.architectures(data),
    )


@contextmanager
def unpacked(
    task: BaseTaskWithExecutor[Any, Any], deb: Path, *, inside: Path, outside: Path
) -> Iterator[TarTree]:
    """
    Unpack a binary package in the sandbox of a task, and read what was in it.

    :param deb: absolute path, the same in the sandbox
    :param inside: does not exist in the sandbox yet, its parent does; removed again
    :param outside: file to keep the tree in meanwhile; removed again
    :returns: the tree; nothing of it is unpacked out of the sandbox
    :raises subprocess.CalledProcessError: if dpkg-deb or tar fail
    :raises UserError: if there is too much in it
    """
    instance = task.executor_instance
    assert instance is not None, "no instance: prepare it first"
    packed = inside.with_name(f"{inside.name}.tar")
    for command in (
        ["dpkg-deb", "-x", str(deb), str(inside)],
        # each name of a hard link becomes a file; nothing is sparse
        ["tar", "--create", "--hard-dereference", f"--file={packed}", f"--directory={inside}", "."],
    ):
        task.run_executor_command(command, UNPACK_LOG)
    try:
        pull_limited(instance, packed, outside, max_bytes=LIMITS.size_bytes)
        task.run_executor_command(["rm", "-rf", "--", str(inside), str(packed)], UNPACK_LOG)
        with TarTree.open(outside, limits=LIMITS) as tree:
            yield tree
    finally:
        outside.unlink(missing_ok=True)


@contextmanager
def unpacked_template(
    task: BaseTaskWithExecutor[Any, Any], template: FetchedPackage, execute_directory: Path
) -> Iterator[tuple[TarTree, TemplateMetadata]]:
    """
    Unpack a template for a signed source package, see :func:`unpacked`.

    :param execute_directory: of the task, the same in the sandbox
    :returns: what is in it, and what it wants signed
    :raises UserError: if it is none, or not a valid one
    """
    # its name becomes part of paths
    code_signing_directory(template.name)
    with unpacked(
        task,
        template.path,
        inside=execute_directory / template.name,
        outside=task.get_scratch_directory() / "template.tar",
    ) as tree:
        yield tree, read_metadata(tree, template.name)


def _only_deb(files: Mapping[str, Any], directory: Path) -> Path:
    names = list(files)
    if len(names) != 1 or not names[0].endswith(".deb"):
        raise UserError(f"expected one .deb, found {', '.join(sorted(names)) or 'nothing'}")
    return directory / names[0]
