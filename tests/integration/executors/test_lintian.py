# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.lintian import Lintian as LintianKind
from debusine.domain.result import WorkRequestResults
from debusine.tasks.kinds.lintian import Lintian
from debusine.testing.environment import RealEnvironment
from debusine.testing.ordinary_user import OrdinaryUser
from debusine.testing.packages import write_deb

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


def test_checks_a_package_for_real(
    ordinary_user: OrdinaryUser, environment: RealEnvironment, workplace: Path
) -> None:
    deb = write_deb(workplace, files={"usr/bin/hello": b"#!/usr/bin/perl\n"})
    client: Any = environment.client()
    client.add(2, BinaryPackage.category, {}, {deb.name: deb.read_bytes()})
    task = Lintian(
        {"input": {"binary_artifacts": [2]}, "environment": 1},
        {"environment_id": 1, "input_binary_artifacts_ids": [2]},
    )
    task.debusine, task.workspace_name, task.work_request_id = client, "System", 9
    task.image_cache_directory = workplace / "cache"
    task.set_working_directory(workplace / "work")
    result = task.execute()
    assert result is WorkRequestResults.FAILURE, client.uploaded[-1].files
    [report] = client.uploaded_of(LintianKind.category)
    assert report.data["architecture"] == "amd64"
    assert report.data["summary"]["tags_count_by_severity"]["error"] > 0
    assert "no-copyright-file" in report.data["summary"]["tags_found"]
    tags = json.loads(report.files["analysis.json"])["tags"]
    [tag] = [tag for tag in tags if tag["tag"] == "no-copyright-file"]
    assert tag["package"] == "hello"
    assert tag["explanation"]
    assert not list((workplace / "work").glob("unshare-*"))
