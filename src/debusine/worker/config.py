# SPDX-License-Identifier: GPL-3.0-or-later
"""
The agent's configuration directory.

::

    config.ini        [General] api-url, log-level, working-directory, http-timeout,
                      scratch-directory, user, slots, memory, disk, cpus,
                      image-cache, image-cache-days, package-cache, holds, hold-time, hold-size;
                      [Environment] variables for tasks
    token             key of this worker, readable by its owner only
    activation-token  shown once, when the worker registers
"""

from __future__ import annotations

import configparser
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from debusine.client.identity import DEFAULT_TIMEOUT, Timeout, parse_timeout
from debusine.client.local_server import WORKER_USER
from debusine.domain.hold import HoldLimits, parse_hold_duration
from debusine.domain.resources import MAX_SLOTS
from debusine.errors import UserError
from debusine.util.files import write_atomically
from debusine.util.log import LEVELS

DEFAULT_DIRECTORIES = (Path("~/.config/debusine/worker"), Path("/etc/debusine/worker"))
DEFAULT_USER = WORKER_USER
DEFAULT_PACKAGES_MIB = 4096

_KEYS = {
    "api-url",
    "log-level",
    "working-directory",
    "http-timeout",
    "scratch-directory",
    "user",
    "slots",
    "memory",
    "disk",
    "cpus",
    "image-cache",
    "image-cache-days",
    "package-cache",
    "holds",
    "hold-time",
    "hold-size",
}
_SIZE = re.compile(r"(\d{1,9})\s*(M|MiB|G|GiB|T|TiB)", re.IGNORECASE)
_IN_MIB = {"m": 1, "g": 1024, "t": 1024 * 1024}


class WorkerConfigError(UserError):
    """The configuration of the agent cannot be used."""

    code = "worker-config"


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerConfig:
    """
    What an administrator says about this worker.

    :param api_url: without a slash at its end
    :param working_directory: unset: ``workdir`` in the home directory
    :param scratch_directory: unset: memory where there is room
    :param user: who runs the tasks when the agent is root
    :param environment: variables for tasks
    :param slots: how many tasks run at once
    :param memory_mib: for all of them together, as the others; None: see
        :mod:`debusine.worker.offer`
    :param cache_mib: how much room system images may take when nothing uses them
    :param cache_days: how long they stay after their last use
    :param packages_mib: how much room packages of mirrors may take; 0: none are kept
    :param holds: which environments are kept for people after their tasks
    """

    directory: Path
    api_url: str
    log_level: str = "INFO"
    working_directory: Path | None = None
    scratch_directory: Path | None = None
    http_timeout: Timeout = DEFAULT_TIMEOUT
    user: str = DEFAULT_USER
    environment: Mapping[str, str] = field(default_factory=dict)
    slots: int = 1
    memory_mib: int | None = None
    disk_mib: int | None = None
    cpus: int | None = None
    cache_mib: int | None = None
    cache_days: int | None = None
    packages_mib: int = DEFAULT_PACKAGES_MIB
    holds: HoldLimits = field(default=HoldLimits())


def find_directory(candidates: Sequence[Path] = DEFAULT_DIRECTORIES) -> Path:
    """
    The first configuration directory that exists.

    :raises WorkerConfigError: if none does
    """
    for candidate in candidates:
        directory = candidate.expanduser()
        if directory.is_dir():
            return directory
    raise WorkerConfigError(
        "no configuration directory: " + " or ".join(map(str, candidates)),
        resolution="Make one with a config.ini that has [General] api-url = ...",
    )


