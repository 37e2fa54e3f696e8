# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.client.config import ClientConfigError, ServerConfig, read_client_config

GOOD = """
[General]
default-server = home
[server:home]
api-url = http://localhost:8000/api/
scope = debusine
token = 100%secret
[server:work]
api-url = https://debusine.example.org/api
scope = debian
token = other
default-workspace = developers
http-timeout = 5,60
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.ini"
    path.write_text(text)
    return path


def test_everything(tmp_path: Path) -> None:
    config = read_client_config(write(tmp_path, GOOD))
    assert config.select() == ServerConfig(
        name="home", api_url="http://localhost:8000/api", scope="debusine", token="100%secret"
    )
    assert config.select("work") == ServerConfig(
        name="work",
        api_url="https://debusine.example.org/api",
        scope="debian",
        token="other",
        default_workspace="developers",
        http_timeout=(5, 60),
    )
    assert config.select("debusine.example.org/debian").name == "work"


def test_token_is_not_printed(tmp_path: Path) -> None:
    assert "secret" not in repr(read_client_config(write(tmp_path, GOOD)))


def test_connect(tmp_path: Path) -> None:
    client = read_client_config(write(tmp_path, GOOD)).select("work").connect()
    assert client.base_api_url == "https://debusine.example.org/api"
    assert (client.token, client.scope) == ("other", "debian")


@pytest.mark.parametrize("name", ["nosuch", "debusine.example.org/other", "x.example.org/debian"])
def test_unknown_server(tmp_path: Path, name: str) -> None:
    with pytest.raises(ClientConfigError, match="has no server"):
        read_client_config(write(tmp_path, GOOD)).select(name)


def test_no_default(tmp_path: Path) -> None:
    config = read_client_config(write(tmp_path, GOOD.replace("default-server", "other")))
    with pytest.raises(ClientConfigError, match="no default server"):
        config.select()


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("scope = debian\n", "", "missing: scope"),
        ("token = other\n", "token =\n", "missing: token"),
        ("scope = debian", "scope = debian\nfoo = 1", "unknown: foo"),
        ("5,60", "soon", "no time limit"),
        ("5,60", "0", "no time limit"),
        ("https://", "ftp://", "no http or https URL"),
        ("[General]", "General", "cannot read"),
    ],
)
def test_errors(tmp_path: Path, old: str, new: str, text: str) -> None:
    with pytest.raises(ClientConfigError, match=text):
        read_client_config(write(tmp_path, GOOD.replace(old, new)))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ClientConfigError) as raised:
        read_client_config(tmp_path / "none")
    assert raised.value.brief == f"no server is configured: there is no {tmp_path / 'none'}"
    assert raised.value.resolution == "Start one on this machine: debusine up"


def test_a_file_that_cannot_be_understood(tmp_path: Path) -> None:
    with pytest.raises(ClientConfigError) as raised:
        read_client_config(write(tmp_path, "no section"))
    assert raised.value.brief == f"cannot read {tmp_path / 'config.ini'}"
    assert raised.value.resolution is not None
    assert raised.value.resolution.endswith("debusine up")
