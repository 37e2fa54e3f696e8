# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments on demand: an addition of ours to the API."""

from __future__ import annotations

from pydantic import Field

from debusine.wire.base import JsonObject, StrictWireModel


class EnvironmentWanted(StrictWireModel):
    """
    What a build needs to run in.

    :param bootstrap_repositories: those of the [mmdebstrap](../tasks/mmdebstrap.md) task; an
        environment made of others does not do
    :param overrides: these repositories are not what is usual for the caller: the environment is
        for those alone who ask for the very same
    """

    codename: str
    architecture: str
    variant: str = "buildd"
    bootstrap_repositories: list[JsonObject] = Field(min_length=1)
    extra_packages: list[str] = Field(default_factory=list)
    overrides: bool = False
    refresh: bool = False


class EnvironmentAnswer(StrictWireModel):
    """
    The environment that will do, or the work request that is making it.

    ``lookup`` is valid once ``work_request`` is null or has succeeded. ``age_s``
    is the age of ``artifact`` in seconds.
    """

    lookup: str
    artifact: int | None = None
    age_s: int | None = None
    work_request: int | None = None
