# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import configparser

from hypothesis import given
from hypothesis import strategies as st

from debusine.util.ini import remove_section, set_section

names = st.text(alphabet="abcdef:-", min_size=1, max_size=8)
values = st.dictionaries(st.text(alphabet="uvwxyz-", min_size=1), names, min_size=1, max_size=3)
files = st.dictionaries(names, values, max_size=4)


def parsed(text: str) -> dict[str, dict[str, str]]:
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(text)
    return {name: dict(config[name]) for name in config.sections()}


def written(sections: dict[str, dict[str, str]]) -> str:
    text = ""
    for name, section in sections.items():
        text = set_section(text, name, section)
    return text


@given(files)
def test_what_is_written_is_read(sections: dict[str, dict[str, str]]) -> None:
    assert parsed(written(sections)) == sections


@given(files, names, values)
def test_setting_touches_one_section(
    sections: dict[str, dict[str, str]], name: str, section: dict[str, str]
) -> None:
    assert parsed(set_section(written(sections), name, section)) == {**sections, name: section}


@given(files, names)
def test_removing_touches_one_section(sections: dict[str, dict[str, str]], name: str) -> None:
    left = {key: value for key, value in sections.items() if key != name}
    assert parsed(remove_section(written(sections), name)) == left


def test_comments_of_other_sections_stay() -> None:
    text = "# top\n[a] ; mine\nx = 1\n[b]\ny = 2\n# end\n"
    assert remove_section(set_section(text, "c", {"z": "3"}), "c") == text
