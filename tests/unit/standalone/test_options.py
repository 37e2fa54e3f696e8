# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

from debusine.client.listen import Listen
from debusine.client.local_server import DataDir
from debusine.standalone.options import Options, parse_options


def test_options(tmp_path: Path) -> None:
    argv = ["--data-dir", str(tmp_path), "--ready-fd", "7", "--no-worker"]
    assert parse_options(argv) == Options(
        data_dir=DataDir(tmp_path),
        listen=Listen(host="127.0.0.1", port=8000),
        ready_fd=7,
        while_used=None,
        client_config=None,
        with_worker=False,
    )


def test_a_signing_worker_is_started_on_request_only(tmp_path: Path) -> None:
    argv = ["--data-dir", str(tmp_path)]
    assert [parse_options([*argv, *more]).with_signing for more in ([], ["--signing"])] == [
        False,
        True,
    ]
