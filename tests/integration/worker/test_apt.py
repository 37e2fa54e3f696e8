# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks get what only root may read of the machine's APT, and give it back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from debusine.domain.result import WorkRequestResults
from debusine.testing.agent import AgentProgram
from debusine.testing.server_http import LiveServer
from debusine.testing.waiting import wait_for
from debusine.worker.apt import PACKAGE_CACHE

LOGIN = "machine deb.example.org login me password s3cret"


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """APT's configuration of a machine of its own, with a password that only we may read."""
    etc = tmp_path / "etc"
    for name in ("sources.list.d", "auth.conf.d", "parts"):
        (etc / name).mkdir(parents=True)
    auth = etc / "auth.conf.d/mirror.conf"
    auth.touch(mode=0o600)
    auth.write_text(f"{LOGIN}\n")
    (etc / "sources.list.d/debian.list").write_text("deb http://deb.example.org/debian sid main\n")
    conf = tmp_path / "apt.conf"
    conf.write_text(
        f'Dir::Etc "{etc}";\nDir::Etc::parts "{etc / "parts"}";\n'
        'Acquire::http::Proxy "http://proxy.example.org:3128";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(conf))
    return etc


@pytest.fixture
def lender(
    etc: Path, server: LiveServer, make_agent: Callable[[LiveServer], AgentProgram]
) -> AgentProgram:
    """An agent on that machine."""
    del etc
    made = make_agent(server)
    made.start()
    return made


def seen_by_task(agent: AgentProgram) -> dict[str, Any]:
    report = agent.base / "report"
    report.mkdir(exist_ok=True)
    report.chmod(0o777)
    done = agent.run("testapt", task_data={"path": str(report / "seen")})
    assert done.result is WorkRequestResults.SUCCESS, agent.log
    seen: dict[str, Any] = json.loads((report / "seen").read_text())
    return seen


def test_what_is_lent_is_for_the_user_of_the_task_alone(lender: AgentProgram) -> None:
    seen = seen_by_task(lender)

    directory = Path(seen["directory"])
    assert seen["owners"] == [seen["uid"]]
    if os.geteuid() == 0:
        assert seen["uid"] != 0
    modes = {"apt.conf": "600", "auth.conf": "600", directory.name: "700"}
    assert seen["modes"] == modes
    assert seen["auth"] == f"{LOGIN}\n"
    assert 'Acquire::http::Proxy "http://proxy.example.org:3128";' in seen["conf"]
    wait_for(lambda: not directory.exists())
    assert "s3cret" not in lender.log


def test_a_cache_is_lent_where_the_machine_uses_no_proxy(
    etc: Path,
    tmp_path: Path,
    server: LiveServer,
    make_agent: Callable[[LiveServer], AgentProgram],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PACKAGE_CACHE, "http://127.0.0.1:4711")
    agent = make_agent(server)
    agent.start()
    assert "127.0.0.1" not in seen_by_task(agent)["conf"]
    (tmp_path / "apt.conf").write_text(f'Dir::Etc "{etc}";\nDir::Etc::parts "{etc / "parts"}";\n')
    assert 'Debusine::Cache "http://127.0.0.1:4711";' in seen_by_task(agent)["conf"]


def test_changes_count_from_the_next_task_on(lender: AgentProgram, etc: Path) -> None:
    seen_by_task(lender)
    (etc / "auth.conf.d/mirror.conf").write_text(f"{LOGIN}2\n")

    assert seen_by_task(lender)["auth"] == f"{LOGIN}2\n"


def test_a_machine_whose_apt_is_broken(lender: AgentProgram, etc: Path) -> None:
    (etc / "sources.list.d/broken.list").write_text("dep http://me:s3cret@deb.example.org/ sid\n")

    report = lender.run("testapt")

    assert report.result is WorkRequestResults.ERROR
    assert report.output_data is not None
    [error] = report.output_data.errors or []
    assert error.code == "setup-failed"
    assert "broken.list, line 1: this is no APT source" in error.message
    assert "s3cret" not in error.message
    # the others do not care
    assert lender.run("noop").result is WorkRequestResults.SUCCESS
