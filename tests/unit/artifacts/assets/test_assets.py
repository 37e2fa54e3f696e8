# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from debusine.artifacts.assets.base import all_asset_kinds, asset_kind_for, parse_asset_data
from debusine.artifacts.assets.signing_key import SigningKeyData
from debusine.domain.key_purpose import KeyPurpose
from debusine.errors import UserError

KEY = {"purpose": "openpgp", "fingerprint": "AB12", "public_key": "aGVsbG8=", "description": None}
APT = {
    "auth_scheme": "basic",
    "name": "vendor",
    "credentials": {"username": "reader", "password": "hunter2"},
}
AWS: dict[str, Any] = {
    "provider_type": "aws",
    "name": "cloud",
    "configuration": {
        "region_name": "eu-1",
        "ec2_endpoint_url": "https://ec2.example.org",
        "s3_endpoint_url": None,
    },
    "credentials": {"access_key_id": "id", "secret_access_key": "hunter2"},
}
HETZNER: dict[str, Any] = {
    "provider_type": "hetzner",
    "name": "cloud",
    "configuration": {"region_name": "nbg1"},
    "credentials": {"api_token": "hunter2"},
}
DUMMY: dict[str, Any] = {
    "provider_type": "dummy",
    "name": "none",
    "configuration": {},
    "credentials": {},
}
SIGNING_KEY = "debusine:signing-key"
APT_AUTHENTICATION = "debian:apt-authentication"
ACCOUNT = "debusine:cloud-provider-account"


def test_kinds_are_those_of_the_folder() -> None:
    kinds = all_asset_kinds()
    assert set(kinds) == {SIGNING_KEY, APT_AUTHENTICATION, ACCOUNT}
    assert [name for name, kind in kinds.items() if kind.is_secret] == [ACCOUNT]
    assert [name for name, kind in kinds.items() if kind.needs_workspace] == [SIGNING_KEY]
    for category, kind in kinds.items():
        assert kind.category == category
        assert kind.title


def test_unknown_category_is_named() -> None:
    with pytest.raises(UserError, match="unknown asset category: debian:upload"):
        asset_kind_for("debian:upload")


@pytest.mark.parametrize(
    ("category", "data", "slug"),
    [
        (SIGNING_KEY, KEY, "openpgp:AB12"),
        (SIGNING_KEY, KEY | {"purpose": "openpgp-repository", "description": "a"},
         "openpgp-repository:AB12"),
        (APT_AUTHENTICATION, APT, "vendor"),
        (ACCOUNT, AWS, "cloud"),
        (ACCOUNT, HETZNER, "cloud"),
        (ACCOUNT, DUMMY, "none"),
    ],
)  # fmt: skip
def test_data_is_stored_as_given_and_gives_a_slug(
    category: str, data: dict[str, Any], slug: str
) -> None:
    parsed = parse_asset_data(category, data)
    assert parsed.model_dump(mode="json", exclude_unset=True) == data
    assert asset_kind_for(category).slug(parsed) == slug


@pytest.mark.parametrize(("category", "data"), [(APT_AUTHENTICATION, APT), (ACCOUNT, AWS),
                                                (ACCOUNT, HETZNER)])  # fmt: skip
def test_secrets_are_not_printed(category: str, data: dict[str, Any]) -> None:
    assert "hunter2" not in repr(parse_asset_data(category, data))


@pytest.mark.parametrize(
    ("category", "data", "path"),
    [
        *[
            (SIGNING_KEY, {key: value for key, value in KEY.items() if key != name}, f"data.{name}")
            for name in KEY
        ],
        (SIGNING_KEY, KEY | {"purpose": "ssh"}, "data.purpose"),
        (SIGNING_KEY, KEY | {"fingerprint": "not hex"}, "data.fingerprint"),
        (SIGNING_KEY, KEY | {"fingerprint": "0" * 65}, "data.fingerprint"),
        (SIGNING_KEY, KEY | {"public_key": "%"}, "data.public_key"),
        (SIGNING_KEY, KEY | {"colour": "red"}, "data.colour"),
        (APT_AUTHENTICATION, APT | {"auth_scheme": "digest"}, "data.auth_scheme"),
        (APT_AUTHENTICATION, APT | {"name": "1st"}, "data.name"),
        (APT_AUTHENTICATION, APT | {"credentials": {"username": "a"}},
         "data.credentials.password"),
        (ACCOUNT, AWS | {"provider_type": "gcp"}, "data"),
        (ACCOUNT, AWS | {"credentials": {"api_token": "x", "access_key_id": "y",
         "secret_access_key": "z"}}, "data.aws.credentials.api_token"),
        (ACCOUNT, HETZNER | {"configuration": {}}, "data.hetzner.configuration.region_name"),
    ],
)  # fmt: skip
def test_errors_name_the_field(category: str, data: dict[str, Any], path: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_asset_data(category, data)
    assert list(caught.value.validation_errors or {}) == [path]


def test_a_key_is_made_of_bytes() -> None:
    data = SigningKeyData.of(
        purpose=KeyPurpose.UEFI, fingerprint="ab", public_key=b"cert", description="boot"
    )
    assert (data.public_key, data.public_key_bytes) == ("Y2VydA==", b"cert")
