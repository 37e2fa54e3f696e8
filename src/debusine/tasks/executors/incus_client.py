# SPDX-License-Identifier: GPL-3.0-or-later
"""
What we ask of Incus, through its command-line client.

The client finds the daemon as it does for a person: by ``INCUS_SOCKET``, ``INCUS_DIR`` or
the usual place.

:source: incus(1), Incus "Main API specification"
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypeVar

from debusine.errors import NotPossibleError, UpstreamError
from debusine.tasks.executors.instance import Stream
from debusine.util.command import Command, CommandError, Completed, missing, run
from debusine.util.userns import user_name

PROGRAM = "incus"
PROFILE = "debusine"
_QUERY_S = 30
_CHANGE_S = 600
_HOWTO = "See docs/howto/set-up-incus.md."

_Kind = TypeVar("_Kind", bound=BaseModel)


class IncusError(UpstreamError):
    """Incus does not do what it was asked for, or answers something else."""

    code = "incus"


class _Answer(BaseModel):
    """Part of an answer; what we do not know of is none of our business."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Environment(_Answer):
    driver: str = ""


class _Server(_Answer):
    environment: _Environment = Field(default_factory=_Environment)


class Device(_Answer):
    """A device of an instance."""

    type: str


class _Instance(_Answer):
    expanded_devices: dict[str, Device] = Field(default_factory=dict)


def check_incus(driver: str) -> None:
    """
    Make sure that Incus is there for us, can use a driver, and has our profile.

    :param driver: ``lxc`` for containers, ``qemu`` for virtual machines
    :raises NotPossibleError: says what is missing
    """
    if shutil.which(PROGRAM) is None:
        raise NotPossibleError(
            f"program not found: {PROGRAM}",
            resolution=f"As an administrator: apt-get install incus-client. {_HOWTO}",
        )
    incus = Incus()
    try:
        drivers = incus.drivers()
        known = incus.knows(f"/1.0/profiles/{PROFILE}")
    except (CommandError, IncusError) as error:
        raise NotPossibleError(
            "Incus does not answer",
            details=error.details,
            resolution="It must run, and as an administrator:"
            f" usermod --append --groups incus-admin {user_name()}",
        ) from error
    if driver not in drivers:
        raise NotPossibleError(
            f"Incus has no driver {driver}, only: {', '.join(sorted(drivers)) or 'none'}",
            resolution=f"Its log says why it has left the driver out. {_HOWTO}",
        )
    if not known:
        raise NotPossibleError(f"Incus has no profile {PROFILE}", resolution=_HOWTO)


class Incus:
    """The daemon of this machine."""

    def drivers(self) -> frozenset[str]:
        """What it can make instances with, such as ``lxc``; empty if we may not know."""
        answer = self._ask(_Server, "/1.0")
        return frozenset(filter(None, map(str.strip, answer.environment.driver.split("|"))))

    def knows(self, url: str) -> bool:
        """Whether there is something of a name."""
        return self._run("query", url, timeout_s=_QUERY_S, check=False).returncode == 0

    def has_image(self, name: str) -> bool:
        """Whether there is an image of an alias or a fingerprint."""
        done = self._run("image", "info", name, timeout_s=_QUERY_S, check=False)
        return done.returncode == 0

    def import_image(self, files: Sequence[Path], alias: str) -> None:
        """
        Have an image taken in.

        :param files: one archive, or metadata and then what they are about
        :raises CommandError: if that fails
        """
        self._run("image", "import", *map(str, files), "--alias", alias)

    def name_image(self, fingerprint: str, alias: str) -> None:
        """Give an image another name."""
        self._run("image", "alias", "create", alias, fingerprint)

    def remove_image(self, alias: str) -> None:
        """Remove an image; one that is not there is fine."""
        if self.has_image(alias):
            self._run("image", "delete", alias)

    def launch(
        self, alias: str, name: str, *, config: Mapping[str, str], is_machine: bool = False
    ) -> None:
        """
        Make an instance that is removed when it is stopped, and start it.

        :raises CommandError: if that fails; the instance may exist then
        """
        options = [f"--config={key}={value}" for key, value in config.items()]
        options += ["--vm"] if is_machine else []
        self._run("launch", "--quiet", "--ephemeral", f"--profile={PROFILE}", *options, alias, name)

    def restart(self, name: str) -> None:
        """Boot an instance again, without waiting for what it runs."""
        self._run("restart", "--quiet", "--force", name)

    def delete(self, name: str) -> None:
        """
        End an instance and remove it; one that is not there is fine.

        :raises IncusError: if it stays
        """
        done = self._run("delete", "--quiet", "--force", name, check=False)
        if done.returncode and self.knows(_instance_url(name)):
            said = done.stderr.decode(errors="replace")
            raise IncusError(f"Incus does not remove its instance {name}", details=said)

    def cut_network(self, name: str) -> None:
        """Take the network devices out of a running instance."""
        devices = self._ask(_Instance, _instance_url(name)).expanded_devices
        for device, found in devices.items():
            if found.type == "nic":
                # what hides a device of the profile; while it runs, that unplugs it
                self._run("config", "device", "add", name, device, "none")

    def metrics(self) -> str:
        """Measurements of all instances, in the text format of Prometheus."""
        text = self._run("query", "/1.0/metrics", timeout_s=_QUERY_S).text
        # older clients print the text as a value of JSON
        return TypeAdapter(str).validate_json(text) if text.startswith('"') else text

    def popen(  # noqa: PLR0913  the parameters of a process
        self,
        name: str,
        argv: Sequence[str],
        *,
        cwd: Path,
        user: tuple[int, int],
        stdin: Stream,
        stdout: Stream,
        stderr: Stream,
    ) -> subprocess.Popen[bytes]:
        """Start a command in an instance; the client leads a process group of its own."""
        command = self.exec_command(name, cwd=cwd, user=user)
        try:
            return subprocess.Popen(
                [*command, *argv],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise missing(PROGRAM) from error

    def exec_command(self, name: str, *, cwd: Path, user: tuple[int, int]) -> list[str]:
        """What to write before a command that shall run in an instance."""
        return [
            PROGRAM, "exec", name, "--mode=non-interactive", f"--cwd={cwd}",
            f"--user={user[0]}", f"--group={user[1]}", "--",
        ]  # fmt: skip

    def run_inside(self, name: str, argv: Sequence[str]) -> Completed:
        """Run a command as root of an instance, whether it succeeds or not."""
        command = self.exec_command(name, cwd=Path("/"), user=(0, 0))
        return run(Command([*command, *argv], timeout_s=_QUERY_S, check=False))

    def _ask(self, kind: type[_Kind], url: str) -> _Kind:
        answer = self._run("query", url, timeout_s=_QUERY_S).stdout
        try:
            return kind.model_validate_json(answer)
        except ValidationError as error:
            raise IncusError(f"Incus answers {url} unexpectedly", details=str(error)) from error

    def _run(self, *words: str, timeout_s: float = _CHANGE_S, check: bool = True) -> Completed:
        env = {**os.environ, "LC_ALL": "C.UTF-8"}
        return run(Command([PROGRAM, *words], env=env, timeout_s=timeout_s, check=check))


def _instance_url(name: str) -> str:
    return f"/1.0/instances/{quote(name, safe='')}"
