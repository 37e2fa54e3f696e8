# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine artifact show-buildinfo``, as people call it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from debusine.artifacts.kinds.upload import Upload
from debusine.cli.main import run
from debusine.client.debusine import Debusine
from debusine.testing import factories
from debusine.testing.live_server import LiveServer
from debusine.testing.packages import write_changes, write_deb

RECORD = """\
Format: 1.0
Source: hello
Version: 1.0-1
Checksums-Sha256:
 {digest} 5 hello_1.0-1_amd64.deb
Build-Path: /build/hello-1.0
Installed-Build-Depends:
 gcc-14 (= 14.2.0-19)
"""


@pytest.fixture
def _loggers() -> Iterator[None]:
    """The program sends logs to what is standard error during the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = handlers, level


def write_upload(directory: Path, *, with_record: bool) -> Path:
    directory.mkdir()
    files = [write_deb(directory)]
    if with_record:
        record = directory / "hello_1.0-1_amd64.buildinfo"
        record.write_text(RECORD.format(digest="0" * 64))
        files.append(record)
    return write_changes(directory, files, architecture="amd64")


@pytest.mark.usefixtures("transactional_db", "_loggers")
def test_the_record_of_an_upload(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    factories.make_workspace()
    token = factories.make_token(factories.make_user(superuser=True))
    config = tmp_path / "config.ini"
    with LiveServer().running() as server:
        config.write_text(
            f"[General]\ndefault-server = here\n[server:here]\napi-url = {server.url}/api\n"
            f"scope = debusine\ntoken = {token.key}\n"
        )
        client = Debusine(f"{server.url}/api", token.key)
        numbers = [
            client.upload_artifact(
                Upload.from_changes(write_upload(tmp_path / name, with_record=name == "with")),
                workspace="System",
            ).id
            for name in ("with", "without")
        ]
        call = ["--config-file", str(config), "artifact", "show-buildinfo"]
        capsys.readouterr()
        assert run([*call, str(numbers[0])]) == 0
        shown = yaml.safe_load(capsys.readouterr().out)
        assert run([*call, str(numbers[1])]) == 3
        assert f"artifact {numbers[1]} has no .buildinfo file" in capsys.readouterr().err
    assert shown["build_path"] == "/build/hello-1.0"
    assert shown["installed_build_depends"] == {"gcc-14": "14.2.0-19"}
    assert shown["files"] == {"hello_1.0-1_amd64.deb": "0" * 64}
