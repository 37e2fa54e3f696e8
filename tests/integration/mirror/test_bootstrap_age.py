# SPDX-License-Identifier: GPL-3.0-or-later
"""Systems are made of a signed archive: not of an old one, nor of somebody else's."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.domain.result import WorkRequestResults
from debusine.tasks.bootstrap_models import INLINE_KEYRING
from debusine.tasks.kinds.mmdebstrap import MmDebstrap
from debusine.testing.apt_mirror import SUITE, signed_archive
from debusine.testing.environment import machine_source
from debusine.testing.ordinary_user import OrdinaryUser, ordinary_user, workplace
from debusine.testing.resigned_mirror import serve_resigned, take_index
from debusine.testing.task_client import FakeTaskClient
from debusine.util.apt_access import AptAccess
from debusine.util.apt_config import read_machine
from debusine.util.command import Command, run

__all__ = ["ordinary_user", "workplace"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


@dataclass(frozen=True, kw_only=True)
class Expired:
    """
    An archive whose Release file is past its time.

    :param signed: the Release file with its signature
    """

    url: str
    signed: Path
    key: bytes
    other_key: bytes


@pytest.fixture(scope="module")
def expired() -> Iterator[Expired]:
    source = machine_source()
    with signed_archive() as made, signed_archive() as other:
        take_index(made, source, read_machine().architecture)
        made.sign(valid_until=timedelta(days=-30))
        with serve_resigned(made, source) as url:
            yield Expired(
                url=url,
                signed=made.root / f"debian/dists/{SUITE}/InRelease",
                key=made.armoured.read_bytes(),
                other_key=other.keyring.read_bytes(),
            )


def bootstrap(directory: Path, url: str, key: bytes, **repository: Any) -> tuple[str, list[str]]:
    """Make a system; returns the result with what was said, and the files uploaded."""
    client: Any = FakeTaskClient()
    keyring = {"url": INLINE_KEYRING + base64.b64encode(key).decode(), "install": True}
    task = MmDebstrap(
        {
            "bootstrap_options": {
                "architecture": read_machine().architecture,
                "variant": "essential",
            },
            "bootstrap_repositories": [
                {
                    "mirror": url,
                    "suite": SUITE,
                    "components": ["main"],
                    "check_signature_with": "external",
                    "keyring": keyring,
                    **repository,
                }
            ],
        },
        {},
    )
    # this machine may allow old Release files everywhere
    task.apt_access_directory = directory / "lent"
    AptAccess().write(task.apt_access_directory)
    task.debusine, task.workspace_name, task.work_request_id = client, "System", 1
    task.set_working_directory(directory / "work")
    result = task.execute()
    said = "\n".join(
        content.decode(errors="replace")
        for artifact in client.uploaded
        if artifact.category != SystemTarball.category
        for content in artifact.files.values()
    )
    said += f"\n{task.apt_indexes}"
    if result is not WorkRequestResults.SUCCESS:
        return f"{result}\n{said}", []
    [tarball] = client.uploaded_of(SystemTarball.category)
    [(name, content)] = tarball.files.items()
    (directory / name).write_bytes(content)
    sources = "./etc/apt/sources.list.d/file.sources"
    argv = ["tar", "--extract", "--to-stdout", f"--file={directory / name}", sources]
    return f"{result}\n{said}", run(Command(argv)).text.splitlines()


def test_an_expired_archive_is_refused(
    ordinary_user: OrdinaryUser, workplace: Path, expired: Expired
) -> None:
    def check() -> None:
        said, _ = bootstrap(workplace, expired.url, expired.key)
        assert said.startswith("failure\n")
        assert "InRelease is expired" in said or "is not valid anymore" in said

    ordinary_user.call(check)


def test_an_expired_archive_is_taken_if_its_age_shall_not_count(
    ordinary_user: OrdinaryUser, workplace: Path, expired: Expired
) -> None:
    digest = hashlib.sha256(expired.signed.read_bytes()).hexdigest()

    def check() -> None:
        said, sources = bootstrap(workplace, expired.url, expired.key, check_valid_until=False)
        assert said.startswith("success\n"), said[-5000:]
        # which archive it was made from
        assert digest in said
        # builds in it read the same Release file
        assert "Check-Valid-Until: no" in sources
        assert "Signed-By: /etc/apt/keyrings-debusine/keyring-repo-0.asc" in sources

    ordinary_user.call(check)


def test_an_archive_that_somebody_else_signed_is_refused(
    ordinary_user: OrdinaryUser, workplace: Path, expired: Expired
) -> None:
    def check() -> None:
        said, _ = bootstrap(workplace, expired.url, expired.other_key, check_valid_until=False)
        assert said.startswith("failure\n")
        assert "NO_PUBKEY" in said

    ordinary_user.call(check)


@pytest.fixture
def unsigned(expired: Expired) -> Iterator[Expired]:
    """The same archive without a signature."""
    aside = expired.signed.rename(expired.signed.with_name("aside"))
    yield expired
    aside.rename(expired.signed)


def test_an_archive_without_a_signature_is_refused(
    ordinary_user: OrdinaryUser, workplace: Path, unsigned: Expired
) -> None:
    def check() -> None:
        said, _ = bootstrap(workplace, unsigned.url, unsigned.key, check_valid_until=False)
        assert said.startswith("failure\n")
        assert "is not signed" in said

    ordinary_user.call(check)


def test_an_archive_without_a_signature_is_taken_if_that_is_asked_for(
    ordinary_user: OrdinaryUser, workplace: Path, unsigned: Expired
) -> None:
    wanted = {"check_valid_until": False, "check_signature_with": "no-check", "keyring": None}

    def check() -> None:
        said, sources = bootstrap(workplace, unsigned.url, unsigned.key, **wanted)
        assert said.startswith("success\n"), said[-5000:]
        # builds in it read the same Release file
        assert "Trusted: yes" in sources

    ordinary_user.call(check)
