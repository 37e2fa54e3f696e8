# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

from debusine.cli.units import make_unit

PACKAGED = [
    "/usr/bin/python3", "-m", "debusine.standalone",
    "--data-dir", "/var/lib/debusine", "--listen", "127.0.0.1:8000",
]  # fmt: skip


def test_the_unit_in_deploy_is_what_up_writes() -> None:
    deploy = Path(__file__).parents[3] / "deploy" / "debusine.service"
    assert deploy.read_text() == make_unit(PACKAGED, is_root=True).text


def test_words_with_blanks_and_percents_survive_systemd() -> None:
    unit = make_unit(["/opt/a b/python", "--data-dir", "/srv/100%"], is_root=True)
    assert 'ExecStart="/opt/a b/python" --data-dir /srv/100%%\n' in unit.text


def test_root_gets_a_unit_of_the_system() -> None:
    unit = make_unit(PACKAGED, is_root=True)
    assert unit.path == Path("/etc/systemd/system/debusine.service")
    assert unit.commands[-1] == "systemctl enable --now debusine.service"
    assert "WantedBy=multi-user.target" in unit.text


def test_others_get_a_unit_of_their_own() -> None:
    unit = make_unit(PACKAGED, is_root=False)
    assert unit.path.parts[-3:] == ("systemd", "user", "debusine.service")
    assert unit.commands == (
        "systemctl --user daemon-reload",
        "systemctl --user enable --now debusine.service",
        "loginctl enable-linger",
    )
    assert "WantedBy=default.target" in unit.text
