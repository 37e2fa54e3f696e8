# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of the server as records."""

from __future__ import annotations

from typing import TypeVar

import requests
from pydantic import BaseModel, TypeAdapter, ValidationError

from debusine.errors import UpstreamError

Model = TypeVar("Model", bound=BaseModel)


def parse(model: type[Model], response: requests.Response) -> Model:
    """
    Read a record.

    :raises UpstreamError: if it is something else
    """
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        raise _nonsense(response, error) from error


def parse_list(adapter: TypeAdapter[list[Model]], response: requests.Response) -> list[Model]:
    """
    Read records.

    :raises UpstreamError: if it is something else
    """
    try:
        return adapter.validate_json(response.content)
    except ValidationError as error:
        raise _nonsense(response, error) from error


def _nonsense(response: requests.Response, error: ValidationError) -> UpstreamError:
    return UpstreamError(
        f"cannot understand the answer of {response.url}",
        details=str(error),
        resolution="Check that the address is that of a debusine server, and that versions fit.",
    )
