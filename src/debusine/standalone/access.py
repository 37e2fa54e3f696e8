# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of the administrator and of the local agent, and the files that hold them."""

from __future__ import annotations

import os
import secrets
import shlex
from pathlib import Path

from debusine.client.local_server import SERVER_NAME, Access, DataDir, read_access
from debusine.errors import NotPossibleError
from debusine.util.ini import set_section


def new_key() -> str:
    """Make a key, 64 hexadecimal digits."""
    return secrets.token_hex(32)


def administrator_key(data_dir: DataDir) -> str:
    """The key of the administrator: the one that is on file, or a new one."""
    try:
        return read_access(data_dir).token
    except NotPossibleError:
        return new_key()


def agent_key(data_dir: DataDir) -> str:
    """The key of the local agent: the one that is on file, or a new one."""
    try:
        return (data_dir.worker / "token").read_text().strip() or new_key()
    except FileNotFoundError:
        return new_key()


def write_client_config(path: Path, access: Access) -> None:
    """
    Say in a client's configuration how to reach this server.

    Other sections stay as they are; this server becomes the default only if there is none.
    """
    try:
        text = path.read_text()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = ""
    if "default-server" not in text and "[General]" not in text:
        text = set_section(text, "General", {"default-server": SERVER_NAME})
    write_private(path, set_section(text, f"server:{SERVER_NAME}", access.as_section()))


def write_agent_config(data_dir: DataDir, *, url: str, key: str) -> None:
    """Tell the local agent where the server is and who it is; other sections stay."""
    path = data_dir.worker / "config.ini"
    text = path.read_text() if path.exists() else ""
    write_private(path, set_section(text, "General", {"api-url": f"{url}/api"}))
    write_private(data_dir.worker / "token", key + "\n")


def join_line(*, url: str, key: str) -> str:
    """
    Compose the line that makes another machine a worker of this server.

    :param key: an activation key; the agent exchanges it for one of its own
    """
    config = shlex.quote(f"[General]\\napi-url = {url}/api\\n")
    return (
        "(umask 077; mkdir -p ~/.config/debusine/worker && cd ~/.config/debusine/worker && "
        f"printf {config} > config.ini && printf {key} > activation-token) && "
        "debusine-worker --log-stderr"
    )


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only its owner may read it."""
    try:
        if path.read_text() == text:
            return
    except FileNotFoundError:
        pass
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
