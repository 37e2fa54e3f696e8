# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from debusine.domain.hold import HoldLimits
from debusine.worker.config import (
    WorkerConfig,
    WorkerConfigError,
    find_directory,
    read_key,
    read_worker_config,
    write_key,
)

GOOD = """
[General]
api-url = https://debusine.example.org/api/
log-level = debug
working-directory = /srv/work
scratch-directory = /srv/scratch
http-timeout = 7,70
user = builder
slots = 4
memory = 12 GiB
disk = 500M
cpus = 8
image-cache = 5 GiB
image-cache-days = 7
holds = 2
hold-time = 90m
hold-size = 3 GiB
[Environment]
http_proxy = http://proxy.example.org:3128
Foo = 100%
"""


def write(directory: Path, text: str) -> Path:
    (directory / "config.ini").write_text(text)
    return directory


def test_everything(tmp_path: Path) -> None:
    assert read_worker_config(write(tmp_path, GOOD)) == WorkerConfig(
        directory=tmp_path,
        api_url="https://debusine.example.org/api",
        log_level="DEBUG",
        working_directory=Path("/srv/work"),
        scratch_directory=Path("/srv/scratch"),
        http_timeout=(7, 70),
        user="builder",
        environment={"HTTP_PROXY": "http://proxy.example.org:3128", "FOO": "100%"},
        slots=4,
        memory_mib=12288,
        disk_mib=500,
        cpus=8,
        cache_mib=5 * 1024,
        cache_days=7,
        holds=HoldLimits(count=2, duration=timedelta(minutes=90), size_mib=3072),
    )


@pytest.mark.parametrize(("text", "mib"), [("0", 0), ("", 4096), ("100M", 100), ("2 GiB", 2048)])
def test_room_for_packages(tmp_path: Path, text: str, mib: int) -> None:
    general = f"[General]\napi-url = http://localhost/api\npackage-cache = {text}\n"
    assert read_worker_config(write(tmp_path, general)).packages_mib == mib


def test_defaults(tmp_path: Path) -> None:
    config = read_worker_config(write(tmp_path, "[General]\napi-url = http://localhost/api\n"))
    assert config == WorkerConfig(directory=tmp_path, api_url="http://localhost/api")
    assert (config.user, config.log_level) == ("debusine-worker", "INFO")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("https://debusine.example.org/api/", "", "api-url"),
        ("https://debusine.example.org/api/", "debusine.example.org", "api-url"),
        ("= debug", "= loud", "log-level"),
        ("7,70", "-1", "http-timeout"),
        ("user =", "usr =", "unknown keys in .General.: usr"),
        ("[General]", "", "cannot read"),
        ("= 4", "= 0", "slots is no number from 1 to 1000: '0'"),
        ("= 4", "= many", "slots is no number"),
        ("= 8", "= -1", "cpus is no number"),
        ("12 GiB", "12", "memory is no size such as 12 GiB: '12'"),
        ("500M", "9999999T", "disk is no size"),
        ("= 90m", "= 2d", "hold-time is no time from 1m to 24h"),
        ("3 GiB", "3", "hold-size is no size"),
        ("holds = 2", "holds = two", "holds is no number"),
    ],
)
def test_errors(tmp_path: Path, old: str, new: str, text: str) -> None:
    with pytest.raises(WorkerConfigError, match=text):
        read_worker_config(write(tmp_path, GOOD.replace(old, new)))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(WorkerConfigError, match="cannot read"):
        read_worker_config(tmp_path)


def test_directory_of_the_user_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    directory = tmp_path / ".config/debusine/worker"
    directory.mkdir(parents=True)
    assert find_directory() == directory


def test_keys_are_private(tmp_path: Path) -> None:
    path = tmp_path / "token"
    assert read_key(path) is None
    write_key(path, "abc")
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_key(path) == "abc"
    path.chmod(0o640)
    with pytest.raises(WorkerConfigError, match="can be read or changed by others"):
        read_key(path)


def test_empty_key_is_none(tmp_path: Path) -> None:
    write_key(tmp_path / "token", "")
    assert read_key(tmp_path / "token") is None


def test_key_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(WorkerConfigError, match="cannot write"):
        write_key(tmp_path / "none/token", "abc")
