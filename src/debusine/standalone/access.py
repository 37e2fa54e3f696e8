# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of the administrator and of the local agent, and the files that hold them."""

from __future__ import annotations

import configparser
import os
import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path

from debusine.client.local_server import SERVER_NAME, DataDir
from debusine.util.files import write_atomically
from debusine.util.ini import set_section

_SECTION = f"server:{SERVER_NAME}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """How to act on a server: where, as whom, on which scope and workspace."""

    api_url: str
    token: str
    scope: str
    workspace: str

    def as_section(self) -> dict[str, str]:
        """Keys and values of a server section of a client's configuration."""
        return {
            "api-url": self.api_url,
            "scope": self.scope,
            "token": self.token,
            "default-workspace": self.workspace,
        }


def new_key() -> str:
    """Make a key, 64 hexadecimal digits."""
    return secrets.token_hex(32)


def administrator_key(data_dir: DataDir) -> str:
    """The key of the administrator: the one that is on file, or a new one."""
    return _section(data_dir.client_config, _SECTION).get("token") or new_key()


def agent_key(directory: Path) -> str:
    """
    The key of a local worker: the one that is on file, or a new one.

    :param directory: of its configuration
    """
    return _read(directory / "token").strip() or new_key()


def write_client_config(path: Path, access: Access) -> None:
    """
    Say in a client's configuration how to reach this server.

    Other sections stay as they are; this server becomes the default only if there is none.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = _read(path)
    if "[General]" not in text:
        text = set_section(text, "General", {"default-server": SERVER_NAME})
    _write_private(path, set_section(text, _SECTION, access.as_section()))


def write_agent_config(data_dir: DataDir, *, url: str, key: str) -> None:
    """Tell the local agent where the server is and who it is; the rest stays as it is."""
    path = data_dir.worker / "config.ini"
    general = {**_section(path, "General"), "api-url": f"{url}/api"}
    if os.geteuid() != 0:
        # root's tasks run as somebody else, who has a home directory for this
        general.setdefault("working-directory", str(data_dir.worker / "workdir"))
    _write_private(path, set_section(_read(path), "General", general))
    _write_private(data_dir.worker / "token", key + "\n")


def write_signing_config(data_dir: DataDir, *, url: str, key: str) -> None:
    """
    Tell the local signing worker where the server is and who it is; the rest stays as it is.

    :param url: must lead through loopback
    """
    data_dir.signing.mkdir(mode=0o700, exist_ok=True)
    path = data_dir.signing / "config.ini"
    text = set_section(
        _read(path), "General", {**_section(path, "General"), "api-url": f"{url}/api"}
    )
    if os.geteuid() != 0:
        # root's keys belong to somebody else, who cannot come in here
        own = {"data-directory": str(data_dir.signing / "data"), **_section(path, "Signing")}
        text = set_section(text, "Signing", own)
    _write_private(path, text)
    _write_private(data_dir.signing / "token", key + "\n")


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


def _section(path: Path, name: str) -> dict[str, str]:
    """Keys and values of a section; empty if there is none, or the file is damaged."""
    config = configparser.ConfigParser(interpolation=None)
    try:
        config.read_string(_read(path))
    except configparser.Error:
        return {}
    return dict(config[name]) if config.has_section(name) else {}


def _read(path: Path) -> str:
    """Text of a file, empty if there is none."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def _write_private(path: Path, text: str) -> None:
    if _read(path) != text:
        write_atomically(path, text.encode(), mode=0o600)
