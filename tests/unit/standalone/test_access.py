# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import shlex
import stat
from pathlib import Path

import pytest

from debusine.client.config import read_client_config
from debusine.client.local_server import DataDir
from debusine.signing.config import read_signing_config
from debusine.standalone.access import (
    Access,
    administrator_key,
    agent_key,
    join_line,
    new_key,
    write_agent_config,
    write_client_config,
    write_signing_config,
)
from debusine.worker.config import read_key, read_worker_config

ACCESS = Access(
    api_url="http://127.0.0.1:8000/api/", token="a" * 64, scope="debusine", workspace="System"
)


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    (tmp_path / "worker").mkdir()
    return DataDir(tmp_path)


def test_the_client_can_read_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.ini"
    write_client_config(path, ACCESS)
    server = read_client_config(path).select()
    assert (server.api_url, server.token) == ("http://127.0.0.1:8000/api", "a" * 64)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_other_servers_stay_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "config.ini"
    mine = (
        "# my servers\n[General]\ndefault-server = far\n\n"
        "[server:far]\napi-url = https://debusine.example.org/api\nscope = debian\ntoken = x\n"
    )
    path.write_text(mine)
    write_client_config(path, ACCESS)
    assert path.read_text().startswith(mine)
    config = read_client_config(path)
    assert config.select().name == "far"
    assert config.select("local").token == "a" * 64


def test_a_second_start_replaces_the_section_only(tmp_path: Path) -> None:
    path = tmp_path / "config.ini"
    write_client_config(path, ACCESS)
    first = path.read_text()
    write_client_config(path, ACCESS)
    assert path.read_text() == first


def test_the_administrators_key_is_kept(data_dir: DataDir) -> None:
    write_client_config(data_dir.client_config, ACCESS)
    assert administrator_key(data_dir) == "a" * 64


@pytest.mark.parametrize("text", ["", "no ini file", "[server:local]\ntoken =\n"])
def test_a_damaged_file_gives_a_new_key(data_dir: DataDir, text: str) -> None:
    data_dir.client_config.write_text(text)
    key = administrator_key(data_dir)
    assert len(key) == 64
    assert key != administrator_key(data_dir)


def test_the_agent_can_read_what_is_written(data_dir: DataDir) -> None:
    (data_dir.worker / "config.ini").write_text(
        "[General]\nscratch-directory = /srv/scratch\n"
        "[Environment]\nccache_dir = /var/cache/ccache\n"
    )
    key = new_key()
    write_agent_config(data_dir, url="http://127.0.0.1:8000", key=key)
    config = read_worker_config(data_dir.worker)
    assert config.api_url == "http://127.0.0.1:8000/api"
    assert config.scratch_directory == Path("/srv/scratch")
    assert config.environment == {"CCACHE_DIR": "/var/cache/ccache"}
    assert read_key(data_dir.worker / "token") == key == agent_key(data_dir.worker)


def test_the_line_that_joins_is_one_line_with_the_key() -> None:
    line = join_line(url="http://host.example.org:8000", key="b" * 64)
    assert "\n" not in line
    assert "b" * 64 in shlex.split(line)
    assert line.endswith("debusine-worker --log-stderr")


def test_the_signing_worker_can_read_what_is_written(data_dir: DataDir) -> None:
    key = new_key()
    write_signing_config(data_dir, url="http://127.0.0.1:8000", key=key)
    directory = data_dir.signing
    path = directory / "config.ini"
    first = path.read_text()
    write_signing_config(data_dir, url="http://127.0.0.1:8000", key=key)
    assert path.read_text() == first
    config = read_signing_config(directory)
    assert config.worker.api_url == "http://127.0.0.1:8000/api"
    assert read_key(directory / "token") == key == agent_key(directory)
    assert {stat.S_IMODE(one.stat().st_mode) for one in directory.iterdir()} == {0o600}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
