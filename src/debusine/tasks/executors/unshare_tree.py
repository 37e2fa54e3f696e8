# SPDX-License-Identifier: GPL-3.0-or-later
"""Sandboxes out of trees that other tools unpacked as the same subordinate ids."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from typing_extensions import override

from debusine.tasks.executors.base import ExecutorOptions
from debusine.tasks.executors.images import ImageEntry
from debusine.tasks.executors.room import WORK_BYTES, Place
from debusine.tasks.executors.unshare import UnshareInstance
from debusine.tasks.executors.unshare_session import Session, Tree


class TreeInstance(UnshareInstance):
    """
    A tree that is there already, in namespaces of its own, without network.

    :param tree: on the disk of ``working_directory``; it goes with the instance
    """

    def __init__(self, tree: Path, working_directory: Path) -> None:
        super().__init__(ImageEntry(tree.parent, tree.name), working_directory, ExecutorOptions())
        self._tree = tree

    @override
    def _start(self) -> None:
        tree = Tree(
            image=self._tree,
            base=None,
            place=Place.DISK,
            memory_bytes=WORK_BYTES,
            max_processes=self._options.max_processes,
            existing=self._tree,
        )
        directory = self._working_directory / f"unshare-{uuid4().hex[:12]}"
        self._session = Session(directory, tree)
        self.has_network = False
