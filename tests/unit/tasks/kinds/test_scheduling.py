# SPDX-License-Identifier: GPL-3.0-or-later
"""What kinds report about a worker, and what they say of themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from debusine.tasks import BaseExternalTask
from debusine.tasks.inputs.values import (
    BaseTaskInputArtifact,
    InputArtifactMultiple,
    InputArtifactSingle,
)
from debusine.tasks.kinds.lintian import Lintian
from debusine.tasks.kinds.mmdebstrap import MmDebstrap
from debusine.tasks.kinds.sbuild import Sbuild
from debusine.util import userns

SOURCE: dict[str, Any] = {
    "category": "debian:source-package",
    "data": {"name": "hello", "version": "1.0-1", "type": "dpkg", "dsc_fields": {}},
}
BINARY: dict[str, Any] = {
    "category": "debian:binary-package",
    "data": {
        "srcpkg_name": "other",
        "srcpkg_version": "2.0",
        "deb_fields": {"Package": "other", "Version": "2.0", "Architecture": "all"},
        "deb_control_files": ["control"],
    },
}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which there are no programs but those that a test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def install(directory: Path, *names: str) -> None:
    for name in names:
        (directory / name).touch(mode=0o755)


@pytest.mark.parametrize("present", [[], ["sbuild"], ["sbuild", "zstd"]])
def test_what_sbuild_finds(programs: Path, present: list[str]) -> None:
    install(programs, *present)
    assert Sbuild.analyze_worker() == {
        "sbuild:version": 1,
        "sbuild:available": "sbuild" in present,
        "sbuild:zstd:available": "zstd" in present,
    }
    assert Sbuild.get_provided_worker_tags() == {
        "worker:task:worker:sbuild:version:1",
        *(f"worker:cap:{name}" for name in present),
    }


def test_what_mmdebstrap_finds(programs: Path) -> None:
    version = {"mmdebstrap:version": 1}
    tag = "worker:task:worker:mmdebstrap:version:1"
    assert MmDebstrap.analyze_worker() == version | {"mmdebstrap:available": False}
    assert MmDebstrap.get_provided_worker_tags() == {tag}
    install(programs, "mmdebstrap")
    # the program alone is not enough: it works in a user namespace
    usable = userns.can_unshare()
    assert MmDebstrap.analyze_worker() == version | {"mmdebstrap:available": usable}
    expected = {tag, "worker:cap:mmdebstrap"} if usable else {tag}
    assert MmDebstrap.get_provided_worker_tags() == expected


def lintian(*, source: bool, binary: bool, codename: str | None = None) -> Lintian:
    task = Lintian(
        {"input": {"source_artifact": 1, "binary_artifacts": [2]}, "build_architecture": "amd64"}
    )
    label = {"label": "x", "lookup": 1}
    task.set_field_value(
        "source_artifact",
        InputArtifactSingle.model_validate(SOURCE | label | {"artifact_id": 1}) if source else None,
    )
    found = [BaseTaskInputArtifact.model_validate(BINARY | {"artifact_id": 2})] if binary else []
    task.set_field_value(
        "binary_artifacts", InputArtifactMultiple(label="x", lookup=[2], artifacts=found)
    )
    tarball = {
        "category": "debian:system-tarball",
        "artifact_id": 3,
        "data": {
            "filename": "system.tar.xz",
            "vendor": "debian",
            "codename": codename,
            "mirror": "https://deb.example.org/debian",
            "components": ["main"],
            "pkglist": {},
            "architecture": "amd64",
            "with_dev": True,
            "with_init": False,
        },
    }
    task.set_field_value(
        "environment", InputArtifactSingle.model_validate(tarball | label) if codename else None
    )
    return task


@pytest.mark.parametrize(
    ("source", "binary", "subject", "tags"),
    [
        (True, True, "hello", {"task:source-package:hello"}),
        # only the source is what the task is about as far as workers are concerned
        (False, True, "other", set()),
    ],
)
def test_what_lintian_is_about(subject: str, tags: set[str], *, source: bool, binary: bool) -> None:
    task = lintian(source=source, binary=binary)
    assert task.get_subject() == subject
    assert task.compute_system_provided_tags() == tags
    assert task.get_configuration_context() is None
    assert task.compute_dynamic_data().get_source_package_name() == subject
    assert lintian(source=True, binary=True, codename="trixie").get_configuration_context() == (
        "trixie"
    )


def test_where_nothing_is_found_there_is_no_source_package() -> None:
    dynamic = lintian(source=False, binary=False).compute_dynamic_data()
    assert (dynamic.subject, dynamic.get_source_package_name()) == ("unknown", None)


def test_every_kind_reports_its_version() -> None:
    kinds = [
        kind
        for kind in BaseExternalTask.registry.all()
        if kind.__module__.startswith("debusine.tasks.")
    ]
    assert len(kinds) > len({Sbuild, MmDebstrap, Lintian})
    for kind in kinds:
        assert kind.TASK_VERSION is not None
        assert kind.analyze_worker()[kind.prefix_with_task_name("version")] == kind.TASK_VERSION
        tag = f"worker:task:{kind.TASK_TYPE.lower()}:{kind.name}:version:{kind.TASK_VERSION}"
        assert tag in kind.get_provided_worker_tags()
