# SPDX-License-Identifier: GPL-3.0-or-later
"""
Make a source package of a directory without running anything from it.

``dpkg-source -b`` alone reads and packs. ``debian/rules clean``, which
``dpkg-buildpackage`` would run, is code of the package and never runs here.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from debusine.cli.building.changelog import ChangelogEntry, read_changelog
from debusine.cli.building.git_tree import GitTree, clean_environment, open_git
from debusine.errors import UserError
from debusine.util.command import Command, CommandError, run

Say = Callable[[str], None]

# others run programs on the tree: 3.0 (git) and (bzr) their tools, (custom) what options say
_FORMATS = {"1.0", "3.0 (native)", "3.0 (quilt)"}
_VCS = (".git", ".hg", ".svn", ".bzr", "_darcs", "CVS", ".pc")
_ORIG = r"_{version}\.orig(?:-[A-Za-z0-9-]+)?\.tar\.(?:gz|xz|bz2|lzma)(?:\.asc)?$"
_BUILD_LIMIT_S = 1800


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeOptions:
    """
    How to take a directory.

    :param dirty: take the working tree as it is instead of what is committed
    :param say: shows a line to the user
    """

    dirty: bool = False
    say: Say


def pack_tree(directory: Path, scratch: Path, options: TreeOptions) -> Path:
    """
    Make a source package of a directory with ``debian/``.

    :param directory: is only read
    :param scratch: an empty directory
    :returns: the .dsc, below ``scratch``
    :raises UserError: if the tree is malformed, the original tarball is missing, or
        dpkg-source refuses the tree
    """
    directory = directory.resolve()
    with open_git(directory) as git:
        tree = scratch / "tree"
        _copy(directory, tree, git, options)
        entry = read_changelog(_checked_file(tree, "debian/changelog"))
        form = source_format(tree)
        upstream = entry.version.partition(":")[2] or entry.version
        named = scratch / f"{entry.name}-{upstream.rpartition('-')[0] or upstream}"
        tree.rename(named)
        if form == "3.0 (quilt)" or (form == "1.0" and "-" in entry.version):
            _provide_orig(directory, scratch, entry, git, is_optional=form == "1.0")
    return _dpkg_source(named, scratch)


def source_format(tree: Path) -> str:
    """
    Read ``debian/source/format``.

    :raises UserError: if packing this format would run programs of the tree's choice
    """
    path = tree / "debian/source/format"
    form = "1.0"
    if path.is_symlink() or path.exists():
        form = _checked_file(tree, "debian/source/format").read_text(errors="replace").strip()
    if form not in _FORMATS:
        raise UserError(
            f"source format {form!r} is not packed here",
            details="Packing it runs programs that the tree chooses.",
            resolution="Make the source package yourself and give the path of its .dsc.",
        )
    return form


def _checked_file(tree: Path, name: str) -> Path:
    path = tree / name
    if not path.resolve().is_relative_to(tree.resolve()):
        raise UserError(f"{name} is a link that leads out of the source tree")
    if not path.is_file():
        raise UserError(f"the source tree has no {name}")
    return path


def _copy(directory: Path, tree: Path, git: GitTree | None, options: TreeOptions) -> None:
    if git is None:
        ignore = shutil.ignore_patterns(*_VCS)
        shutil.copytree(directory, tree, symlinks=True, ignore=ignore)
        return
    if options.dirty:
        for path in git.working_files():
            _copy_one(directory / path, tree / path)
        return
    changed = git.changed()
    if changed:
        names = ", ".join(changed[:3]) + (" ..." if len(changed) > 3 else "")  # noqa: PLR2004
        options.say(
            f"building {git.commit[:12]}; {len(changed)} uncommitted changes are left out"
            f" ({names}); --dirty takes them along"
        )
    git.export(tree)


def _copy_one(source: Path, target: Path) -> None:
    # deleted but not yet committed, or a submodule
    if not source.is_symlink() and not source.is_file():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)


def _provide_orig(
    directory: Path,
    scratch: Path,
    entry: ChangelogEntry,
    git: GitTree | None,
    *,
    is_optional: bool,
) -> None:
    """Put the original tarballs beside the tree, from where packagers keep them."""
    version = (entry.version.partition(":")[2] or entry.version).rpartition("-")[0]
    pattern = re.compile(re.escape(entry.name) + _ORIG.format(version=re.escape(version)))
    found = [path for path in directory.parent.iterdir() if pattern.match(path.name)]
    for path in found:
        shutil.copyfile(path, scratch / path.name)
    has_main = any(".orig.tar." in path.name for path in found)
    if has_main or (git is not None and _from_pristine_tar(git, scratch, pattern)):
        return
    if is_optional:
        return
    raise UserError(
        f"there is no original tarball {entry.name}_{version}.orig.tar.* in {directory.parent}"
        + (", nor on a pristine-tar branch" if git else ""),
        resolution=(
            "Fetch it there: origtargz (from devscripts) or uscan --download-current-version;"
            " with git-buildpackage: gbp export-orig."
        ),
    )


def _from_pristine_tar(git: GitTree, scratch: Path, pattern: re.Pattern[str]) -> bool:
    try:
        names = git.git("ls-tree", "--name-only", "refs/heads/pristine-tar").splitlines()
    except CommandError:
        return False
    wanted = [name.removesuffix(".delta") for name in names if name.endswith(".delta")]
    wanted = [name for name in wanted if pattern.match(name)]
    environment = clean_environment(GIT_DIR=str(git.borrowed))
    for name in wanted:
        argv = ["pristine-tar", "checkout", str(scratch / name)]
        try:
            run(Command(argv, env=environment, cwd=git.borrowed, timeout_s=_BUILD_LIMIT_S))
        except CommandError as error:
            raise UserError(
                f"pristine-tar cannot make {name}",
                details=error.details,
                resolution="Put the original tarball beside the source directory.",
            ) from error
    return any(".orig.tar." in name for name in wanted)


def _dpkg_source(tree: Path, scratch: Path) -> Path:
    # a clean environment: dpkg-source honours TAR_OPTIONS, QUILT_* and Perl's variables
    command = Command(
        ["dpkg-source", "-b", tree.name],
        cwd=scratch,
        env=clean_environment(TMPDIR=str(scratch)),
        timeout_s=_BUILD_LIMIT_S,
    )
    try:
        run(command)
    except CommandError as error:
        lines = (error.completed.stdout + error.completed.stderr).decode(errors="replace")
        raise UserError(
            "dpkg-source cannot make a source package of the tree",
            details="\n".join(lines.strip().splitlines()[-20:]),
            resolution=(
                "Commit upstream changes as a patch (dpkg-source --commit), or remove what a"
                " build left behind."
            ),
        ) from error
    return next(scratch.glob("*.dsc"))
