# SPDX-License-Identifier: GPL-3.0-or-later
"""What every input is: a declaration on a task class, read back as a value on its objects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from debusine.tasks.errors import TaskConfigError
from debusine.tasks.inputs.resolver import Resolver
from debusine.tasks.inputs.stage import Stage
from debusine.tasks.inputs.task_data import TEXT, ValueType

__all__ = ["DataInput", "Stage", "TaskInput"]

V = TypeVar("V")


class TaskInput(ABC, Generic[V]):
    """
    A fact that a task needs and the server looks up.

    A descriptor without ``__set__``: the value lies under the same name in the
    dictionary of the object and hides the declaration.

    :param stage: when it is looked up first; it is looked up again in later stages
    :param verbose_name: for people; default: made from the attribute's name
    :param help_text: what it is for, for people
    :param hidden: not shown in pages
    :param internal: shown apart from what the user gave

    >>> from debusine.tasks.kinds.sbuild import Sbuild
    >>> found = Sbuild.inputs["environment"]
    >>> found.label, found.stage.name
    ('Environment', 'PENDING')
    >>> data = {"input": {"source_artifact": 1}, "environment": 2, "build_architecture": "amd64"}
    >>> Sbuild(data).environment
    Traceback (most recent call last):
    ...
    debusine.tasks.errors.TaskConfigError: input environment is unresolved
    """

    def __init__(
        self,
        *,
        stage: Stage = Stage.RUNNING,
        verbose_name: str | None = None,
        help_text: str | None = None,
        hidden: bool = False,
        internal: bool = False,
    ) -> None:
        self.name = ""
        self.stage = stage
        self.verbose_name = verbose_name
        self.help_text = help_text
        self.hidden = hidden
        self.internal = internal

    def __set_name__(self, owner: type[Any], name: str) -> None:
        del owner
        self.name = name

    def __get__(self, instance: object, owner: type[Any] | None = None) -> V:
        raise TaskConfigError(f"input {self.name} is unresolved")

    @property
    def label(self) -> str:
        """Name for people."""
        return self.verbose_name or self.name.replace("_", " ").capitalize()

    @abstractmethod
    def resolve(self, resolver: Resolver) -> V:
        """
        Look the value up.

        :raises TaskConfigError: if the task data or what was found is wrong
        :raises LookupError: if a lookup is malformed, or finds something of another type
        :raises KeyError: if nothing matches
        """

    @abstractmethod
    def serialize(self, value: V) -> Any:
        """The value as JSON."""

    @abstractmethod
    def deserialize(self, raw: Any) -> V:
        """
        The value from JSON.

        :raises ValueError: if it has another shape
        """

    def get_artifact_ids(self, value: V) -> list[int]:
        """Artifacts in the value; the task may read them."""
        del value
        return []


class DataInput(TaskInput[V]):
    """
    An input that follows from a value in the task data.

    :param field: dotted path in the task data; default: the attribute's name
    """

    value_type: ClassVar[ValueType] = TEXT
    """What stands in the task data, or for inputs that take a list, in that list."""

    def __init__(self, *, field: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._field = field

    @property
    def field(self) -> str:
        """Dotted path in the task data."""
        return self._field or self.name
