# SPDX-License-Identifier: GPL-3.0-or-later
"""A real APT reads what tasks write for extra repositories, and believes the right keys only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from debusine.tasks.apt_sources import KEYRINGS, needs_key_file, repository_files
from debusine.tasks.models import ExtraExternalRepository
from debusine.testing.apt_mirror import archive_key
from debusine.testing.extra_archive import ExtraArchive, extra_archive, write_data_deb
from debusine.util.command import Command, Completed, run

RELEASES = ("bookworm", "bullseye", "jessie")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExtraArchive]:
    made = tmp_path_factory.mktemp("debs")
    names = ("in-main", "in-extra", "in-other", "in-flat")
    one, two, three, flat = (write_data_deb(made, name, "") for name in names)
    with extra_archive() as archive:
        archive.add_suite("probe", {"main": [one], "extra": [two]}, architecture="amd64")
        archive.add_suite("other", {"main": [three], "extra": []}, architecture="amd64")
        archive.add_flat("flat", flat)
        yield archive


@dataclass(frozen=True, kw_only=True)
class Apt:
    """An APT that knows nothing but what is written for it."""

    root: Path

    def configure(self, codename: str, *repositories: dict[str, Any]) -> None:
        """Write what a task would; the keyrings lie elsewhere here."""
        models = [ExtraExternalRepository.model_validate(each) for each in repositories]
        files = repository_files(models, codename=codename, inline=not needs_key_file(codename))
        for name in ("sources.list.d", "parts", "keyrings", "lists/partial", "cache"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        (self.root / "status").touch()
        for key in files.keys:
            (self.root / "keyrings" / key.name).write_text(key.text)
        for file in (*files.sources, *files.lists):
            text = file.text.replace(KEYRINGS, str(self.root / "keyrings"))
            (self.root / "sources.list.d" / file.name).write_text(text)
        values = {
            "Dir::Etc": self.root,
            "Dir::Etc::trusted": "/dev/null",
            "Dir::Etc::trustedparts": self.root / "parts",
            "Dir::Etc::main": "/dev/null",
            "Dir::Etc::parts": self.root / "parts",
            "Dir::State": self.root,
            "Dir::State::status": self.root / "status",
            "Dir::Cache": self.root / "cache",
            "APT::Architecture": "amd64",
            "APT::Architectures::": "amd64",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "0",
        }
        conf = "".join(f'{name} "{value}";\n' for name, value in values.items())
        (self.root / "apt.conf").write_text(f"#clear APT::Architectures;\n{conf}")

    def __call__(self, *argv: str) -> Completed:
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "APT_CONFIG": str(self.root / "apt.conf"),
        }
        return run(Command(argv, env=environment, check=False, timeout_s=60))

    def update(self) -> Completed:
        return self("apt-get", "--error-on=any", "update")

    def packages(self) -> set[str]:
        return set(self("apt-cache", "pkgnames").text.split())


@pytest.fixture
def apt(tmp_path: Path) -> Apt:
    return Apt(root=tmp_path)


def repository(archive: ExtraArchive, **changes: Any) -> dict[str, Any]:
    usual = {
        "url": archive.url,
        "suite": "probe",
        "components": ["main"],
        "signing_key": archive.key.armoured.read_text(),
    }
    return {**usual, **changes}


@pytest.mark.parametrize("codename", RELEASES)
def test_suites_components_and_flat_archives(
    apt: Apt, archive: ExtraArchive, codename: str
) -> None:
    apt.configure(
        codename,
        repository(archive, components=["main", "extra"], suite="probe other"),
        repository(archive, suite="flat/", components=None),
    )
    done = apt.update()

    assert done.returncode == 0, done.stderr.decode()
    # jessie's style can be read by newer APT, and its signed-by as well
    assert done.stderr == b""
    assert apt.packages() == {"in-main", "in-extra", "in-other", "in-flat"}
    # apt-cache policy names the origin of each
    policy = apt("apt-cache", "policy").text
    for place in ("probe/main", "probe/extra", "other/main", "flat/"):
        assert re.search(rf" 500 {re.escape(archive.url)} +{place} ", policy), policy
    trusted = apt("apt-get", "indextargets", "--format", "$(TRUSTED)", "Created-By: Packages")
    assert trusted.text.split() == ["yes"] * 4


@pytest.mark.parametrize("codename", RELEASES)
def test_priorities_are_those_of_any_archive(
    apt: Apt, archive: ExtraArchive, codename: str
) -> None:
    apt.configure(codename, repository(archive))
    apt.update()
    policy = apt("apt-cache", "policy", "in-main").text
    assert "Candidate: 1\n" in policy
    assert f"500 {archive.url} probe/main amd64 Packages" in policy


@pytest.mark.parametrize("codename", RELEASES)
def test_a_wrong_key_is_not_believed(apt: Apt, archive: ExtraArchive, codename: str) -> None:
    with archive_key() as other:
        apt.configure(codename, repository(archive, signing_key=other.armoured.read_text()))
        done = apt.update()
    assert done.returncode != 0
    assert b"NO_PUBKEY" in done.stderr
    assert apt.packages() == set()


@pytest.mark.parametrize("codename", RELEASES)
def test_a_key_is_for_its_archive_alone(apt: Apt, archive: ExtraArchive, codename: str) -> None:
    apt.configure(
        codename, repository(archive, suite="other"), repository(archive, signing_key=None)
    )
    assert b"probe InRelease' is not signed" in apt.update().stderr
    assert apt.packages() == {"in-other"}


@pytest.mark.parametrize("codename", RELEASES)
def test_several_keys(apt: Apt, archive: ExtraArchive, codename: str) -> None:
    with archive_key() as other:
        keys = f"{other.armoured.read_text()}\n{archive.key.armoured.read_text()}"
        apt.configure(codename, repository(archive, signing_key=keys))
        done = apt.update()
    assert done.returncode == 0, done.stderr.decode()
    assert apt.packages() == {"in-main"}


@pytest.mark.parametrize("codename", RELEASES)
def test_unusual_urls_reach_the_server_as_they_were_given(apt: Apt, codename: str) -> None:
    url = "http://127.0.0.1:9/a%20b/%5b/$(ARCH)/~x/(y)/?q=1&r=%2F;s"
    apt.configure(codename, {"url": url, "suite": "one two", "components": ["main"]})
    done = apt("apt-get", "update", "--print-uris")
    asked = [line.split("'")[1] for line in done.text.splitlines() if line.startswith("'")]
    start = url.replace("$(ARCH)", "amd64")
    expected = [f"{start}/dists/{suite}/InRelease" for suite in ("one", "two")]
    assert [each for each in asked if each.endswith("/InRelease")] == expected
    assert done.stderr == b""
