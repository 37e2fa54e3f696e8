# SPDX-License-Identifier: GPL-3.0-or-later
"""
How autopkgtest is called.

Everything used here exists in the version of Debian 12 (5.28).

:source: autopkgtest(1)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from debusine.tasks.apt_sources import KEYRINGS, SOURCES
from debusine.tasks.autopkgtest_data import AutopkgtestData, AutopkgtestTimeout
from debusine.tasks.sbuild_command import RepositoryPaths
from debusine.util.apt_hooks import CHROOT_CONF, CHROOT_DIRECTORY

OUTPUT = "artifact-dir"
SUMMARY = "summary"
_KILL_AFTER_S = 60


def limit_prefix(timeout: AutopkgtestTimeout | None) -> list[str]:
    """
    Limit the whole run; autopkgtest has no option for that.

    >>> limit_prefix(AutopkgtestTimeout.model_validate({"global": 7}))
    ['timeout', '--kill-after=60', '7']
    """
    if timeout is None or not timeout.global_:
        return []
    return ["timeout", f"--kill-after={_KILL_AFTER_S}", str(timeout.global_)]


def output_options() -> list[str]:
    """Say where what it finds out goes."""
    return [f"--output-dir={OUTPUT}", f"--summary-file={OUTPUT}/{SUMMARY}", "--no-built-binaries"]


def chosen_options(data: AutopkgtestData, *, codename: str) -> list[str]:
    """
    Say what the user chose.

    :param codename: release of the environment
    """
    base = [f"--apt-default-release={codename}"] if data.use_packages_from_base_repository else []
    return [
        *(f"--test-name={name}" for name in data.include_tests),
        *(f"--skip-test={name}" for name in data.exclude_tests),
        *([f"-{'d' * data.debug_level}"] if data.debug_level else []),
        *base,
        *(f"--pin-packages={name}={','.join(each)}" for name, each in data.pin_packages.items()),
        *(f"--env={name}={value}" for name, value in data.extra_environment.items()),
        f"--needs-internet={data.needs_internet}",
        *_timeout_options(data.timeout),
    ]


def _timeout_options(timeout: AutopkgtestTimeout | None) -> Iterator[str]:
    if timeout is None:
        return
    for name, value in timeout.model_dump(by_alias=True).items():
        if value is not None and name != "global":
            yield f"--timeout-{name}={value}"


def trust_options(files: RepositoryPaths) -> list[str]:
    """
    Have an APT that does not know ``signed-by`` trust the keys for all of its sources.

    To stand before what lets APT fetch anything.
    """
    if not files.extra_repository_lists:
        return []
    return [
        f"--setup-commands=apt-key add {KEYRINGS}/{path.name}"
        for path in files.extra_repository_keys
    ]


def repository_options(files: RepositoryPaths) -> list[str]:
    """Put sources files, lists and the keys they name into the testbed."""
    sources = (*files.extra_repository_sources, *files.extra_repository_lists)
    return [
        *(copy_option(path, f"{SOURCES}/{path.name}") for path in sources),
        *(copy_option(path, f"{KEYRINGS}/{path.name}") for path in files.extra_repository_keys),
    ]


def access_options(files: Iterable[Path]) -> list[str]:
    """
    Let APT in the testbed reach the mirrors.

    :param files: ``apt.conf`` and what it names
    """
    return [
        copy_option(
            path, CHROOT_CONF if path.name == "apt.conf" else f"{CHROOT_DIRECTORY}/{path.name}"
        )
        for path in files
    ]


def copy_option(path: Path, target: str) -> str:
    """Put a file into the testbed."""
    return f"--copy={path}:{target}"
