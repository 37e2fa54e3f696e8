# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine:task-configuration``: defaults and overrides for tasks, and which tasks they suit."""

from __future__ import annotations

from typing import Annotated, Any, Self, TypeAlias
from urllib.parse import quote

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import override

from debusine.artifacts.bare_data.base import BareData, BareDataKind
from debusine.domain.category import BareDataCategory
from debusine.domain.tag_expression import parse_tag_expression
from debusine.domain.work_request import TaskTypes
from debusine.errors import UserError

MAX_NAME_LENGTH = 255


def _without_colon(text: str | None) -> str | None:
    if text is not None and ":" in text:
        message = "must not contain a colon"
        raise ValueError(message)
    return text


def _path(path: str | None) -> str | None:
    if path is None:
        return None
    if path.startswith("/"):
        message = "must be relative"
        raise ValueError(message)
    if not path.endswith((".yaml", ".yml")):
        message = "must end in .yaml or .yml"
        raise ValueError(message)
    if {".", ".."} & set(path.split("/")):
        message = "must not have '.' or '..' as a component"
        raise ValueError(message)
    return path


def _condition(tags: list[str] | str) -> list[str] | str:
    if isinstance(tags, str):
        try:
            parse_tag_expression(tags)
        except UserError as error:
            message = error.explain()
            raise ValueError(message) from error
    return tags


WithoutColon: TypeAlias = Annotated[str | None, AfterValidator(_without_colon)]
TagCondition: TypeAlias = Annotated[list[str] | str, AfterValidator(_condition)]


class TaskConfigurationData(BareData):
    """
    An entry: the tasks it is for, and what it does to their data.

    A template is for no tasks; entries use it by its name.

    :param task_type: of the tasks; required unless this is a template
    :param task_name: of the tasks, without a colon; required unless this is a template
    :param subject: of the tasks, without a colon; null is any
    :param context: of the tasks; null is any
    :param path: file that the entry was read from; entries are applied by path and position
    :param position: of the entry in the file; counts as 0 when missing
    :param tags_provided: the task provides all of a list, or an expression such as
        ``a and not b`` holds of what it provides
    :param tags_required: the task requires all of a list, or an expression holds of what it
        requires
    :param template: name of this template, without a colon
    :param use_templates: templates to apply after the entry, in this order
    :param delete_values: keys whose defaults and overrides so far are dropped
    :param lock_values: keys that later entries cannot change
    :param provide_tags: tags that the task provides in addition
    :param require_tags: tags that the task requires in addition
    :param default_values: for keys that the task data lacks or has as null
    :param override_values: for keys whatever the task data says
    :param comment: for people
    """

    task_type: TaskTypes | None = None
    task_name: WithoutColon = None
    subject: WithoutColon = None
    context: str | None = None
    path: Annotated[str | None, AfterValidator(_path)] = None
    position: int | None = None
    tags_provided: TagCondition = Field(default_factory=list)
    tags_required: TagCondition = Field(default_factory=list)
    template: WithoutColon = None
    use_templates: list[str] = Field(default_factory=list)
    delete_values: list[str] = Field(default_factory=list)
    lock_values: list[str] = Field(default_factory=list)
    provide_tags: list[str] = Field(default_factory=list)
    require_tags: list[str] = Field(default_factory=list)
    default_values: dict[str, Any] = Field(default_factory=dict)
    override_values: dict[str, Any] = Field(default_factory=dict)
    comment: str = ""

    @model_validator(mode="after")
    def _template_or_tasks(self) -> Self:
        """
        Say which tasks, or be a template.

        :raises ValueError: if it is neither or both
        """
        if self.template is not None:
            match = ("task_type", "task_name", "subject", "context")
            given = [name for name in match if getattr(self, name) is not None]
            if given:
                message = f"a template must not have {', '.join(given)}"
                raise ValueError(message)
        elif self.task_type is None or self.task_name is None:
            message = "task_type and task_name are required unless this is a template"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _place_fits(self) -> Self:
        if self.path is not None and len(self.place) > MAX_NAME_LENGTH:
            message = f"path and position are longer than {MAX_NAME_LENGTH} characters"
            raise ValueError(message)
        return self

    @property
    def place(self) -> str:
        """``PATH:POSITION``, where the entry was read from."""
        return f"{self.path or ''}:{self.position or 0}"


class TaskConfiguration(BareDataKind[TaskConfigurationData]):
    """One item per entry and template."""

    category = BareDataCategory("debusine:task-configuration")
    title = "Task configuration"

    @classmethod
    @override
    def item_name(cls, data: TaskConfigurationData) -> str:
        if data.template is not None:
            return f"template:{data.template}"
        if data.path is not None:
            return data.place
        context = quote(data.context or "", safe="")
        return f"{data.task_type}:{data.task_name}:{data.subject or ''}:{context}"
