# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn the APT repositories of a task into ones that APT can reach."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from debusine.domain.lookup import LookupSingle
from debusine.tasks.errors import TaskConfigError
from debusine.tasks.models import ExtraExternalRepository, ExtraSuiteRepository


@dataclass(frozen=True, kw_only=True, slots=True)
class HostedSuite:
    """
    A suite that the server publishes, as APT needs it.

    :param url: of the archive that the suite is part of
    :param components: those that the suite says it has, if it says so
    :param signing_key: armoured
    """

    url: str
    name: str
    components: list[str] | None
    signing_key: str | None


FindSuite = Callable[[LookupSingle, str], HostedSuite | None]


def external_repositories(
    items: Iterable[ExtraExternalRepository | ExtraSuiteRepository],
    find_suite: FindSuite,
    *,
    label: str,
) -> list[ExtraExternalRepository]:
    """
    Make every repository an external one; suites without anything published are left out.

    :param find_suite: takes a lookup and where it stands; ``None`` if nothing is published
    :param label: where the repositories stand in the task data, for messages
    :raises TaskConfigError: if a suite cannot be used, or nothing says its components
    """
    found = (
        item
        if isinstance(item, ExtraExternalRepository)
        else _external(item, find_suite, label=f"{label}[{index}]")
        for index, item in enumerate(items)
    )
    return [item for item in found if item is not None]


def _external(
    item: ExtraSuiteRepository, find_suite: FindSuite, *, label: str
) -> ExtraExternalRepository | None:
    suite = find_suite(item.suite, label)
    if suite is None:
        # nothing published yet: no packages to take from it
        return None
    components = item.components or suite.components
    if not components:
        raise TaskConfigError(f"{label}: suite {suite.name} does not say its components")
    try:
        return ExtraExternalRepository.model_validate(
            {
                "url": suite.url,
                "suite": suite.name,
                "components": components,
                "architectures": item.architectures,
                "signing_key": suite.signing_key,
            }
        )
    except ValidationError as error:
        message = f"{label}: suite {suite.name} cannot be used"
        raise TaskConfigError(message, original_exception=error) from error
