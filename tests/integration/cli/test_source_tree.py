# SPDX-License-Identifier: GPL-3.0-or-later
"""Source packages of directories: real git, dpkg-source and pristine-tar, hostile trees too."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from debusine.cli.building.source import Source, load_source
from debusine.cli.building.source_tree import TreeOptions, pack_tree
from debusine.errors import UserError
from debusine.util.command import Command, run

CONTROL = """Source: tiny
Section: misc
Priority: optional
Maintainer: A Person <person@example.org>
Standards-Version: 4.6.2

Package: tiny
Architecture: all
Description: a package for tests
 It does nothing.
"""


def make_tree(top: Path, *, form: str = "3.0 (native)", version: str = "1.0") -> Path:
    """A source tree whose every program leaves a mark beside it when it runs."""
    debian = top / "debian"
    (debian / "source").mkdir(parents=True)
    (debian / "control").write_text(CONTROL)
    (debian / "changelog").write_text(
        f"tiny ({version}) trixie; urgency=medium\n\n  * Text.\n\n"
        " -- A Person <person@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n"
    )
    if form:
        (debian / "source/format").write_text(f"{form}\n")
    rules = debian / "rules"
    rules.write_text(f"#!/bin/sh\ntouch {top.parent}/ran-rules\n")
    rules.chmod(0o755)
    (top / "hello.txt").write_text("hello\n")
    return top


def git(top: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    argv = ["git", *identity, "-c", "init.defaultBranch=main", *arguments]
    return run(Command(argv, cwd=top)).text


def commit(top: Path) -> Path:
    git(top, "init", "-q")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "all")
    return top


def orig_tarball(top: Path, name: str = "tiny_1.0.orig.tar.gz") -> Path:
    path = top.parent / name
    argv = ["tar", "-czf", str(path), "--transform=s,^[.],tiny-1.0,", "--exclude=./debian"]
    run(Command([*argv, "--exclude=./.git", "-C", str(top), "."]))
    return path


def pack(top: Path, tmp_path: Path, *, dirty: bool = False) -> tuple[Source, list[str]]:
    said: list[str] = []
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    dsc = pack_tree(top, scratch, TreeOptions(dirty=dirty, say=said.append))
    return load_source(dsc), said


def content(source: Source, tmp_path: Path) -> Path:
    run(Command(["dpkg-source", "-q", "-x", "--no-check", str(source.dsc), str(tmp_path / "un")]))
    return tmp_path / "un"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    place = tmp_path / "parent/tiny"
    place.mkdir(parents=True)
    return place


@pytest.mark.parametrize("form", ["3.0 (native)", "", "1.0"])
def test_native(top: Path, tmp_path: Path, form: str) -> None:
    before = sorted(path for path in make_tree(top, form=form).rglob("*"))
    source, said = pack(top, tmp_path)
    assert (source.name, source.version, source.distribution) == ("tiny", "1.0", "trixie")
    assert (content(source, tmp_path) / "hello.txt").read_text() == "hello\n"
    assert said == []
    assert sorted(path for path in top.rglob("*")) == before
    assert sorted(path.name for path in top.parent.iterdir()) == ["tiny"]


def test_git_takes_what_is_committed(top: Path, tmp_path: Path) -> None:
    commit(make_tree(top))
    (top / "hello.txt").write_text("changed\n")
    (top / "new.txt").write_text("new\n")
    source, said = pack(top, tmp_path)
    unpacked = content(source, tmp_path)
    assert (unpacked / "hello.txt").read_text() == "hello\n"
    assert not (unpacked / "new.txt").exists()
    assert len(said) == 1
    assert "2 uncommitted changes" in said[0]
    assert "--dirty" in said[0]


def test_dirty_takes_the_working_tree_but_not_what_git_ignores(top: Path, tmp_path: Path) -> None:
    make_tree(top)
    (top / ".gitignore").write_text("*.o\n")
    (top / "gone.txt").touch()
    commit(top)
    (top / "hello.txt").write_text("changed\n")
    (top / "new.txt").write_text("new\n")
    (top / "a.o").write_text("object\n")
    (top / "gone.txt").unlink()
    source, said = pack(top, tmp_path, dirty=True)
    unpacked = content(source, tmp_path)
    assert (unpacked / "hello.txt").read_text() == "changed\n"
    assert (unpacked / "new.txt").read_text() == "new\n"
    assert not (unpacked / "a.o").exists()
    assert not (unpacked / "gone.txt").exists()
    assert said == []


def test_a_package_below_the_top_of_a_repository(top: Path, tmp_path: Path) -> None:
    make_tree(top / "pkg/tiny")
    (top / "other").write_text("x")
    commit(top)
    source, _ = pack(top / "pkg/tiny", tmp_path)
    assert not (content(source, tmp_path) / "other").exists()


@pytest.mark.parametrize("form", ["3.0 (quilt)", "1.0"])
def test_original_tarball_from_the_parent(top: Path, tmp_path: Path, form: str) -> None:
    make_tree(top, form=form, version="1.0-1")
    orig_tarball(top)
    source, _ = pack(commit(top), tmp_path)
    assert "tiny_1.0.orig.tar.gz" in source.artifact.files
    assert (content(source, tmp_path) / "hello.txt").read_text() == "hello\n"


def test_original_tarball_from_pristine_tar(top: Path, tmp_path: Path) -> None:
    make_tree(top, form="3.0 (quilt)", version="1.0-1")
    orig = orig_tarball(top)
    debian = (top / "debian").rename(tmp_path / "debian")
    commit(top)
    run(Command(["pristine-tar", "commit", str(orig), "main"], cwd=top, env=_identity()))
    debian.rename(top / "debian")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "debian")
    original = orig.read_bytes()
    orig.unlink()
    source, _ = pack(top, tmp_path)
    assert source.artifact.files[orig.name].read_bytes() == original


def _identity() -> dict[str, str]:
    names = [f"GIT_{role}_{what}" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
    path = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return path | dict.fromkeys(names, "a@example.org")


def test_no_original_tarball_says_how_to_get_one(top: Path, tmp_path: Path) -> None:
    commit(make_tree(top, form="3.0 (quilt)", version="1.0-1"))
    with pytest.raises(UserError, match=r"tiny_1\.0\.orig\.tar") as caught:
        pack(top, tmp_path)
    assert "origtargz" in (caught.value.resolution or "")


def test_changes_outside_of_debian_are_refused_with_the_remedy(top: Path, tmp_path: Path) -> None:
    make_tree(top, form="3.0 (quilt)", version="1.0-1")
    orig_tarball(top)
    (top / "hello.txt").write_text("changed upstream\n")
    with pytest.raises(UserError, match="dpkg-source cannot make") as caught:
        pack(commit(top), tmp_path)
    assert "hello.txt" in (caught.value.details or "")
    assert "dpkg-source --commit" in (caught.value.resolution or "")


@pytest.mark.parametrize("form", ["3.0 (git)", "3.0 (bzr)", "3.0 (custom)", "2.0", "nonsense"])
def test_formats_that_run_programs_of_the_tree(top: Path, tmp_path: Path, form: str) -> None:
    make_tree(top, form=form)
    (top / "debian/source/options").write_text("target-format=3.0 (quilt)\n")
    with pytest.raises(UserError, match="is not packed here"):
        pack(top, tmp_path)


def test_links_do_not_lead_out(top: Path, tmp_path: Path) -> None:
    make_tree(top)
    elsewhere = tmp_path / "changelog"
    (top / "debian/changelog").rename(elsewhere)
    (top / "debian/changelog").symlink_to(elsewhere)
    with pytest.raises(UserError, match="leads out"):
        pack(top, tmp_path)


def test_a_hostile_repository_runs_nothing(top: Path, tmp_path: Path) -> None:
    make_tree(top)
    mark = tmp_path / "ran"
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    script.chmod(0o755)
    (top / ".gitattributes").write_text("* filter=evil diff=evil\n")
    commit(top)
    for key in (
        "filter.evil.smudge", "filter.evil.clean", "filter.evil.process", "core.fsmonitor",
        "core.pager", "core.editor", "diff.external", "diff.evil.command", "diff.evil.textconv",
        "tar.tar.command", "core.sshCommand", "credential.helper",
    ):  # fmt: skip
        git(top, "config", key, str(script))
    for hook in ("post-checkout", "post-index-change", "pre-commit", "reference-transaction"):
        (top / ".git/hooks").mkdir(exist_ok=True)
        (top / ".git/hooks" / hook).symlink_to(script)
    (top / "hello.txt").write_text("changed\n")

    # they do run when git itself looks at the repository: the trap is armed
    subprocess.check_output(["git", "status"], cwd=top)
    assert mark.exists()
    mark.unlink()

    for count, dirty in enumerate((False, True)):
        place = tmp_path / str(count)
        place.mkdir()
        pack(top, place, dirty=dirty)
    assert not mark.exists()
    assert not (top.parent / "ran-rules").exists()


def test_hostile_options_and_environment_run_nothing(
    top: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tree(top, form="3.0 (quilt)", version="1.0-1")
    orig_tarball(top)
    mark = tmp_path / "ran"
    evil = f"--checkpoint=1 --checkpoint-action=exec=touch\\ {mark}"
    monkeypatch.setenv("TAR_OPTIONS", evil)
    monkeypatch.setenv("PERL5OPT", f"-Mlib={top}")
    (top / "debian/source/options").write_text(
        f"tar-ignore=--checkpoint-action=exec=touch {mark}\n"
        f"extend-diff-ignore=(?{{system('touch {mark}')}})\n"
        "auto-commit\ncommit\n"
        f"--use-compress-program=touch {mark}\n"
    )
    (top / "debian/source/local-options").write_text(
        f"compression=sh -c 'touch {mark}'\nabort-on-upstream-changes\n"
    )
    (top / "debian/patches").mkdir()
    (top / "debian/patches/series").write_text("ed.patch\n")
    (top / "debian/patches/ed.patch").write_text(
        f"--- a/hello.txt\n+++ b/hello.txt\n1s/x/x/\nw\n!touch {mark}\n"
    )
    with pytest.raises(UserError, match="dpkg-source cannot make"):
        pack(top, tmp_path)
    assert not mark.exists()
    assert not (top.parent / "ran-rules").exists()
