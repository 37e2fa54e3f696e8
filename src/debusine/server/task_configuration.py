# SPDX-License-Identifier: GPL-3.0-or-later
"""Task configuration: looked up for a request when it becomes ready, see :mod:`preparation`."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from debusine.artifacts.bare_data.task_configuration import TaskConfigurationData
from debusine.db.models import Collection, CollectionItem, WorkRequest
from debusine.db.prefix import begins
from debusine.domain.lookup import BadLookupError, LookupChildType, NoMatchError
from debusine.domain.validation import lines_by_field, messages_by_field
from debusine.domain.work_request import TaskTypes
from debusine.server.actor import Actor
from debusine.server.collections.task_configuration import TaskConfigurations
from debusine.server.configuration_entries import (
    FIELD,
    ConfigurationError,
    Entry,
    Subject,
    merge,
    select,
    with_templates,
)
from debusine.server.lookup import Searcher
from debusine.server.task_data import Task, TaskDataError, as_task_data_error, code_of_task
from debusine.server.task_tags import Configuration, TaskTags
from debusine.tasks import TaskConfigError
from debusine.tasks.models import DEFAULT_TASK_CONFIGURATION

_TEMPLATE = "template:"


def find_configuration(request: WorkRequest) -> Collection | None:
    """
    The collection that configures a request; one query, more where it is inherited.

    :param request: with workspace, scope and creator loaded
    :returns: None if there is nothing to apply
    :raises TaskDataError: if the request names one that is not there
    """
    wanted = request.task_data.get(FIELD, DEFAULT_TASK_CONFIGURATION)
    if wanted is None or request.task_type == TaskTypes.INTERNAL:
        return None
    searcher = Searcher(
        actor=Actor(user=request.created_by),
        workspace=request.workspace,
        default_category=TaskConfigurations.category,
        workflow_root=request.workflow_root_id,
    )
    try:
        found = searcher.single(wanted, LookupChildType.COLLECTION).collection
    except NoMatchError as error:
        if wanted == DEFAULT_TASK_CONFIGURATION:
            return None
        raise _wrong(str(error)) from error
    except (BadLookupError, TypeError) as error:
        raise _wrong(str(error)) from error
    if found is None or found.category != TaskConfigurations.category:
        raise _wrong(f"{wanted!r:.300} is not of category {TaskConfigurations.category}")
    return found


def configure(
    collection: Collection, request: WorkRequest, task: Task, tags: TaskTags
) -> Configuration:
    """
    Say what a collection makes of a request; one query, two if templates are used.

    :param task: of the data as submitted, with the inputs resolved that it needs to say its
        subject and context
    :param tags: of the task before it is configured
    :raises TaskDataError: if the configuration contradicts itself
    """
    with code_of_task(request.task_name):
        try:
            about = (task.get_subject(), task.get_configuration_context())
        except TaskConfigError as error:
            raise as_task_data_error(error) from error
    subject = Subject(
        subject=about[0],
        context=about[1],
        provided=tags.provided.tags,
        required=tags.required.tags,
    )
    items = CollectionItem.objects.filter(collection=collection, removed_at=None)
    try:
        own = _entries(items.filter(key=f"{request.task_type}:{request.task_name}"))
        chosen = select(own, subject)
        templates = {}
        if any(entry.data.use_templates for entry in chosen):
            found = _entries(items.filter(begins("name", _TEMPLATE)))
            templates = {entry.data.template or "": entry.data for entry in found}
        merged = merge(with_templates(chosen, templates))
    except ConfigurationError as error:
        raise TaskDataError(
            f"Task configuration {collection} cannot be applied",
            details="\n".join(part for part in (error.brief, error.details) if part),
        ) from error
    return Configuration(
        data={**merged.apply(request.task_data), FIELD: collection.pk},
        require=frozenset(merged.require),
        provide=frozenset(merged.provide),
    )


def _entries(items: Iterable[CollectionItem]) -> list[Entry]:
    """
    Read items.

    :raises ConfigurationError: if one is not what it should be
    """
    entries = []
    for item in items:
        try:
            data = TaskConfigurationData.model_validate(item.data)
        except ValidationError as error:
            lines = lines_by_field(messages_by_field(error.errors()))
            raise ConfigurationError(
                f"entry {item.name!r} is wrong", details="\n".join(lines)
            ) from error
        entries.append(Entry(number=item.pk, name=item.name, data=data))
    return entries


def _wrong(message: str) -> TaskDataError:
    return TaskDataError(
        "Task data is not valid", details=message, validation_errors={FIELD: [message]}
    )
