# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the configuration of a task."""

from __future__ import annotations

from typing_extensions import override


class TaskConfigError(Exception):
    """
    The data of a task is wrong; the user can mend it.

    :param message: for people; ``None`` lets the original exception speak
    :param original_exception: what triggered this, if anything

    >>> str(TaskConfigError("bad source", ValueError("no such file")))
    'bad source (Original exception: no such file)'
    >>> str(TaskConfigError(None, ValueError("no such file")))
    'no such file'
    """

    def __init__(self, message: str | None, original_exception: Exception | None = None) -> None:
        super().__init__(message, original_exception)
        self.message = message
        self.original_exception = original_exception

    def add_parent_message(self, msg: str) -> None:
        """
        Put a message of the surrounding context in front.

        >>> error = TaskConfigError("not a source package")
        >>> error.add_parent_message("input.source_artifact")
        >>> str(error)
        'input.source_artifact: not a source package'
        """
        self.message = msg if self.message is None else f"{msg}: {self.message}"

    @override
    def __str__(self) -> str:
        if self.original_exception is None:
            return self.message or ""
        if self.message is None:
            return str(self.original_exception)
        return f"{self.message} (Original exception: {self.original_exception})"
