# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.tasks.apt_lending import access_for
from debusine.tasks.kinds.sbuild import Sbuild
from debusine.util.apt_access import AptAccess
from debusine.util.apt_cache import with_cache

CACHE = "http://127.0.0.1:4711"


@pytest.mark.parametrize(
    ("backend", "reaches_it"),
    [("auto", True), ("unshare", True), ("incus-lxc", False), ("incus-vm", False), ("qemu", False)],
)
def test_a_cache_is_used_where_loopback_is_that_of_the_machine(
    tmp_path: Path, backend: str, *, reaches_it: bool
) -> None:
    task = Sbuild(
        {
            "input": {"source_artifact": 2},
            "environment": 3,
            "build_architecture": "amd64",
            "backend": backend,
        }
    )
    with_cache(AptAccess(), CACHE).write(tmp_path)
    task.apt_access_directory = tmp_path

    access = access_for(task)

    proxies = (("Acquire::http::Proxy", CACHE), ("Acquire::https::Proxy", "DIRECT"))
    assert access == AptAccess(settings=proxies if reaches_it else ())
