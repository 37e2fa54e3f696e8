# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said about a run of a package's own tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from debusine.artifacts.base import NameVersion
from debusine.artifacts.kinds.autopkgtest import AutopkgtestData, TestedSource
from debusine.tasks.autopkgtest_summary import Summary


def make_report(  # noqa: PLR0913  the fields of an artifact
    summary: Summary,
    source: NameVersion,
    *,
    url: str,
    command: str,
    architecture: str,
    environment: Mapping[str, Any],
) -> AutopkgtestData:
    """
    Say what became of a run.

    :param url: where the source package came from
    :param environment: data of the artifact that the tests ran in
    """
    return AutopkgtestData(
        results=summary.results,
        cmdline=command,
        source_package=TestedSource(name=source.name, version=source.version, url=url),
        architecture=architecture,
        distribution=f"{environment['vendor']}:{environment['codename']}",
    )
