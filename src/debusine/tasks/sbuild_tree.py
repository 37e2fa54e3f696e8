# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree in which sbuild has built a package, once it is left to us."""

from __future__ import annotations

from pathlib import Path

from debusine.tasks.executors.base import Instance
from debusine.tasks.kept_environment import KeptEnvironment
from debusine.util.userns import run_as_owner

BUILD_USER = "sbuild"
_NAME = "kept-tree"
# what it unpacks, it unpacks two levels below
_FIND = 'for place in /build/*/*/debian; do [ -d "$place" ] && echo "${place%/debian}"; done'


def take_tree(tree: Path, directory: Path) -> Path:
    """
    Move a tree out of a directory that is about to be removed.

    :param directory: on the same disk
    :returns: where it is now
    """
    target = directory / _NAME
    run_as_owner(["mv", "--no-target-directory", "--", str(tree), str(target)])
    return target


def environment_of_build(instance: Instance) -> KeptEnvironment:
    """
    Find the source in a tree.

    :param instance: started, of a tree that sbuild left
    """
    found = instance.run(["sh", "-c", _FIND], run_as_root=True).stdout
    names = found.decode(errors="replace").splitlines()
    directory = Path(names[0]) if names else Path("/")
    return KeptEnvironment(instance=instance, user=BUILD_USER, directory=directory)
