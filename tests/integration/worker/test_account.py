# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from debusine.util.command import Command, run
from debusine.worker.user import ensure_account

AGENTS = 4

pytestmark = pytest.mark.root


@pytest.fixture
def new_name() -> Iterator[str]:
    name = f"debusine-test-{secrets.token_hex(3)}"
    yield name
    run(Command(["userdel", "--remove", name], check=False))


def test_agents_that_start_at_once_share_the_account_they_make(new_name: str) -> None:
    with ThreadPoolExecutor(AGENTS) as pool:
        accounts = list(pool.map(ensure_account, [new_name] * AGENTS))
    assert [account.name for account in accounts] == [new_name] * AGENTS
    assert len(set(accounts)) == 1
