# SPDX-License-Identifier: GPL-3.0-or-later
"""``debian:apt-authentication``: what a private APT repository asks for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_serializer
from typing_extensions import override

from debusine.artifacts.assets.base import AssetData, AssetKind
from debusine.domain.category import AssetCategory

NAME = r"^[A-Za-z][A-Za-z0-9+._-]*$"


class BasicCredentials(AssetData):
    """
    User name and password.

    :param username: sent as it is
    :param password: stored as it is, and hidden in messages
    """

    username: str
    password: SecretStr

    @field_serializer("password", when_used="json")
    def _reveal(self, password: SecretStr) -> str:
        return password.get_secret_value()


class AptAuthenticationData(AssetData):
    """
    Credentials.

    :param auth_scheme: how they are sent
    :param name: no two of a workspace have the same
    :param credentials: user name and password
    """

    auth_scheme: Literal["basic"]
    name: Annotated[str, Field(pattern=NAME)]
    credentials: BasicCredentials


class AptAuthentication(AssetKind[AptAuthenticationData]):
    """Credentials of a workspace, or of the whole server."""

    category = AssetCategory("debian:apt-authentication")
    title = "APT credentials"

    @classmethod
    @override
    def slug(cls, data: AptAuthenticationData) -> str:
        return data.name
