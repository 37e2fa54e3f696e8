# SPDX-License-Identifier: GPL-3.0-or-later
"""What has inputs: collects those of its class and keeps their values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typing_extensions import override

from debusine.tasks.inputs.base import Stage, TaskInput
from debusine.tasks.models import BaseDynamicTaskData


class TaskFieldContainer:
    """
    Base of classes that declare inputs as attributes.

    Inputs of parents come first; one that a class declares again keeps its place.
    """

    inputs: dict[str, TaskInput[Any]] = {}  # noqa: RUF012  part of the documented API

    child_task_field_container: TaskFieldContainer | None = None
    """A container whose inputs are resolved together with ours."""

    @override
    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # what each class declares itself, so that `inputs` agrees with attribute look-up
        cls.inputs = {
            name: item
            for parent in reversed(cls.__mro__)
            for name, item in vars(parent).items()
            if isinstance(item, TaskInput)
        }

    def field_is_resolved(self, name: str) -> bool:
        """Whether the value of an input is known."""
        return name in self.__dict__

    def set_field_value(self, name: str, value: Any) -> None:
        """Keep the value of an input."""
        self.__dict__[name] = value

    def iter_all_fields(
        self, stage: Stage | None = None
    ) -> Iterator[tuple[TaskFieldContainer, TaskInput[Any]]]:
        """
        Inputs needed up to a stage, each with the object it belongs to.

        :param stage: ``None`` is the last one: everything
        """
        for field in self.inputs.values():
            if field.stage <= (stage or Stage.RUNNING):
                yield self, field
        if self.child_task_field_container is not None:
            yield from self.child_task_field_container.iter_all_fields(stage)

    def save_field_values(self, dynamic_data: BaseDynamicTaskData) -> None:
        """
        Put the values of all inputs into dynamic data; other entries stay.

        :raises TaskConfigError: if one is unresolved
        """
        values = dict(dynamic_data.task_input_fields)
        for container, field in self.iter_all_fields():
            values[field.name] = field.serialize(getattr(container, field.name))
        # assigned, so that the attribute counts as set
        dynamic_data.task_input_fields = values

    def restore_field_values(self, dynamic_data: BaseDynamicTaskData) -> None:
        """
        Take the values of inputs from dynamic data; what is not there stays unresolved.

        :raises ValueError: if one has the wrong shape
        """
        for container, field in self.iter_all_fields():
            if field.name in dynamic_data.task_input_fields:
                value = field.deserialize(dynamic_data.task_input_fields[field.name])
                container.set_field_value(field.name, value)

    def get_field_artifact_ids(self) -> list[int]:
        """Artifacts in the values of all resolved inputs, in order; some may stand twice."""
        return [
            artifact
            for container, field in self.iter_all_fields()
            if container.field_is_resolved(field.name)
            for artifact in field.get_artifact_ids(getattr(container, field.name))
        ]
