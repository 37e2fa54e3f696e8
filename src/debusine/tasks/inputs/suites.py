# SPDX-License-Identifier: GPL-3.0-or-later
"""Input that is a suite, with the archive that it is part of."""

from __future__ import annotations

from typing import Any, TypeAlias

from typing_extensions import override

from debusine.tasks.inputs.artifacts import listed
from debusine.tasks.inputs.base import DataInput
from debusine.tasks.inputs.resolver import Resolver
from debusine.tasks.inputs.task_data import LOOKUP_SINGLE
from debusine.tasks.inputs.values import InputCollectionSingle

SuiteAndArchive: TypeAlias = tuple[InputCollectionSingle, InputCollectionSingle | None]

_PARTS = 2


class SuiteArchiveInput(DataInput[SuiteAndArchive]):
    """A suite, and the archive of the workspace that it is in, if there is one."""

    value_type = LOOKUP_SINGLE

    @override
    def resolve(self, resolver: Resolver) -> SuiteAndArchive:
        return resolver.resolve_suitearchiveinput(self)

    @override
    def serialize(self, value: SuiteAndArchive) -> Any:
        return [None if item is None else item.model_dump(mode="json") for item in value]

    @override
    def deserialize(self, raw: Any) -> SuiteAndArchive:
        parts = listed(raw)
        if len(parts) != _PARTS:
            message = f"expected a suite and an archive, got {len(parts)} values"
            raise ValueError(message)
        suite, archive = parts
        return (
            InputCollectionSingle.model_validate(suite),
            None if archive is None else InputCollectionSingle.model_validate(archive),
        )
