# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs that are artifacts to which relations lead from those looked up."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from typing_extensions import override

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.signing_input import SigningInput
from debusine.artifacts.kinds.signing_output import SigningOutput
from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.relation import RelationType
from debusine.domain.category import ArtifactCategory
from debusine.tasks.inputs.artifacts import MultiInput, ids_of
from debusine.tasks.inputs.resolver import Resolver
from debusine.tasks.inputs.values import InputArtifactMultiple


class UploadArtifactsInput(MultiInput):
    """
    Several artifacts, where an upload stands for the binary packages it extends.

    :param categories: uploads are taken in any case
    """

    def __init__(
        self, *, categories: Collection[ArtifactCategory] | None = None, **kwargs: Any
    ) -> None:
        taken = None if categories is None else [*categories, Upload.category]
        super().__init__(categories=taken, **kwargs)

    @override
    def resolve(self, resolver: Resolver) -> InputArtifactMultiple:
        found = super().resolve(resolver)
        uploads = [item for item in found.artifacts if item.category == Upload.category]
        if not uploads:
            return found
        packages = resolver.find_related_artifacts(
            ids_of(uploads),
            target_category=BinaryPackage.category,
            relation_type=RelationType.EXTENDS,
            label=self.field,
        )
        others = [item for item in found.artifacts if item.category != Upload.category]
        return found.model_copy(update={"artifacts": [*others, *packages.artifacts]})


class UnsignedMultiInput(MultiInput):
    """
    What was signed: several signing outputs stand for what their signatures were made of.

    These are the signing inputs that the outputs relate to, and the binary packages that
    those relate to, sorted by id.

    :param categories: of what the lookup finds
    """

    def __init__(
        self,
        *,
        categories: Collection[ArtifactCategory] | None = (SigningOutput.category,),
        **kwargs: Any,
    ) -> None:
        super().__init__(categories=categories, **kwargs)

    @override
    def resolve(self, resolver: Resolver) -> InputArtifactMultiple:
        found = super().resolve(resolver)
        started = found.resolved_ids()
        inputs = resolver.find_related_artifacts(
            started, target_category=SigningInput.category, label=self.field
        )
        packages = resolver.find_related_artifacts(
            inputs.resolved_ids(), target_category=BinaryPackage.category, label=self.field
        )
        both = sorted(
            (*inputs.artifacts, *packages.artifacts), key=lambda one: one.artifact_id or 0
        )
        unsigned = [one for one in both if one.artifact_id not in started]
        return found.model_copy(update={"artifacts": unsigned})
