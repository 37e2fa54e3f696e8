# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys of the service seal others, and their successors open what they sealed."""

from __future__ import annotations

from pathlib import Path

import pytest

from debusine.errors import ConflictError
from debusine.signing.service_key import ServiceKeyError, ServiceKeys, make_service_key
from debusine.tasks.signing.key_store import SigningError


def test_a_new_key_seals_and_an_old_one_still_opens(tmp_path: Path) -> None:
    make_service_key(tmp_path / "0002.key")
    old = ServiceKeys.read(tmp_path).seal(b"secret")
    make_service_key(tmp_path / "0001.key")
    both = ServiceKeys.read(tmp_path)
    new = both.seal(b"secret")
    assert new["public_key"] != old["public_key"]
    assert [both.open(sealed) for sealed in (old, new)] == [b"secret", b"secret"]
    (tmp_path / "0002.key").unlink()
    alone = ServiceKeys.read(tmp_path)
    assert alone.open(new) == b"secret"
    with pytest.raises(SigningError, match="not here"):
        alone.open(old)


def test_the_same_secret_is_never_sealed_alike(tmp_path: Path) -> None:
    make_service_key(tmp_path / "0001.key")
    keys = ServiceKeys.read(tmp_path)
    assert keys.seal(b"secret")["encrypted"] != keys.seal(b"secret")["encrypted"]


@pytest.mark.parametrize("encrypted", ["", "AAAA", "not base64"])
def test_what_was_changed_is_not_opened(tmp_path: Path, encrypted: str) -> None:
    make_service_key(tmp_path / "0001.key")
    keys = ServiceKeys.read(tmp_path)
    with pytest.raises(SigningError, match="damaged"):
        keys.open({**keys.seal(b"secret"), "encrypted": encrypted})


def test_a_directory_without_a_usable_key_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ServiceKeyError, match="no service key") as caught:
        ServiceKeys.read(tmp_path)
    assert "debusine-signing service-key" in caught.value.explain()
    path = tmp_path / "0001.key"
    make_service_key(path)
    path.chmod(0o640)
    with pytest.raises(ServiceKeyError, match="by others"):
        ServiceKeys.read(tmp_path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(ServiceKeyError, match="32 bytes"):
        ServiceKeys.read(tmp_path)
    with pytest.raises(ConflictError, match="lost"):
        make_service_key(path)
