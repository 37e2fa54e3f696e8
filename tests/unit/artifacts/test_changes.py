# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from debusine.artifacts.changes import add_fields
from debusine.artifacts.deb822 import read_changes
from debusine.errors import UserError
from debusine.testing.packages import write_changes, write_deb


@pytest.fixture
def changes(tmp_path: Path) -> Path:
    return write_changes(tmp_path, [write_deb(tmp_path)], architecture="amd64")


def test_fields_are_set_and_all_others_stay(changes: Path) -> None:
    before = read_changes(changes)
    add_fields(changes, {"Debusine-User": "https://example.org/a", "Distribution": "sid"})
    after = read_changes(changes)
    assert after.fields == {
        **before.fields,
        "Debusine-User": "https://example.org/a",
        "Distribution": "sid",
    }
    after.check_files()


def test_a_signature_goes(changes: Path) -> None:
    before = read_changes(changes).fields
    text = changes.read_text()
    changes.write_text(
        f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{text}\n"
        "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"
    )
    add_fields(changes, {"Debusine-User": "a"})
    assert "PGP" not in changes.read_text()
    assert read_changes(changes).fields == {**before, "Debusine-User": "a"}


@pytest.mark.parametrize("value", ["", "a\nDistribution: evil", "a\rb"])
def test_a_value_is_one_line(changes: Path, value: str) -> None:
    before = changes.read_bytes()
    with pytest.raises(UserError, match="must be one line"):
        add_fields(changes, {"Debusine-User": value})
    assert changes.read_bytes() == before


def test_what_is_no_changes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.changes"
    path.write_text("Source: a\n")
    with pytest.raises(UserError):
        add_fields(path, {"a": "b"})
