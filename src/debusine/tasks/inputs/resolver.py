# SPDX-License-Identifier: GPL-3.0-or-later
"""Look up what the inputs of a task need."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import quote

from debusine.domain.category import ArtifactCategory, CollectionCategory
from debusine.domain.executor import BackendType
from debusine.domain.lookup import LookupSingle
from debusine.tasks.checks import ensure_collection_category
from debusine.tasks.errors import TaskConfigError
from debusine.tasks.inputs.environment import environment_lookups
from debusine.tasks.inputs.fields import (
    ENVIRONMENTS,
    SUITE,
    DataField,
    EnvironmentField,
    FieldContainer,
    ResolvingTask,
)
from debusine.tasks.inputs.finder import Finder
from debusine.tasks.inputs.repositories import HostedSuite, external_repositories
from debusine.tasks.inputs.stage import Stage
from debusine.tasks.inputs.task_data import check_list, get_value
from debusine.tasks.inputs.values import InputArtifactSingle, InputCollectionSingle
from debusine.tasks.models import ExtraExternalRepository

SCHEME_SETTING = "DEBUSINE_DEBIAN_ARCHIVE_URL_SCHEME_FOR_TASKS"
ARCHIVE_SETTING = "DEBUSINE_DEBIAN_ARCHIVE_PRIMARY_FQDN"


class Resolver(Finder):
    """
    Looks up what the inputs of one task need; implementations say how to find things.

    Lookups raise :class:`KeyError` if nothing matches, and :class:`LookupError` if
    they are malformed or find something of another type.

    :param task: whose data names what to look up
    """

    def __init__(self, task: ResolvingTask) -> None:
        self.task = task

    def get_fallback_architecture(self) -> str:
        """Architecture of tasks that name none."""
        return self.get_server_setting("DEBUSINE_FALLBACK_ARCHITECTURE")

    def lookup_single_artifact(
        self,
        lookup: LookupSingle | None,
        *,
        default_category: CollectionCategory | None = None,
        label: str,
    ) -> InputArtifactSingle | None:
        """Look one artifact up; ``None`` finds ``None``."""
        if lookup is None:
            return None
        return self.find_artifact(lookup, default_category=default_category, label=label)

    def lookup_environment(  # noqa: PLR0913  each is a fact of its own
        self,
        lookup: LookupSingle,
        *,
        architecture: str | None,
        backend: BackendType | None,
        default_category: CollectionCategory = ENVIRONMENTS,
        image_category: ArtifactCategory | None = None,
        try_variant: bool = True,
        label: str,
    ) -> InputArtifactSingle:
        """
        Look an environment up, completed by what the task says.

        :param try_variant: prefer the variant named like the task
        :raises KeyError: if nothing matches
        """
        candidates = environment_lookups(
            lookup,
            architecture=architecture,
            backend=backend,
            image_category=image_category,
            variant=self.task.name if try_variant else None,
        )
        for candidate in candidates[:-1]:
            try:
                return self.find_artifact(candidate, default_category=default_category, label=label)
            except KeyError:
                continue
        return self.find_artifact(candidates[-1], default_category=default_category, label=label)

    # values of the task

    def get_field(self, field: DataField) -> Any:
        """
        The value that an input follows from; ``None`` if it is not given.

        :raises TaskConfigError: if there is no such attribute, or it has another type
        """
        value = get_value(self.task.data, field.field)
        return None if value is None else field.value_type.check(value, label=field.field)

    def get_field_collection(self, field: DataField) -> list[Any]:
        """
        The list that an input follows from; ``None`` is an empty one.

        :raises TaskConfigError: if there is no such attribute, it is no list, or one of
            its items has another type
        """
        value = get_value(self.task.data, field.field)
        return check_list(value, field.value_type, label=field.field)

    def task_architecture(self) -> str | None:
        """
        Architecture of the task, if it has one.

        :raises TaskConfigError: if it is not resolved yet
        """
        found: str | None = getattr(self.task, "build_architecture", None)
        return found

    def task_backend(self) -> BackendType | None:
        """Technology that the task runs on, if it runs in an environment."""
        found: BackendType | None = getattr(self.task, "backend", None)
        return found

    # inputs

    def resolve_environmentinput(self, field: EnvironmentField) -> InputArtifactSingle:
        """
        Look up the environment that a task needs.

        :raises TaskConfigError: if none is given, or what was found is none
        """
        lookup = field.value_type.check(self.get_field(field), label=field.field)
        found = self.lookup_environment(
            lookup,
            architecture=self.task_architecture(),
            backend=self.task_backend() if field.set_backend else None,
            default_category=field.default_category or ENVIRONMENTS,
            image_category=field.image_category,
            try_variant=field.try_variant,
            label=field.field,
        )
        field.check(found, label=field.field)
        return found

    def resolve_optionalenvironmentinput(
        self, field: EnvironmentField
    ) -> InputArtifactSingle | None:
        """
        Look up the environment that a task takes, if one is given.

        :raises TaskConfigError: if what was found is none
        """
        return None if self.get_field(field) is None else self.resolve_environmentinput(field)

    def resolve_suitearchiveinput(
        self, field: DataField
    ) -> tuple[InputCollectionSingle, InputCollectionSingle | None]:
        """
        Look up a suite, and the archive of its workspace.

        :raises TaskConfigError: if none is given, or what was found is no suite
        """
        lookup = field.value_type.check(self.get_field(field), label=field.field)
        suite = self._find_suite(lookup, label=field.field)
        return suite, self.find_archive(suite, label=field.field)

    def resolve_extrarepositoriesinput(
        self, field: DataField
    ) -> list[ExtraExternalRepository] | None:
        """
        Make repositories external; suites without anything published are left out.

        :returns: ``None`` if none are given
        :raises TaskConfigError: if one is no repository, or nothing says its components
        """
        if get_value(self.task.data, field.field) is None:
            return None
        items = self.get_field_collection(field)
        return external_repositories(items, self._find_hosted_suite, label=field.field)

    def resolve_inputs(self, container: FieldContainer, stage: Stage | None = None) -> None:
        """
        Look up every input needed up to a stage and keep the values in the container.

        Errors are those of the inputs, with a note that names the input.
        """
        for owner, field in container.iter_all_fields(stage):
            try:
                value = field.resolve(self)
            except Exception as error:
                error.add_note(f"while resolving input {field.name} of task {self.task.name}")
                raise
            owner.set_field_value(field.name, value)

    def resolve_early(self, container: FieldContainer, stage: Stage) -> None:
        """
        Look up every input needed up to a stage, and of the others what is there by now.

        An input of a later stage that cannot be looked up yet stays unresolved.
        """
        self.resolve_inputs(container, stage)
        for owner, field in container.iter_all_fields():
            if field.stage > stage:
                with suppress(LookupError, TaskConfigError, ValueError):
                    owner.set_field_value(field.name, field.resolve(self))

    def _find_suite(self, lookup: LookupSingle, *, label: str) -> InputCollectionSingle:
        """
        Look a suite up.

        :raises TaskConfigError: if it is another kind of collection
        """
        found = self.find_collection(lookup, default_category=SUITE, label=label)
        ensure_collection_category(configuration_key=label, category=found.category, expected=SUITE)
        return found

    def _find_hosted_suite(self, lookup: LookupSingle, label: str) -> HostedSuite | None:
        """Look a suite of the server up; ``None`` if it is not published."""
        suite = self._find_suite(lookup, label=label)
        if not self.is_published(suite.collection_id):
            return None
        scheme = self.get_server_setting(SCHEME_SETTING)
        host = self.get_server_setting(ARCHIVE_SETTING)
        place = f"{quote(suite.scope_name)}/{quote(suite.workspace_name)}"
        return HostedSuite(
            url=f"{scheme}://{host}/{place}",
            name=suite.name,
            components=suite.data.get("components"),
            signing_key=self.export_suite_signing_keys(suite.collection_id),
        )
