# SPDX-License-Identifier: GPL-3.0-or-later
"""Broken tasks of other packages are named, and stop nothing."""

from __future__ import annotations

import json

import pytest

from debusine.testing.own_environment import OwnEnvironment

pytestmark = pytest.mark.real

LOAD = """
import sys, threading
from debusine.util.log import configure_logging
configure_logging("INFO", stream=sys.stderr)
from debusine.tasks import BaseExternalTask, analyze_external_worker_tasks
threads = [threading.Thread(target=BaseExternalTask.registry.all) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
for _ in range(2):
    metadata = analyze_external_worker_tasks()
print(*sorted(key for key in metadata if key.endswith(":version")))
"""

# package: what is said about it, what to do
BROKEN = {
    "abstract": ("Half is abstract: it lacks run", "Write run."),
    "bad-model": ("model Model of Refuses cannot be used: name 'Unknown' is not", "types"),
    "exits": ("its import raises SystemExit: I am leaving", 'python3 -c "import exits"'),
    "generic": ("Generic has ~T in place of a BaseTaskData", "RunCommandTask[Data, Dynamic]"),
    "import-error": ("there is no module there_is_no_such_module", "Install it"),
    "no-class": ("module no_class defines no task", "Derive a class"),
    "no-version": ("Unversioned has no TASK_VERSION", "Set TASK_VERSION = 1 in Unversioned"),
    "syntax-error": ("its import raises SyntaxError: invalid syntax", "Mend it"),
    "taken-name": ("two tasks are called 'noop'", "another TASK_NAME"),
    "wrong-base": ("<class 'wrong_base.Some'> is not a task", "Derive it from debusine.tasks."),
}


@pytest.fixture(scope="session")
def findings(with_plugins: OwnEnvironment) -> list[dict[str, str]]:
    """What ``debusine doctor`` says about plug-ins."""
    done = with_plugins.run("debusine", "doctor", "--json", check=False)
    everything = json.loads(done.stdout)
    assert done.returncode == int(any(each["level"] == "error" for each in everything))
    return [each for each in everything if each["check"] == "plug-ins"]


@pytest.mark.parametrize("package", sorted(BROKEN))
def test_doctor_names_it(findings: list[dict[str, str]], package: str) -> None:
    brief, remedy = BROKEN[package]
    found = [each for each in findings if each["brief"].startswith(f"{package} 1.0 cannot")]
    assert any(brief in each["brief"] for each in found), findings
    for each in found:
        assert each["level"] == "warning"
        assert each["remedy"].endswith(f" Or remove it: pip uninstall {package}")
    assert any(remedy in each["remedy"] for each in found)


def test_doctor_names_a_class_that_its_module_lacks(findings: list[dict[str, str]]) -> None:
    [found] = [each for each in findings if "(nothing = wrong_base:Nothing)" in each["brief"]]
    assert found["brief"].endswith("module wrong_base has no Nothing")
    assert found["remedy"].startswith("Define Nothing in it, or correct the entry point.")


def test_doctor_names_what_cannot_look_at_the_machine(findings: list[dict[str, str]]) -> None:
    [found] = [each for each in findings if each["brief"].startswith("blind")]
    assert found["brief"] == "blind cannot look at this machine: KeyError: 'nothing here'"
    assert "bad_analysis.Blind" in found["remedy"]


def test_doctor_names_nothing_else(findings: list[dict[str, str]]) -> None:
    assert len(findings) == len(BROKEN) + 2  # two entry points of wrong-base, and the blind one


def test_each_is_logged_once_and_the_others_work(with_plugins: OwnEnvironment) -> None:
    done = with_plugins.run(with_plugins.python, "-c", LOAD)
    assert {"fine:version", "noop:version", "sbuild:version"} <= set(done.text.split())
    assert not {"other:version", "leaves:version", "blind:version"} & set(done.text.split())
    said = done.stderr.decode()
    assert said.count("plugin-broken") == len(BROKEN) + 1
    assert said.count("task-analysis-failed") == 1


def test_commands_do_not_notice(with_plugins: OwnEnvironment) -> None:
    for command in (["--help"], ["work-request", "create", "--help"], ["completion", "bash"]):
        assert with_plugins.run("debusine", *command).stderr == b""
