# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine:cloud-provider-account``: where workers and storage can be rented."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, RootModel, SecretStr, field_serializer
from typing_extensions import override

from debusine.artifacts.assets.base import AssetData, AssetKind
from debusine.domain.category import AssetCategory


class AwsConfiguration(AssetData):
    """
    Where to reach Amazon; unset is the provider's own choice.

    :param region_name: e.g. ``eu-west-1``
    :param ec2_endpoint_url: where machines are rented
    :param s3_endpoint_url: where storage is rented
    """

    region_name: str | None = None
    ec2_endpoint_url: str | None = None
    s3_endpoint_url: str | None = None


class AwsCredentials(AssetData):
    """
    A key of Amazon.

    :param access_key_id: name of the key
    :param secret_access_key: hidden in messages
    """

    access_key_id: str
    secret_access_key: SecretStr

    @field_serializer("secret_access_key", when_used="json")
    def _reveal(self, key: SecretStr) -> str:
        return key.get_secret_value()


class AwsAccount(AssetData):
    """
    An account at Amazon.

    :param provider_type: which provider
    :param name: no two accounts have the same
    :param configuration: where to reach it
    :param credentials: a key
    """

    provider_type: Literal["aws"]
    name: str
    configuration: AwsConfiguration
    credentials: AwsCredentials


class HetznerConfiguration(AssetData):
    """
    Where to rent at Hetzner.

    :param region_name: e.g. ``nbg1``
    """

    region_name: str


class HetznerCredentials(AssetData):
    """
    A token of Hetzner.

    :param api_token: hidden in messages
    """

    api_token: SecretStr

    @field_serializer("api_token", when_used="json")
    def _reveal(self, token: SecretStr) -> str:
        return token.get_secret_value()


class HetznerAccount(AssetData):
    """
    An account at Hetzner.

    :param provider_type: which provider
    :param name: no two accounts have the same
    :param configuration: where to rent
    :param credentials: a token
    """

    provider_type: Literal["hetzner"]
    name: str
    configuration: HetznerConfiguration
    credentials: HetznerCredentials


class DummyAccount(AssetData):
    """
    An account nowhere, for tests.

    :param provider_type: which provider
    :param name: no two accounts have the same
    :param configuration: anything
    :param credentials: anything
    """

    provider_type: Literal["dummy"]
    name: str
    configuration: dict[str, Any] = Field(default_factory=dict)
    credentials: dict[str, Any] = Field(default_factory=dict)


class CloudProviderAccountData(
    RootModel[
        Annotated[AwsAccount | HetznerAccount | DummyAccount, Field(discriminator="provider_type")]
    ]
):
    """An account, by type of provider."""


class CloudProviderAccount(AssetKind[CloudProviderAccountData]):
    """An account of the whole server; administrators alone see it."""

    category = AssetCategory("debusine:cloud-provider-account")
    title = "Cloud provider account"
    is_secret = True

    @classmethod
    @override
    def slug(cls, data: CloudProviderAccountData) -> str:
        return data.root.name
