# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a task's processes have to know, in a form that passes through a socket."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from debusine.wire.base import JsonObject
from debusine.wire.work_request import AssignedWorkRequest
from debusine.worker.directories import TaskDirectories
from debusine.worker.user import Account

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """
    One task to run.

    :param api_url: the server, for the task's own client
    :param environment: variables from the agent's configuration
    :param image_cache: where system images are kept from task to task
    :param shared: whether others may run on this machine beside it
    :param may_hold: whether its environment may be kept once it has ended
    :param control_group: directory of the kernel's that limits it; None: nothing does
    """

    request: AssignedWorkRequest
    directories: TaskDirectories
    account: Account
    api_url: str
    http_timeout: tuple[float, float]
    environment: dict[str, str]
    image_cache: Path
    shared: bool = False
    may_hold: bool = False
    control_group: Path | None = None

    def variables(self) -> dict[str, str]:
        """The whole environment of the task's process: nothing of the agent's own leaks in."""
        return {
            "PATH": PATH,
            "LANG": "C.UTF-8",
            "HOME": str(self.directories.home),
            "USER": self.account.name,
            "TMPDIR": str(self.directories.tmp),
            **self.task_environment(),
        }

    def task_environment(self) -> dict[str, str]:
        """
        Variables for the commands of the task.

        Builds use the processors that are kept for them, unless the configuration says
        how many; without a reservation they choose by themselves.

        :source: Debian Policy 4.9.1
        """
        reservation = self.request.reservation
        options = self.environment.get("DEB_BUILD_OPTIONS", "").split()
        cpus = 0 if reservation is None else reservation.cpu_count
        if not cpus or any(option.startswith("parallel=") for option in options):
            return self.environment
        return {
            **self.environment,
            "DEB_BUILD_OPTIONS": " ".join([*options, f"parallel={cpus}"]),
        }

    def to_json(self) -> JsonObject:
        """The same as a JSON object; it holds the task's token."""
        return {
            "request": self.request.model_dump(mode="json"),
            "directories": self.directories.to_json(),
            "account": asdict(self.account),
            "api_url": self.api_url,
            "http_timeout": list(self.http_timeout),
            "environment": self.environment,
            "image_cache": str(self.image_cache),
            "shared": self.shared,
            "may_hold": self.may_hold,
            "control_group": None if self.control_group is None else str(self.control_group),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Job:
        """Read what :meth:`to_json` made."""
        connect, read = value["http_timeout"]
        group = value["control_group"]
        return cls(
            request=AssignedWorkRequest.model_validate(value["request"]),
            directories=TaskDirectories.from_json(value["directories"]),
            account=Account(**value["account"]),
            api_url=value["api_url"],
            http_timeout=(connect, read),
            environment=value["environment"],
            image_cache=Path(value["image_cache"]),
            shared=value["shared"],
            may_hold=value["may_hold"],
            control_group=None if group is None else Path(group),
        )
