# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.system_image import SystemImage
from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.domain.category import ArtifactCategory
from debusine.domain.executor import BackendType
from debusine.errors import BugError
from debusine.tasks import TaskConfigError
from debusine.tasks.inputs.environment import environment_lookups
from debusine.tasks.inputs.fields import ENVIRONMENTS
from debusine.tasks.inputs.inputs import EnvironmentInput, OptionalEnvironmentInput
from debusine.testing.inputs import TARBALL, task_with_inputs
from debusine.testing.resolver import MemoryResolver


def complete(
    lookup: int | str,
    *,
    backend: BackendType | None = BackendType.UNSHARE,
    image_category: ArtifactCategory | None = None,
    variant: str | None = None,
) -> list[int | str]:
    return environment_lookups(
        lookup,
        architecture="amd64",
        backend=backend,
        image_category=image_category,
        variant=variant,
    )


ADDED = "architecture=amd64:format=tarball:backend=unshare"


@pytest.mark.parametrize(
    "lookup",
    [
        7,
        "7@artifacts",
        "debian",
        "debian/tarball:trixie:amd64",
        "debian/match:codename=trixie/name:x",
        "//workspace=base/7@artifacts",
    ],
)
def test_other_lookups_are_left_alone(lookup: int | str) -> None:
    assert complete(lookup, variant="sbuild") == [lookup]


def test_what_is_missing_is_added() -> None:
    assert complete("debian/match:codename=trixie") == [f"debian/match:codename=trixie:{ADDED}"]


def test_options_and_category_are_kept() -> None:
    prefix = "//workspace=base:scope=debian/debian@debian:environments/match:codename=trixie"
    assert complete(prefix) == [f"{prefix}:{ADDED}"]


def test_what_is_given_is_kept() -> None:
    given = "debian/match:backend=qemu:format=image:architecture=arm64:variant=x"
    assert complete(given, variant="sbuild") == [given]


def test_what_cannot_be_understood_is_left_to_the_collection() -> None:
    for odd in ("=x", "codename", "codename=a=b"):
        assert complete(f"debian/match:{odd}") == [f"debian/match:{odd}:{ADDED}"]


def test_variant_of_the_task_comes_first() -> None:
    assert complete("debian/match:codename=trixie", variant="sbuild") == [
        f"debian/match:codename=trixie:{ADDED}:variant=sbuild",
        f"debian/match:codename=trixie:{ADDED}:variant=",
    ]


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        (BackendType.UNSHARE, "tarball"),
        (BackendType.INCUS_LXC, "tarball"),
        (BackendType.INCUS_VM, "image"),
        (BackendType.QEMU, "image"),
    ],
)
def test_format_follows_from_the_backend(backend: BackendType, expected: str) -> None:
    (lookup,) = complete("debian/match:codename=trixie", backend=backend)
    assert f":format={expected}:" in str(lookup)


def test_format_may_be_asked_for_without_a_backend() -> None:
    (lookup,) = complete("d/match:", backend=None, image_category=SystemImage.category)
    assert lookup == "d/match:architecture=amd64:format=image"
    with pytest.raises(BugError):
        complete("d/match:", backend=None)


def with_tarballs(task: Any, *variants: str | None) -> MemoryResolver:
    """A resolver with a tarball of each variant for unshare, numbered from 1."""
    resolver = MemoryResolver(task)
    resolver.add_collection(1, ENVIRONMENTS, "debian")
    for number, variant in enumerate(variants, 1):
        resolver.add_artifact(number, SystemTarball.category, TARBALL)
        data = {"codename": "trixie", "architecture": "amd64", "backend": "unshare"}
        resolver.add_item(1, f"item{number}", number, variant=variant, **data)
    return resolver


def test_environment_is_found_without_the_variant_of_the_task() -> None:
    data = {"environment": "debian/match:codename=trixie"}
    task = task_with_inputs(data, environment=EnvironmentInput())
    resolver = with_tarballs(task, "other", None)
    resolver.resolve_inputs(task)
    assert task.environment.artifact_id == 2
    assert task.environment.data.codename == "trixie"
    assert resolver.asked == [
        f"debian/match:codename=trixie:{ADDED}:variant=withinputs",
        f"debian/match:codename=trixie:{ADDED}:variant=",
    ]


def test_environment_for_any_backend() -> None:
    field = EnvironmentInput(
        image_category=SystemTarball.category, set_backend=False, try_variant=False
    )
    data = {"environment": "debian/match:codename=trixie", "build_architecture": "amd64"}
    task = task_with_inputs(data, environment=field)
    resolver = with_tarballs(task, "other")
    resolver.resolve_inputs(task)
    assert task.environment.artifact_id == 1
    assert resolver.asked == ["debian/match:codename=trixie:architecture=amd64:format=tarball"]


def test_environment_must_be_one() -> None:
    for field in (EnvironmentInput(), OptionalEnvironmentInput()):
        task = task_with_inputs({"environment": 1}, environment=field)
        resolver = MemoryResolver(task)
        source = {"name": "x", "version": "1", "type": "dpkg", "dsc_fields": {}}
        resolver.add_artifact(1, SourcePackage.category, source)
        with pytest.raises(TaskConfigError, match="environment: unexpected artifact category"):
            resolver.resolve_inputs(task)


def test_missing_environment() -> None:
    task = task_with_inputs(
        {"environment": "debian/match:codename=sid"}, environment=EnvironmentInput()
    )
    with pytest.raises(KeyError):
        MemoryResolver(task).resolve_inputs(task)
    task = task_with_inputs({}, environment=EnvironmentInput())
    with pytest.raises(TaskConfigError, match="environment is None"):
        MemoryResolver(task).resolve_inputs(task)
    task = task_with_inputs({}, environment=OptionalEnvironmentInput())
    MemoryResolver(task).resolve_inputs(task)
    assert task.environment is None
