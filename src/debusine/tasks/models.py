# SPDX-License-Identifier: GPL-3.0-or-later
"""
Bases of what a user submits for a task, and of what the server found out for it.

Unknown keys are refused, assignments are validated, dumps use aliases. Dynamic data
is stored without unset fields: code that changes a field in place assigns it anew.
"""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from typing_extensions import override

from debusine.domain.executor import BackendType
from debusine.domain.lookup import LookupMultiple, LookupSingle
from debusine.tasks.repository_values import ArmouredKey, RepositoryUrl, Suite, Words

__all__ = [
    "BackendType",
    "BaseDynamicTaskData",
    "BaseDynamicTaskDataWithExecutor",
    "BaseDynamicTaskDataWithExtraRepositories",
    "BaseTaskData",
    "BaseTaskDataModel",
    "BaseTaskDataWithExecutor",
    "BaseTaskDataWithExtraRepositories",
    "ExtraExternalRepository",
    "ExtraRepository",
    "ExtraSuiteRepository",
    "LookupMultiple",
    "LookupSingle",
]

DEFAULT_TASK_CONFIGURATION = "default@debusine:task-configuration"


class BaseTaskDataModel(BaseModel):
    """Base of every piece of task data."""

    model_config = ConfigDict(
        extra="forbid",
        validate_assignment=True,
        populate_by_name=True,
        serialize_by_alias=True,
    )


class _RepositoryFilter(BaseTaskDataModel):
    components: Words = None
    architectures: Words = None


class ExtraExternalRepository(_RepositoryFilter):
    """
    An APT repository anywhere.

    :param url: where the archive is, without credentials: ``http``, ``https`` or ``ftp``, or one
        of them after ``tor+`` or ``mirror+``
    :param suite: ends with ``/`` for a flat repository, which has no components; may be several
        with one space between them
    :param signing_key: armoured public keys; without them the keys of the environment count
    :param architectures: those it is used for; ``None`` is all
    """

    url: RepositoryUrl
    suite: Suite
    signing_key: ArmouredKey | None = None

    @model_validator(mode="after")
    def check_components(self) -> Self:
        """
        Only a flat repository goes without components.

        :raises ValueError: if they are missing, or given for a flat repository
        """
        if self.suite.endswith("/") and self.components:
            message = "components are not allowed for a flat repository"
            raise ValueError(message)
        if not self.suite.endswith("/") and not self.components:
            message = "components are required unless the suite ends with '/'"
            raise ValueError(message)
        return self


class ExtraSuiteRepository(_RepositoryFilter):
    """
    A suite that the server itself publishes.

    :param suite: lookup of a ``debian:suite`` collection
    :param components: ``None`` is those of the suite
    """

    suite: LookupSingle


def _shape(value: object) -> str:
    has_url = "url" in value if isinstance(value, dict) else hasattr(value, "url")
    return "external" if has_url else "suite"


ExtraRepository: TypeAlias = Annotated[
    Annotated[ExtraExternalRepository, Tag("external")]
    | Annotated[ExtraSuiteRepository, Tag("suite")],
    Discriminator(_shape),
]


class BaseTaskData(BaseTaskDataModel):
    """
    What a user submits for any task.

    :param task_configuration: collection that defaults and overrides come from
    """

    task_configuration: LookupSingle | None = DEFAULT_TASK_CONFIGURATION


class BaseTaskDataWithExecutor(BaseTaskData):
    """
    What a user submits for a task that runs in an environment.

    :param environment: lookup; the server completes ``NAME/match:...``
    :param backend: ``auto`` leaves the choice to the task
    :param build_architecture: ``None`` is the fallback of the server
    """

    environment: LookupSingle | None = None
    backend: BackendType = BackendType.AUTO
    build_architecture: str | None = None


class BaseTaskDataWithExtraRepositories(BaseTaskData):
    """
    What a user submits for a task that takes more APT sources.

    :param build_architecture: repositories for others are left out
    """

    extra_repositories: list[ExtraRepository] | None = None
    build_architecture: str


class BaseDynamicTaskData(BaseTaskDataModel):
    """
    What the server found out for any task.

    :param parameter_summary: short text for people beside the task's name
    :param subject: what the task is about, usually a source package
    :param runtime_context: runs with the same value take about as long
    :param configuration_context: usually the codename of the environment
    :param task_input_fields: resolved inputs by name, as JSON
    """

    parameter_summary: str | None = None
    subject: str | None = None
    runtime_context: str | None = None
    configuration_context: str | None = None
    task_input_fields: dict[str, Any] = Field(default_factory=dict)

    def get_source_package_name(self) -> str | None:
        """Source package that the task is about, if there is exactly one."""
        return None

    def get_input_artifacts_ids(self) -> list[int]:
        """Artifacts named by fields of this model; the task may read them."""
        return []


class BaseDynamicTaskDataWithExecutor(BaseDynamicTaskData):
    """
    What the server found out for a task that runs in an environment.

    :param environment_id: artifact of the environment
    """

    environment_id: int | None = None

    @override
    def get_input_artifacts_ids(self) -> list[int]:
        own = [] if self.environment_id is None else [self.environment_id]
        return [*super().get_input_artifacts_ids(), *own]


class BaseDynamicTaskDataWithExtraRepositories(BaseDynamicTaskData):
    """
    What the server found out for a task that takes more APT sources.

    :param extra_repositories: all of them external by now
    """

    extra_repositories: list[ExtraExternalRepository] | None = None
