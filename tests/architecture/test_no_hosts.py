# SPDX-License-Identifier: GPL-3.0-or-later
"""No file names a registry or mirror that this machine happens to use."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Iterator
from pathlib import Path

from debusine.testing.project import Project

URL = re.compile(r"\b(?:https?|ftp)://(?:[^/\s@]*@)?([A-Za-z0-9.-]+)")
LOCAL = {"localhost", "127.0.0.1"}


def _configuration() -> Iterator[str]:
    """What APT, pip, uv and npm are told on this machine."""
    home = Path.home()
    for path in [
        Path("/etc/apt/sources.list"),
        *Path("/etc/apt/sources.list.d").glob("*"),
        *Path("/etc/apt/apt.conf.d").glob("*proxy*"),
        Path("/etc/pip.conf"),
        home / ".pip/pip.conf",
        home / ".config/pip/pip.conf",
        Path("/etc/uv/uv.toml"),
        home / ".config/uv/uv.toml",
        home / ".npmrc",
        Path("/etc/npmrc"),
    ]:
        if path.is_file() and os.access(path, os.R_OK):
            yield path.read_text(errors="replace")
    yield from (value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_")))


def hosts() -> set[str]:
    found = {host.lower() for text in _configuration() for host in URL.findall(text)}
    return {host for host in found - LOCAL if "." in host}


def test_reads_the_configuration_of_pip(tmp_path: Path) -> None:
    config = configparser.ConfigParser()
    config["global"] = {"index-url": "https://user:secret@mirror.example.org/simple"}
    with (tmp_path / "pip.conf").open("w") as file:
        config.write(file)
    assert URL.findall((tmp_path / "pip.conf").read_text()) == ["mirror.example.org"]


def test_no_file_names_a_host_of_this_machine(project: Project) -> None:
    pattern = re.compile("|".join(map(re.escape, sorted(hosts()))) or "(?!)")
    found = [
        f"{path}: {match[0]}"
        for path in project.files
        if path.name != "LICENSE"
        for match in pattern.finditer((project.root / path).read_text(errors="replace").lower())
    ]
    assert found == []
