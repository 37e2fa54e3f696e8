# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from pathlib import Path

from debusine.tasks.apt_indexes import (
    bootstrap_commands,
    digests_in_log,
    parse_digests,
    sbuild_option,
)
from debusine.util.command import Command, run

ONE = "deb.example.org_debian_dists_sid_InRelease"
OTHER = "deb.example.org_own_._Release"
DIGEST = "a" * 64


def test_only_indexes_of_repositories_elsewhere_count() -> None:
    lines = [
        f"{DIGEST}  {OTHER}\n",
        f"{DIGEST}  {ONE}\n",
        f"{DIGEST}  _build_resolver_apt_archive_._InRelease",
        f"{DIGEST}  deb.example.org_debian_dists_sid_main_binary-amd64_Packages",
        f"{DIGEST[1:]}  {ONE}",
        f"sha256sum: {ONE}: Permission denied",
        "",
    ]
    assert list(parse_digests(lines).items()) == [(ONE, DIGEST), (OTHER, DIGEST)]


def test_in_a_log_only_the_first_words_count(tmp_path: Path) -> None:
    log = tmp_path / "hello.build"
    log.write_bytes(
        f"hello (amd64)\n\xff\nAPT index: {DIGEST}  {ONE}\nbuild\n"
        f"APT index: {'b' * 64}  {ONE}\nAPT index: {DIGEST}  {OTHER}\n".encode("latin1")
    )
    assert digests_in_log(log) == {ONE: DIGEST}
    log.write_text("nothing\n")
    assert digests_in_log(log) == {}


def _lists(root: Path) -> str:
    lists = root / "var/lib/apt/lists"
    lists.mkdir(parents=True)
    (lists / ONE).write_text("Suite: sid\n")
    (lists / "lock").touch()
    return hashlib.sha256(b"Suite: sid\n").hexdigest()


def test_the_command_for_a_new_system(tmp_path: Path) -> None:
    digest = _lists(tmp_path)
    (command,) = bootstrap_commands()
    run(Command(["sh", "-e", "-c", command, "sh", str(tmp_path)]))
    assert parse_digests((tmp_path / "apt-indexes").read_text().splitlines()) == {ONE: digest}


def test_a_new_system_without_lists_is_no_failure(tmp_path: Path) -> None:
    (command,) = bootstrap_commands()
    run(Command(["sh", "-e", "-c", command, "sh", str(tmp_path)]))


def test_the_command_for_sbuild_has_no_escapes_of_sbuild() -> None:
    option = sbuild_option()
    assert option.startswith("--starting-build-commands=sh -c ")
    assert "%" not in option
