# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines that cannot build say so before anything is fetched."""

from __future__ import annotations

import pytest

from debusine.cli.health.machine import Trouble
from debusine.cli.health.worker import refuse_trouble
from debusine.errors import NotPossibleError


def test_the_reason_and_what_mends_it_are_said() -> None:
    trouble = Trouble(brief="user bob has no range", remedy="usermod --add-subuids 1-2 bob")
    with pytest.raises(NotPossibleError) as caught:
        refuse_trouble(trouble)
    assert caught.value.brief == "this machine cannot build: user bob has no range"
    assert "usermod --add-subuids 1-2 bob\n" in (caught.value.resolution or "")


def test_a_machine_without_trouble_goes_on() -> None:
    refuse_trouble(None)
