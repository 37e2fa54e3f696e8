# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs that are environments: images that tasks run in or work on."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from typing_extensions import override

from debusine.artifacts.kinds.system_image import SystemImage
from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.domain.category import ArtifactCategory, CollectionCategory
from debusine.tasks.inputs.artifacts import OptionalSingleInput, SingleInput
from debusine.tasks.inputs.fields import ENVIRONMENTS
from debusine.tasks.inputs.resolver import Resolver
from debusine.tasks.inputs.values import InputArtifactSingle

IMAGES = (SystemTarball.category, SystemImage.category)


class EnvironmentInput(SingleInput):
    """
    An environment; a ``match:`` lookup is completed by what the task says.

    The task's architecture and backend must be resolved before it.

    :param image_category: ``None`` is what the task's backend boots
    :param set_backend: look for one made for the task's backend
    :param try_variant: prefer the variant named like the task
    """

    def __init__(
        self,
        *,
        image_category: ArtifactCategory | None = None,
        set_backend: bool = True,
        try_variant: bool = True,
        categories: Collection[ArtifactCategory] | None = IMAGES,
        default_category: CollectionCategory = ENVIRONMENTS,
        **kwargs: Any,
    ) -> None:
        super().__init__(categories=categories, default_category=default_category, **kwargs)
        self.image_category = image_category
        self.set_backend = set_backend
        self.try_variant = try_variant

    @override
    def resolve(self, resolver: Resolver) -> InputArtifactSingle:
        return resolver.resolve_environmentinput(self)


class OptionalEnvironmentInput(OptionalSingleInput):
    """An environment or none; always for the task's backend, its own variant preferred."""

    image_category: ArtifactCategory | None = None
    set_backend = True
    try_variant = True

    def __init__(
        self,
        *,
        categories: Collection[ArtifactCategory] | None = IMAGES,
        default_category: CollectionCategory = ENVIRONMENTS,
        **kwargs: Any,
    ) -> None:
        super().__init__(categories=categories, default_category=default_category, **kwargs)

    @override
    def resolve(self, resolver: Resolver) -> InputArtifactSingle | None:
        return resolver.resolve_optionalenvironmentinput(self)
