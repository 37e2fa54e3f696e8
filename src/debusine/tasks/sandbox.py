# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks do with their sandbox beside running commands in it."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from debian.debian_support import Version

from debusine.errors import UserError
from debusine.tasks.executors.base import Instance


def push_input(instance: Instance, download_directory: Path, execute_directory: Path) -> None:
    """
    Put downloaded files into an instance, and make the directory for output.

    Both have the same absolute path inside and outside, and belong to the user that
    commands run as.
    """
    instance.create_user()
    owner = instance.non_root_user
    parents = {download_directory.parent, execute_directory.parent}
    for parent in sorted(parents):
        _make(instance, parent, owner)
    instance.directory_push(download_directory, download_directory.parent, user=owner, group=owner)
    _make(instance, execute_directory, owner)


def _make(instance: Instance, directory: Path, owner: str) -> None:
    try:
        instance.mkdir(directory, user=owner, group=owner, parents=True)
    except FileExistsError:
        # such as /tmp
        return


def pull_limited(instance: Instance, source: Path, target: Path, *, max_bytes: int) -> None:
    """
    Copy a regular file out of an instance where strangers decide how large it is.

    :raises UserError: if it has more than ``max_bytes``; nothing is left at ``target``
    :raises subprocess.CalledProcessError: if it cannot be read
    """
    with target.open("wb") as stream:
        instance.run(
            ["head", f"--bytes={max_bytes + 1}", "--", str(source)],
            run_as_root=True,
            stdout=stream,
            check=True,
        )
    if target.stat().st_size > max_bytes:
        target.unlink()
        raise UserError(f"{source.name} in the sandbox is larger than {max_bytes} bytes")


def installed_version(instance: Instance, package_name: str) -> Version:
    """
    Find the version of a package that is installed in an instance.

    :raises subprocess.CalledProcessError: if it is not installed
    """
    completed = instance.run(
        ["dpkg-query", "--show", "--showformat=${Version}", package_name],
        run_as_root=True,
        check=True,
    )
    version = completed.stdout.decode().strip()
    if not version:
        # dpkg knows the name, as of something that is not installed
        raise subprocess.CalledProcessError(
            1, completed.args, completed.stdout, b"package is not installed"
        )
    return Version(version)


def describe_failure(what: str, error: subprocess.CalledProcessError) -> list[str]:
    """Say for a log what failed, with the command and all that it said."""
    return [
        what,
        f"command: {shlex.join(error.cmd)}",
        f"exit code: {error.returncode}",
        f"stdout: {_text(error.stdout)}",
        f"stderr: {_text(error.stderr)}",
        "",
    ]


def _text(output: bytes | None) -> str:
    return (output or b"").decode(errors="replace").rstrip()
