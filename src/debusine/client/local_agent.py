# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent of this machine, for those who want to use what it keeps."""

from __future__ import annotations

import configparser
import os
import pwd
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from debusine.client.local_server import WORKER_USER, DataDir
from debusine.settings import default_data_dir

DIRECTORIES = (Path("~/.config/debusine/worker"), Path("/etc/debusine/worker"))
WORKING_DIRECTORY = "workdir"
IMAGES = "system-images"


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalAgent:
    """
    What an agent's configuration says.

    :param user: who runs its tasks if it is root
    :param images: where it keeps system images; None if no agent of this machine is known
    """

    user: str = WORKER_USER
    images: Path | None = None


def find_agent(api_url: str, *, data_dir: Path | None = None) -> LocalAgent:
    """
    Find the agent on this machine that works for a server.

    :param api_url: of the server
    :param data_dir: of the server, if it is an embedded one
    :returns: one that keeps nothing if there is none, or if we may not look
    """
    if data_dir is not None:
        return next(_agents([DataDir(data_dir).worker], api_url=None), LocalAgent())
    places = [DataDir(default_data_dir()).worker, *(path.expanduser() for path in DIRECTORIES)]
    return next(_agents(places, api_url=api_url), LocalAgent())


def _agents(places: Iterable[Path], *, api_url: str | None) -> Iterator[LocalAgent]:
    for directory in places:
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string((directory / "config.ini").read_text(encoding="utf-8"))
        except (OSError, ValueError, configparser.Error):
            continue
        general = dict(parser["General"]) if parser.has_section("General") else {}
        url = general.get("api-url", "").rstrip("/")
        if api_url is None or url == api_url.rstrip("/"):
            user = general.get("user") or WORKER_USER
            yield LocalAgent(user=user, images=_images(general.get("working-directory"), user))


def _images(working_directory: str | None, user: str) -> Path | None:
    if working_directory:
        return Path(working_directory).expanduser() / IMAGES
    if os.geteuid() != 0:
        return Path.home() / WORKING_DIRECTORY / IMAGES
    try:
        return Path(pwd.getpwnam(user).pw_dir) / WORKING_DIRECTORY / IMAGES
    except KeyError:
        return None
