# SPDX-License-Identifier: GPL-3.0-or-later
"""Notification channels: how people are told, by name."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from debusine.domain.notification import problems_of
from debusine.wire.base import StrictWireModel, WireModel


class EmailData(StrictWireModel):
    """
    What e-mails say unless a request wants otherwise.

    :param from_: sender; unset is `DEBUSINE_EMAIL_FROM`
    :param to: recipients
    :param cc: further recipients
    :param subject: `$work_request_id` and `$work_request_result` are replaced; unset is
        `WorkRequest $work_request_id completed in $work_request_result`
    """

    from_: str | None = Field(default=None, alias="from")
    to: list[str] = Field(min_length=1)
    cc: list[str] = Field(default_factory=list)
    subject: str | None = None

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        problems = problems_of(self.model_dump(by_alias=True))
        if problems:
            raise ValueError("; ".join(problems))
        return self


class NotificationChannelCreate(StrictWireModel):
    """
    A channel that somebody wants.

    :param name: by which requests use it
    :param method: only `email`
    :param data: of the method
    """

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9+._-]*$", max_length=20)
    method: Literal["email"] = "email"
    data: EmailData


class NotificationChannelChange(StrictWireModel):
    """
    What is to be changed.

    :param name: another name; requests that use the old one tell nobody any more
    :param data: all of it
    """

    name: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9+._-]*$", max_length=20)
    data: EmailData | None = None


class NotificationChannel(WireModel):
    """
    A channel.

    :param name: by which requests use it
    :param method: only `email`
    :param data: of the method
    """

    name: str
    method: str
    data: EmailData
