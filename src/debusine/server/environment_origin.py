# SPDX-License-Identifier: GPL-3.0-or-later
"""What an environment is made of, so that nobody is given one of another origin."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from debusine.domain.executor import BackendType
from debusine.wire.base import JsonObject
from debusine.wire.environment import EnvironmentWanted

_LENGTH = 16
_UNSIGNED = "no-check"


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """
    Where an environment comes from.

    :param fingerprint: the same for whoever wants the very same, 16 hexadecimal digits
    :param is_default: whether lookups that name no origin may find it
    """

    fingerprint: str
    is_default: bool


def origin_of(wanted: EnvironmentWanted, task_data: JsonObject, backend: BackendType) -> Origin:
    """
    Say where an environment comes from.

    Whoever overrides something gets an environment of his own, even if others have one with the
    same content: theirs may be the default, and is not to be replaced by one that is not.

    :param task_data: of the request that makes it
    """
    unsigned = any(
        repository.get("check_signature_with") == _UNSIGNED
        for repository in wanted.bootstrap_repositories
    )
    is_default = not (wanted.overrides or wanted.extra_packages or unsigned)
    text = json.dumps([task_data, backend.value, is_default], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Origin(fingerprint=digest[:_LENGTH], is_default=is_default)
