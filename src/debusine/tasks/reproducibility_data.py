# SPDX-License-Identifier: GPL-3.0-or-later
"""What users submit for ``reproducibility``, and what the server finds out."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator
from typing_extensions import override

from debusine.domain.lookup import LookupSingle
from debusine.domain.reproducibility import Variation
from debusine.domain.result import WorkRequestResults
from debusine.tasks.guide import Guide
from debusine.tasks.models import BaseTaskDataModel
from debusine.tasks.sbuild_data import BuildComponent, SbuildData, SbuildDynamicData, SbuildInput

MAX_REPORT_BYTES = 100 * 1024**2

REPRODUCIBILITY_GUIDE = Guide(
    example="""
        input:
          source_artifact: 3
          first_build: 7
        environment: debian/match:codename=trixie
        build_architecture: amd64
        build_components: [any, all]
    """,
    results={
        WorkRequestResults.SUCCESS: "all packages of the second build are the same, by SHA-256, as"
        " those of the first",
        WorkRequestResults.FAILURE: "some differ, are missing or are new, or the second build"
        " failed; the first message says which, and what most likely makes them differ",
        WorkRequestResults.ERROR: "sbuild claims success without a log, or the task could not"
        " be started",
    },
    limits="Compared are `.deb`, `.udeb` and `.ddeb` files, no source packages. `build_components`,"
    " `build_profiles` and `binnmu` have to be those of the first build; a binNMU reproduces only"
    " with a `timestamp`. The host name is varied with the backend `unshare` alone, the number of"
    " processors not on a machine that has one, the clock only if the environment has `faketime`:"
    " the artifact says what was varied.",
)


class ReproducibilityInput(SbuildInput):
    """
    What to build again, and with what beside the packages of the environment.

    :param first_build: ``debian:upload`` of the first build
    """

    first_build: LookupSingle


class DiffoscopeLimits(BaseTaskDataModel):
    """
    What diffoscope may take; it runs only if something differs.

    :param timeout: seconds for all files together
    :param max_report_size: bytes of a report; larger ones are dropped
    """

    timeout: Annotated[int, Field(ge=1, le=24 * 3600)] = 600
    max_report_size: Annotated[int, Field(ge=1024, le=MAX_REPORT_BYTES)] = 10 * 1024**2


class ReproducibilityData(SbuildData):
    """
    A second build.

    :param build_components: what to build: that which the first build made
    :param variations: what to do in another way than other builds
    """

    input: ReproducibilityInput
    variations: list[Variation] = Field(default_factory=lambda: list(Variation))
    diffoscope: DiffoscopeLimits = Field(default_factory=DiffoscopeLimits)

    @model_validator(mode="after")
    def check_components(self) -> Self:
        """
        Source packages are not compared.

        :raises ValueError: if nothing else is to be built
        """
        if set(self.build_components) == {BuildComponent.SOURCE}:
            message = "build_components: nothing to compare in a build of the source package alone"
            raise ValueError(message)
        return self


class ReproducibilityDynamicData(SbuildDynamicData):
    """
    What the server found out.

    :param input_first_build_id: the upload to compare with
    """

    input_first_build_id: int

    @override
    def get_input_artifacts_ids(self) -> list[int]:
        return [*super().get_input_artifacts_ids(), self.input_first_build_id]