def read_sections(path: Path) -> dict[str, dict[str, str]]:
    """
    Read an INI file.

    :returns: keys and values by section
    :raises WorkerConfigError: if that is not possible
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(file)
    except (OSError, configparser.Error, UnicodeDecodeError) as error:
        raise WorkerConfigError(f"cannot read {path}", details=str(error)) from error
    return {name: dict(parser[name]) for name in parser.sections()}


def read_worker_config(directory: Path, *, default_user: str = DEFAULT_USER) -> WorkerConfig:
    """
    Read ``config.ini``.

    :param default_user: for a configuration that names none
    :raises WorkerConfigError: if it cannot be read or says something wrong
    """
    path = directory / "config.ini"
    sections = read_sections(path)
    general = sections.get("General", {})
    unknown = sorted(set(general) - _KEYS)
    if unknown:
        raise WorkerConfigError(f"{path}: unknown keys in [General]: {', '.join(unknown)}")
    environment = sections.get("Environment", {})
    return WorkerConfig(
        directory=directory,
        api_url=_api_url(path, general),
        log_level=_log_level(path, general),
        working_directory=_path(general, "working-directory"),
        scratch_directory=_path(general, "scratch-directory"),
        http_timeout=_timeout(path, general),
        user=general.get("user") or default_user,
        environment={name.upper(): value for name, value in environment.items()},
        slots=_count(path, general, "slots") or 1,
        memory_mib=_size(path, general, "memory"),
        disk_mib=_size(path, general, "disk"),
        cpus=_count(path, general, "cpus"),
        cache_mib=_size(path, general, "image-cache"),
        cache_days=_count(path, general, "image-cache-days"),
        packages_mib=_packages(path, general),
        holds=_holds(path, general),
    )


def _holds(path: Path, general: Mapping[str, str]) -> HoldLimits:
    usual = HoldLimits()
    time = general.get("hold-time")
    duration = usual.duration if not time else parse_hold_duration(time)
    if duration is None:
        raise WorkerConfigError(
            f"{path}: hold-time is no time from 1m to 24h, such as 30m or 8h: {time!r}"
        )
    return HoldLimits(
        count=0 if general.get("holds") == "0" else _count(path, general, "holds") or 0,
        duration=duration,
        size_mib=_size(path, general, "hold-size") or usual.size_mib,
    )


def _packages(path: Path, general: Mapping[str, str]) -> int:
    if general.get("package-cache") == "0":
        return 0
    return _size(path, general, "package-cache") or DEFAULT_PACKAGES_MIB


def _count(path: Path, general: Mapping[str, str], key: str) -> int | None:
    text = general.get(key)
    if not text:
        return None
    if not re.fullmatch(r"\d{1,4}", text) or not 1 <= int(text) <= MAX_SLOTS:
        raise WorkerConfigError(f"{path}: {key} is no number from 1 to {MAX_SLOTS}: {text!r}")
    return int(text)


def _size(path: Path, general: Mapping[str, str], key: str) -> int | None:
    """A size such as ``12 GiB`` or ``500M``, in MiB."""
    text = general.get(key)
    if not text:
        return None
    found = _SIZE.fullmatch(text.strip())
    size = int(found[1]) * _IN_MIB[found[2][0].lower()] if found else 0
    if not 0 < size < 1 << 31:
        raise WorkerConfigError(f"{path}: {key} is no size such as 12 GiB: {text!r}")
    return size


def _api_url(path: Path, general: Mapping[str, str]) -> str:
    url = general.get("api-url", "").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise WorkerConfigError(
            f"{path}: api-url in [General] is missing or is no http or https URL: {url!r}"
        )
    return url


def _log_level(path: Path, general: Mapping[str, str]) -> str:
    level = general.get("log-level", "INFO").upper()
    if level not in LEVELS:
        raise WorkerConfigError(f"{path}: log-level is none of {', '.join(LEVELS)}: {level!r}")
    return level


def _timeout(path: Path, general: Mapping[str, str]) -> Timeout:
    if not general.get("http-timeout"):
        return DEFAULT_TIMEOUT
    try:
        return parse_timeout(general["http-timeout"])
    except UserError as error:
        raise WorkerConfigError(f"{path}: http-timeout: {error.brief}") from error


def _path(general: Mapping[str, str], key: str) -> Path | None:
    text = general.get(key)
    return Path(text).expanduser() if text else None


def read_key(path: Path) -> str | None:
    """
    Read a file that holds a key.

    :returns: None if there is no such file, or nothing in it
    :raises WorkerConfigError: if others may read it
    """
    try:
        mode = path.stat().st_mode
        if stat.S_IMODE(mode) & 0o077:
            raise WorkerConfigError(
                f"{path} can be read or changed by others", resolution=f"chmod go= {path}"
            )
        return path.read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise WorkerConfigError(f"cannot read {path}", details=str(error)) from error


def write_key(path: Path, key: str) -> None:
    """
    Write a file that holds a key, in one step and for its owner only.

    :raises WorkerConfigError: if that is not possible
    """
    try:
        write_atomically(path, key.encode() + b"\n", mode=0o600)
    except OSError as error:
        raise WorkerConfigError(f"cannot write {path}", details=str(error)) from error
