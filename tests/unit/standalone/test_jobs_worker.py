# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from debusine.errors import UserError
from debusine.settings import Settings
from debusine.standalone.jobs_worker import main, require_broker


def test_without_redis_nobody_could_hear_of_jobs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DEBUSINE_REDIS_URL", raising=False)
    with pytest.raises(UserError, match="Redis"):
        require_broker(Settings())
    monkeypatch.setattr("debusine.standalone.jobs_worker.configure_logging", lambda *_, **__: None)
    assert main([]) == 2
    assert "Set DEBUSINE_REDIS_URL" in capsys.readouterr().err


def test_with_redis_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUSINE_REDIS_URL", "redis://localhost:6379/0")
    require_broker(Settings())
