# SPDX-License-Identifier: GPL-3.0-or-later
"""Base of the tasks that make systems out of APT repositories."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic

from typing_extensions import TypeVar, override

from debusine.domain import tags
from debusine.domain import worker_metadata as metadata_rules
from debusine.domain.result import WorkRequestResults
from debusine.tasks.apt_lending import access_for
from debusine.tasks.bootstrap_cause import end_of, explain_bootstrap
from debusine.tasks.bootstrap_models import (
    BootstrapDynamicData,
    BootstrapOptions,
    BootstrapRepository,
    SystemBootstrapData,
)
from debusine.tasks.bootstrap_sources import (
    KEYRINGS_IN_CHROOT,
    BootstrapSources,
    write_sources,
)
from debusine.tasks.command import RunCommandTask
from debusine.tasks.inputs.inputs import BuildArchitectureInput, Stage
from debusine.tasks.logs import RESULT_LOG
from debusine.util import userns
from debusine.util.apt_access import AptAccess
from debusine.util.apt_hooks import MmdebstrapArguments, mmdebstrap_arguments
from debusine.util.command import Command, run
from debusine.wire.work_request import OutputError

SBD = TypeVar("SBD", bound=SystemBootstrapData)

OS_RELEASE = "os-release"
DPKG_DIRECTORY = "var_lib_dpkg"
SCRIPT = "customization_script"
CAPABILITY = "mmdebstrap"
UNSTABLE = frozenset({"unstable", "sid"})

# what this machine says about old Release files holds in the system as well
KEPT_SETTINGS = ("Acquire::Check-Valid-Until", "Acquire::Check-Date")


class SystemBootstrap(RunCommandTask[SBD, BootstrapDynamicData], Generic[SBD]):
    """Base of tasks that make a system with mmdebstrap, on the worker itself."""

    PROGRAM: ClassVar[str] = CAPABILITY
    USES_APT = True
    CAPABILITIES: ClassVar[Mapping[str, str]] = {"available": CAPABILITY}

    build_architecture = BuildArchitectureInput(
        field="bootstrap_options.architecture",
        stage=Stage.PENDING,
        verbose_name="Architecture",
    )

    @override
    def post_init(self) -> None:
        super().post_init()
        self._sources: BootstrapSources | None = None
        self._script: Path | None = None
        self._apt = MmdebstrapArguments()
        self._kept: list[str] = []

    # scheduling

    @override
    @classmethod
    def analyze_worker(cls) -> dict[str, Any]:
        return {
            **super().analyze_worker(),
            cls.prefix_with_task_name("available"): _is_available(),
        }

    @override
    @classmethod
    def get_provided_worker_tags(cls) -> set[str]:
        own = {tags.capability_tag(CAPABILITY)} if _is_available() else set()
        return super().get_provided_worker_tags() | own

    @override
    def can_run_on(self, worker_metadata: dict[str, Any]) -> bool:
        return (
            super().can_run_on(worker_metadata)
            and worker_metadata.get(self.prefix_with_task_name("available")) is True
            and metadata_rules.has_architecture(worker_metadata, self._options.architecture)
        )

    @override
    def compute_system_required_tags(self) -> set[str]:
        return {
            *super().compute_system_required_tags(),
            tags.capability_tag(CAPABILITY),
            tags.build_architecture_tag(self._options.architecture),
        }

    @override
    def get_subject(self) -> str:
        return self._first.suite

    @override
    def get_configuration_context(self) -> str:
        return self._options.architecture

    @override
    def compute_dynamic_data(self) -> BootstrapDynamicData:
        options = self._options
        variant = f"-{options.variant}" if options.variant else ""
        packages = ",".join(sorted(options.extra_packages))
        return BootstrapDynamicData(
            subject=self.get_subject(),
            configuration_context=self.get_configuration_context(),
            parameter_summary=f"{self._first.suite} ({options.architecture}{variant})",
            runtime_context=f"{options.architecture}:{options.variant or ''}:{packages}",
        )

    # the run

    @override
    def configure_for_execution(self, download_directory: Path) -> bool:
        mirrors = [repository.mirror for repository in self.data.bootstrap_repositories]
        access = access_for(self, mirrors)
        self._sources = write_sources(
            self.data.bootstrap_repositories,
            download_directory,
            # a home directory may keep subordinate ids out of everything below it
            keyrings=self.get_scratch_directory() / "keyrings",
            use_signed_by=self._options.use_signed_by,
            apt_conf=access.write(download_directory / "apt-outside", alone=True),
        )
        for path in (self._sources.host, self._sources.chroot):
            self.append_to_log_file(path.name, path.read_text().splitlines())
        if self.data.customization_script is not None:
            self._script = download_directory / SCRIPT
            self._script.write_text(self.data.customization_script)
            self._script.chmod(0o644)
        self._kept = kept_settings(access)
        self._apt = mmdebstrap_arguments(access, download_directory / "apt-access")
        return True

    @override
    def prepare_to_run(self, download_directory: Path, execute_directory: Path) -> None:
        super().prepare_to_run(download_directory, execute_directory)
        (execute_directory / DPKG_DIRECTORY).mkdir()

    # parts of the command

    @property
    def _options(self) -> BootstrapOptions:
        return self.data.bootstrap_options

    @property
    def _first(self) -> BootstrapRepository:
        return self.data.bootstrap_repositories[0]

    @property
    def _written(self) -> BootstrapSources:
        assert self._sources is not None, "sources are not written yet"
        return self._sources

    def _source_arguments(self) -> list[str]:
        """Replace the sources that mmdebstrap writes, and bring the keys along."""
        written = self._written
        return [
            # the working directory cannot be read by the subordinate ids
            hook('cd "$1" && find etc/apt/sources.list.d -type f -delete'),
            upload(written.chroot, "/etc/apt/sources.list.d/file.sources"),
            hook(f'mkdir "$1{KEYRINGS_IN_CHROOT}"'),
            *(upload(key, f"{KEYRINGS_IN_CHROOT}/{key.name}") for key in written.installed_keys),
            *(f"--keyring={key}" for key in written.keys),
            *(
                f"--include={repository.keyring_package}"
                for repository in self.data.bootstrap_repositories
                if repository.keyring_package
            ),
        ]

    def _script_arguments(self) -> list[str]:
        if self._script is None:
            return []
        return [
            upload(self._script, f"/{SCRIPT}"),
            hook(f'chmod 555 "$1/{SCRIPT}"'),
            hook(f'chroot "$1" /{SCRIPT}'),
            hook(f'rm "$1/{SCRIPT}"'),
        ]

    # what came out

    @override
    def task_result(self, returncode: int | None, execute_directory: Path) -> WorkRequestResults:
        result = super().task_result(returncode, execute_directory)
        if result is not WorkRequestResults.SUCCESS and returncode is not None:
            log = end_of(self._logs().directory / self.CMD_LOG_FILENAME)
            found = explain_bootstrap(self.PROGRAM, log)
            self.append_to_log_file(RESULT_LOG, [found.message])
            self.reported_errors.append(OutputError(message=found.message, code=found.cause))
        return result

    def _system_data(self, execute_directory: Path) -> dict[str, Any]:
        """Data that artifacts of systems have in common."""
        release = read_os_release(execute_directory / OS_RELEASE)
        first = self._first
        rolling = first.suite in UNSTABLE
        return {
            "vendor": release["ID"],
            "codename": "sid" if rolling else release.get("VERSION_CODENAME", first.suite),
            "mirror": first.mirror,
            "components": first.components or self._written.components_of_first(),
            "variant": self._options.variant,
            "pkglist": installed_packages(execute_directory / DPKG_DIRECTORY),
            "architecture": self._options.architecture,
            "with_dev": True,
        }


def hook(command: str) -> str:
    """Argument that runs a command when the system is complete; ``$1`` is its root."""
    return f"--customize-hook={command}"


def upload(source: Path, target: str) -> str:
    """Argument that copies a file into the system when it is complete."""
    return hook(f"upload {shlex.quote(str(source))} {target}")


def kept_settings(access: AptAccess) -> list[str]:
    """
    Arguments for settings of the machine's APT that the new system keeps.

    >>> kept_settings(AptAccess(settings=(("Acquire::Check-Valid-Until", "false"),)))
    ['--aptopt=Acquire::Check-Valid-Until "false"']
    """
    values = {name.lower(): value for name, value in access.settings}
    kept = {name: values.get(name.lower()) for name in KEPT_SETTINGS}
    return [f'--aptopt={name} "{value}"' for name, value in kept.items() if value]


def read_os_release(path: Path) -> dict[str, str]:
    """
    Read the file that says which system it is.

    :source: os-release(5)
    """
    values = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.startswith("#"):
            values[name.strip()] = "".join(shlex.split(value))
    return values


def installed_packages(admin_directory: Path) -> dict[str, str]:
    """
    Versions of installed packages, by name as dpkg shows it.

    :param admin_directory: holds the ``status`` of the system
    """
    done = run(Command(["dpkg-query", f"--admindir={admin_directory}", "--show"]))
    pairs = (line.split("\t") for line in done.text.splitlines())
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and pair[1]}  # noqa: PLR2004  name, version


def _is_available() -> bool:
    """Whether this machine has mmdebstrap and lets it work as an ordinary user."""
    return shutil.which("mmdebstrap") is not None and userns.can_unshare()
