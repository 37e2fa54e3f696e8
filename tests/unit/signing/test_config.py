# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path

import pytest

from debusine.client.local_server import SIGNING_USER
from debusine.signing.config import KeySettings, read_signing_config
from debusine.worker.config import WorkerConfigError

HTTPS = "[General]\napi-url = https://debusine.example.org/api\n"


def write(directory: Path, text: str) -> Path:
    (directory / "config.ini").write_text(text)
    return directory


def test_keys_lie_together_unless_told_otherwise(tmp_path: Path) -> None:
    config = read_signing_config(write(tmp_path, f"{HTTPS}[Signing]\ndata-directory = /srv/k\n"))
    assert config.worker.user == SIGNING_USER
    assert config.keys == KeySettings(
        data_directory=Path("/srv/k"), database_url=None, service_keys=Path("/srv/k/service-keys")
    )
    assert config.keys.database == Path("/srv/k/keys.sqlite3")
    assert config.working_directory == Path("/srv/k/workdir")


def test_everything_can_lie_elsewhere(tmp_path: Path) -> None:
    text = (
        "user = signer\nworking-directory = /srv/w\n[Signing]\nservice-keys = /mnt/k\n"
        "database-url = postgresql://u:p@db.example.org/keys\ntrusted-certs = aa bb\n"
    )
    config = read_signing_config(write(tmp_path, HTTPS + text))
    assert (config.worker.user, config.working_directory) == ("signer", Path("/srv/w"))
    assert config.keys.database_url == "postgresql://u:p@db.example.org/keys"
    assert (config.keys.service_keys, config.keys.trusted_certs) == (Path("/mnt/k"), ("aa", "bb"))
    through = json.loads(json.dumps(config.keys.to_json()))
    assert KeySettings.from_json(through) == config.keys


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
def test_loopback_needs_no_tls(tmp_path: Path, host: str) -> None:
    text = f"[General]\napi-url = http://{host}:8000/api\n"
    assert read_signing_config(write(tmp_path, text)).worker.api_url == f"http://{host}:8000/api"


@pytest.mark.parametrize("host", ["192.0.2.1", "debusine.example.org", "localhost.example.org"])
def test_other_machines_need_tls(tmp_path: Path, host: str) -> None:
    with pytest.raises(WorkerConfigError, match="must be https"):
        read_signing_config(write(tmp_path, f"[General]\napi-url = http://{host}/api\n"))
