# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn the APT repositories of a task into ones that APT can reach."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from debusine.tasks.errors import TaskConfigError
from debusine.tasks.inputs.resolver import Resolver
from debusine.tasks.models import ExtraExternalRepository, ExtraSuiteRepository


def external_repositories(
    resolver: Resolver, items: Iterable[Any], *, label: str
) -> list[ExtraExternalRepository]:
    """
    Make every repository an external one; suites without anything published are left out.

    :param label: where they stand in the task data, for messages
    :raises TaskConfigError: if one is no repository, or nothing says its components
    """
    found = [
        _external(resolver, item, label=f"{label}[{index}]") for index, item in enumerate(items)
    ]
    return [item for item in found if item is not None]


def _external(resolver: Resolver, item: Any, *, label: str) -> ExtraExternalRepository | None:
    if isinstance(item, ExtraExternalRepository):
        return item
    if not isinstance(item, ExtraSuiteRepository):
        raise TaskConfigError(f"{label} is {item!r} instead of a repository")
    suite = resolver.find_hosted_suite(item.suite, label=label)
    if suite is None:
        # nothing published yet: no packages to take from it
        return None
    components = item.components or suite.components
    if not components:
        raise TaskConfigError(f"{label}: suite {suite.suite} does not say its components")
    return ExtraExternalRepository.model_validate(
        {
            "url": suite.url,
            "suite": suite.suite,
            "components": components,
            "architectures": item.architectures,
            "signing_key": suite.signing_key,
        }
    )
