# SPDX-License-Identifier: GPL-3.0-or-later
"""What the file of a task tells its users beyond the docstrings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from textwrap import dedent

from debusine.domain.result import WorkRequestResults


@dataclass(frozen=True, kw_only=True, slots=True)
class Guide:
    """
    What users of a task have to know.

    Shown by ``debusine task-type show`` and in the page of the task.

    :param example: task data in YAML, which may be indented as a whole
    :param results: what each result means that the task can have
    :param limits: what the task cannot do, or refuses, in sentences

    >>> print(Guide(example="  result: success").yaml, end="")
    result: success
    """

    example: str = ""
    results: Mapping[WorkRequestResults, str] = field(default_factory=dict)
    limits: str = ""

    @property
    def yaml(self) -> str:
        """The example as it may stand in a file."""
        text = dedent(self.example).strip()
        return f"{text}\n" if text else ""
