# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from debusine.domain.executor import BackendType
from debusine.tasks.models import (
    BaseDynamicTaskDataWithExecutor,
    BaseTaskDataWithExecutor,
    BaseTaskDataWithExtraRepositories,
    ExtraExternalRepository,
    ExtraSuiteRepository,
)
from debusine.testing.inputs import KEY

URL = "https://deb.example.org/debian"
FLAT = {"url": URL, "suite": "./"}
FULL = {"url": URL, "suite": "trixie", "components": ["main"]}


def read(*repositories: dict[str, Any]) -> list[Any]:
    data = {"extra_repositories": list(repositories), "build_architecture": "amd64"}
    parsed = BaseTaskDataWithExtraRepositories.model_validate(data)
    assert parsed.extra_repositories is not None
    return list(parsed.extra_repositories)


def test_defaults() -> None:
    data = BaseTaskDataWithExecutor()
    assert data.model_dump(mode="json") == {
        "task_configuration": "default@debusine:task-configuration",
        "environment": None,
        "backend": "auto",
        "build_architecture": None,
    }
    assert data.backend is BackendType.AUTO


def test_two_shapes_of_repositories() -> None:
    external, suite = read(
        {**FULL, "signing_key": KEY, "architectures": ["amd64"]},
        {"suite": "trixie@debian:suite", "components": []},
    )
    assert isinstance(external, ExtraExternalRepository)
    assert (str(external.url), external.suite) == (URL, "trixie")
    assert isinstance(suite, ExtraSuiteRepository)
    assert (suite.suite, suite.components) == ("trixie@debian:suite", None)


@pytest.mark.parametrize(
    ("repository", "message"),
    [
        ({**FLAT, "components": ["main"]}, "not allowed for a flat repository"),
        ({"url": URL, "suite": "trixie"}, "components are required"),
        ({**FULL, "components": []}, "components are required"),
        ({**FULL, "suite": "tri\nxie"}, "may hold only"),
        ({**FULL, "components": ["main contrib"]}, "may hold only"),
        ({**FULL, "architectures": ["amd64\n"]}, "may hold only"),
        ({**FULL, "url": "file:///srv"}, "(?i)host"),
        ({**FULL, "url": "no url"}, "URL"),
        ({**FULL, "extra": 1}, "Extra inputs"),
        ({"components": ["main"]}, "Field required"),
    ],
)
def test_wrong_repositories(repository: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        read(repository)


def test_flat_repository_needs_no_components() -> None:
    assert read(FLAT)[0].components is None


def test_architecture_is_required_with_repositories() -> None:
    with pytest.raises(ValidationError, match="build_architecture"):
        BaseTaskDataWithExtraRepositories.model_validate({})


def test_environment_is_an_input_artifact() -> None:
    assert BaseDynamicTaskDataWithExecutor().get_input_artifacts_ids() == []
    assert BaseDynamicTaskDataWithExecutor(environment_id=3).get_input_artifacts_ids() == [3]


@pytest.mark.parametrize("lookup", [True, 1.0, b"x", [1], {"collection": 1}, "a\0", "x" * 5000])
def test_a_single_lookup_is_a_number_or_a_text_as_it_stands(lookup: object) -> None:
    with pytest.raises(ValidationError) as caught:
        BaseTaskDataWithExecutor.model_validate({"environment": lookup})
    assert [error["loc"] for error in caught.value.errors()] == [("environment",)]
    for good in (1, "1", None):
        data = BaseTaskDataWithExecutor.model_validate({"environment": good})
        assert data.model_dump()["environment"] == good
