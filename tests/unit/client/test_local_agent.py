# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.client.local_agent import LocalAgent, find_agent
from debusine.client.local_server import WORKER_USER

URL = "https://d.example.org/api"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DEBUSINE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path


def configure(directory: Path, text: str) -> None:
    directory.mkdir(parents=True)
    (directory / "config.ini").write_text(text)


def test_the_agent_of_an_embedded_server(home: Path) -> None:
    text = "[General]\napi-url = http://127.0.0.1:1/api\nuser = builder\nworking-directory = /w\n"
    configure(home / "elsewhere/worker", text)
    # an embedded server has another port each time
    found = find_agent(URL, data_dir=home / "elsewhere")
    assert found == LocalAgent(user="builder", images=Path("/w/system-images"))


def test_the_agent_that_works_for_a_server(home: Path) -> None:
    configure(
        home / ".config/debusine/worker",
        f"[General]\napi-url = {URL}/\nuser = builder\nworking-directory = ~/w\n",
    )
    assert find_agent(URL) == LocalAgent(user="builder", images=home / "w/system-images")
    assert find_agent("https://other.example.org/api") == LocalAgent()


@pytest.mark.parametrize("text", ["", "what is this", "[General]\n", "\x00"])
def test_nothing_is_known_without_a_configuration(home: Path, text: str) -> None:
    configure(home / ".config/debusine/worker", text)
    assert find_agent(URL) == LocalAgent(user=WORKER_USER, images=None)
    assert find_agent(URL, data_dir=home / "none") == LocalAgent()
