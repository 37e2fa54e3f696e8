# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a task may be kept for people once it has ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from debusine.tasks.executors.instance import Instance, InstanceError

_PASSWD_FIELDS = 7
# root can end itself, too: the first process of a sandbox is of another kind
_END_ALL = ["sh", "-c", "kill -9 -1"]


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptEnvironment:
    """
    A sandbox as the task left it.

    :param user: name in it of the one the task worked as
    :param directory: in it, where the task worked
    """

    instance: Instance
    user: str
    directory: Path

    def end_processes(self) -> None:
        """End all that runs in it; its files stay."""
        self.instance.run(_END_ALL, run_as_root=True)

    def command(self, argv: list[str], *, is_root: bool, variables: dict[str, str]) -> list[str]:
        """
        Make the command, for root of the sandbox, that runs another on a terminal of its own.

        Its input has to be a terminal that no session has.

        :param is_root: otherwise it becomes the user first
        :param variables: beside its home and path
        :raises InstanceError: if the user is not there
        :source: setpriv(1), setsid(1), env(1), passwd(5)
        """
        user = "root" if is_root else self.user
        answer = self.instance.run(["getent", "passwd", user], run_as_root=True).stdout
        fields = answer.decode(errors="replace").strip().split(":")
        if len(fields) != _PASSWD_FIELDS:
            raise InstanceError(f"there is no user {user} in it")
        uid, gid, home = fields[2], fields[3], fields[5]
        known = {"HOME": home, "USER": user, "LOGNAME": user, **variables}
        become = ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--"]
        return [
            *([] if is_root else become),
            "env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            *(f"{name}={value}" for name, value in known.items()),
            "setsid", "--ctty", *argv,
        ]  # fmt: skip
