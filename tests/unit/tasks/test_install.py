# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from debusine.tasks.install import has_packages
from debusine.testing.executor import FakeInstance, FakeResult


@pytest.mark.parametrize(
    ("said", "status", "there"),
    [
        (b"installed\ninstalled\n", 0, True),
        (b"installed\nnot-installed\n", 0, False),
        (b"installed\nconfig-files\n", 0, False),
        (b"half-configured\ninstalled\n", 0, False),
        # dpkg has never heard of one of them
        (b"installed\n", 1, False),
        (b"", 127, False),
    ],
)
def test_packages_are_there_only_if_all_are_installed(
    said: bytes, status: int, *, there: bool
) -> None:
    instance = FakeInstance(lambda *_: FakeResult(stdout=said, returncode=status))
    instance.start()
    assert has_packages(instance, ["one", "two"]) is there
    assert instance.calls[-1].argv[-2:] == ("one", "two")
    instance.stop()
