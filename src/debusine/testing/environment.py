# SPDX-License-Identifier: GPL-3.0-or-later
"""A real environment, made once for all tests of a run, by the task that makes them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.domain.result import WorkRequestResults
from debusine.tasks.kinds.mmdebstrap import MmDebstrap
from debusine.testing.made_once import made_once
from debusine.testing.ordinary_user import OrdinaryUser
from debusine.testing.task_client import FakeTaskClient
from debusine.util.apt_config import read_machine
from debusine.util.apt_sources import AptSource
from debusine.util.userns import remove_tree


@dataclass(frozen=True, kw_only=True, slots=True)
class RealEnvironment:
    """
    A system tarball.

    :param path: the file
    :param data: of the artifact
    """

    path: Path
    data: dict[str, Any]

    def client(self, artifact_id: int = 1) -> FakeTaskClient:
        """A server that has the environment as its only artifact."""
        client = FakeTaskClient()
        client.add(
            artifact_id,
            SystemTarball.category,
            self.data,
            {self.data["filename"]: self.path.read_bytes()},
        )
        return client


def machine_source() -> AptSource:
    """The source of this machine that holds the release it runs."""
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    [codename] = [
        line.partition("=")[2].strip('"')
        for line in release.splitlines()
        if line.startswith("VERSION_CODENAME=")
    ]
    found = [source for source in read_machine().sources if source.suite == codename]
    assert found, f"no source for {codename}"
    return found[0]


def make_environment(
    directory: Path, source: AptSource, architecture: str, *, packages: Sequence[str] = ()
) -> None:
    """
    Make an environment; ``system.json`` beside it has the data of its artifact.

    :param packages: those it has beside the ones that are required
    """
    client: Any = FakeTaskClient()
    task = MmDebstrap(
        {
            "bootstrap_options": {
                "architecture": architecture,
                "variant": "minbase",
                "extra_packages": list(packages),
            },
            "bootstrap_repositories": [
                {"mirror": source.uri, "suite": source.suite, "components": ["main"]}
            ],
            "customization_script": "#!/bin/sh\ntouch /customized\n",
        },
        {},
    )
    task.debusine, task.workspace_name, task.work_request_id = client, "System", 1
    task.set_working_directory(directory / "work")
    result = task.execute()
    if result is not WorkRequestResults.SUCCESS:
        logs = client.uploaded[-1].files
        raise AssertionError("\n".join(text.decode()[-4000:] for text in logs.values()))
    [tarball] = client.uploaded_of(SystemTarball.category)
    [(name, content)] = tarball.files.items()
    (directory / name).write_bytes(content)
    (directory / "system.json").write_text(json.dumps(dict(tarball.data)))
    remove_tree(directory / "work")


@pytest.fixture(scope="session")
def environment(ordinary_user: OrdinaryUser) -> RealEnvironment:
    """The release of this machine, ``minbase``."""
    return environment_of(ordinary_user, machine_source())


def environment_of(
    user: OrdinaryUser, source: AptSource, *, packages: Sequence[str] = ()
) -> RealEnvironment:
    """
    Have an environment of a suite; a user makes it, unless there is one.

    :param packages: those it has beside the ones that are required
    """
    architecture = read_machine().architecture

    def make(directory: Path) -> None:
        os.chown(directory, user.uid, user.gid)
        user.call(lambda: make_environment(directory, source, architecture, packages=packages))
        # later tests run as other users
        for file in directory.iterdir():
            file.chmod(0o644)

    directory = made_once("-".join(["environment", source.suite, *packages]), make)
    data = json.loads((directory / "system.json").read_text())
    return RealEnvironment(path=directory / data["filename"], data=data)
