# SPDX-License-Identifier: GPL-3.0-or-later
"""
Read a git repository that may be hostile.

A repository's own configuration can name programs (filters, file system monitors,
hooks). Nothing here runs git with it beyond asking for names: the objects are read
through an empty repository of ours that borrows them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from debusine.errors import NotPossibleError, UserError
from debusine.util.command import Command, CommandError, run

_CONFIG = ("-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


def clean_environment(**more: str) -> dict[str, str]:
    """An environment in which neither the user's nor the machine's settings count."""
    return {
        "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        "LC_ALL": "C.UTF-8",
        "HOME": "/nonexistent",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **more,
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class GitTree:
    """
    A directory under git.

    :param top: of the working tree
    :param prefix: the package's directory below it, ``.`` if it is the top
    :param commit: what HEAD names
    :param borrowed: our own bare repository, with the objects and branches of theirs
    """

    top: Path
    prefix: Path
    commit: str
    borrowed: Path

    def export(self, target: Path) -> None:
        """Write the package's files as of HEAD; filters and submodules are left out."""
        tree = self.commit if self.prefix == Path() else f"{self.commit}:{self.prefix}"
        archive = target.parent / "head.tar"
        self.git("archive", "--format=tar", f"--output={archive}", tree)
        target.mkdir()
        # no permissions or owners of ours are at stake: git writes 0644 and 0755
        run(Command(["tar", "-x", "-f", str(archive), "-C", str(target), "--no-same-owner"]))
        archive.unlink()

    def changed(self) -> list[str]:
        """Files that differ from HEAD or are not in it, ignored ones left out."""
        self._read_index()
        options = [
            "status",
            "--porcelain",
            "-z",
            "--untracked-files=all",
            "--ignore-submodules=all",
        ]
        text = self._in_tree(*options, "--no-renames", "--", str(self.prefix))
        return [entry[3:] for entry in text.split("\0") if entry]

    def working_files(self) -> list[Path]:
        """Every file of the working tree that git does not ignore, from the package's directory."""
        self._read_index()
        argv = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        text = self._in_tree(*argv, "--", str(self.prefix))
        paths = (Path(name).relative_to(self.prefix) for name in text.split("\0") if name)
        return sorted(set(paths))

    def git(self, *arguments: str) -> str:
        """Run git in our own repository."""
        environment = clean_environment(GIT_DIR=str(self.borrowed))
        return run(Command(["git", *_CONFIG, *arguments], env=environment)).text

    def _read_index(self) -> None:
        self.git("read-tree", self.commit)

    def _in_tree(self, *arguments: str) -> str:
        environment = clean_environment(GIT_DIR=str(self.borrowed), GIT_WORK_TREE=str(self.top))
        command = ["git", *_CONFIG, "-c", "core.bare=false", *arguments]
        return run(Command(command, env=environment, cwd=self.top)).text


@contextmanager
def open_git(directory: Path) -> Iterator[GitTree | None]:
    """
    Look at a directory through git, safely.

    :returns: None if it is not under git, or nothing is committed
    :raises UserError: if the repository cannot be read
    """
    try:
        top = _ask(directory, "rev-parse", "--show-toplevel")
        commit = _ask(directory, "rev-parse", "--verify", "HEAD^{commit}")
    except (CommandError, NotPossibleError):
        yield None
        return
    with TemporaryDirectory(prefix="debusine-git-") as name:
        try:
            borrowed = _borrow(directory, Path(name) / "git", commit)
        except CommandError as error:
            raise UserError(
                f"cannot read the git repository of {directory}", details=error.details
            ) from error
        root = Path(top).resolve()
        prefix = directory.resolve().relative_to(root)
        yield GitTree(top=root, prefix=prefix, commit=commit, borrowed=borrowed)


def _ask(directory: Path, *arguments: str) -> str:
    """Ask for names only: git runs nothing that its configuration names for that."""
    argv: Sequence[str] = ["git", *_CONFIG, *arguments]
    return run(Command(argv, cwd=directory, env=clean_environment())).text.rstrip("\n")


def _borrow(directory: Path, target: Path, commit: str) -> Path:
    form = _ask(directory, "rev-parse", "--show-object-format")
    common = directory / _ask(directory, "rev-parse", "--git-common-dir")
    init = ["git", "init", "--quiet", "--bare", "--template=", f"--object-format={form}"]
    run(Command([*init, str(target)], env=clean_environment()))
    alternates = target / "objects/info/alternates"
    alternates.parent.mkdir(exist_ok=True)
    alternates.write_text(f"{(common / 'objects').resolve()}\n", encoding="utf-8")
    environment = clean_environment(GIT_DIR=str(target))
    branches = ("refs/heads/pristine-tar", "refs/remotes/*/pristine-tar")
    for name in _ask(directory, "for-each-ref", "--format=%(objectname)", *branches).split()[:1]:
        run(Command(["git", "update-ref", "refs/heads/pristine-tar", name], env=environment))
    head = ["git", "update-ref", "--no-deref", "HEAD", commit]
    run(Command(head, env=environment))
    return target
