# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import subprocess

import pytest

from debusine.errors import NotPossibleError, UpstreamError, UserError
from debusine.tasks.causes import stage_error
from debusine.tasks.executors.instance import InstanceError


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "full"), "out-of-disk-space"),
        (OSError(errno.EACCES, "closed"), "stage-failed"),
        (caused(UpstreamError("x"), OSError(errno.EDQUOT, "full")), "out-of-disk-space"),
        (MemoryError(), "out-of-memory"),
        (UpstreamError("the server does not answer"), "network-failed"),
        (caused(RuntimeError("x"), UpstreamError("y")), "network-failed"),
        (NotPossibleError("no tool"), "worker-failed"),
        (InstanceError("no namespace"), "worker-failed"),
        (UserError("not a .dsc"), "stage-failed"),
        (ValueError("x"), "stage-failed"),
    ],
)
def test_what_an_exception_tells(error: Exception, code: str) -> None:
    assert stage_error("text", error, is_setup=False).code == code


def test_commands_that_prepare_are_the_workers() -> None:
    error = subprocess.CalledProcessError(100, ["apt-get"])
    assert stage_error("text", error, is_setup=True).code == "worker-failed"
    assert stage_error("text", error, is_setup=False).code == "stage-failed"
