# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a key; its public half becomes an asset of the workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import override

from debusine.artifacts.assets.signing_key import SigningKey, SigningKeyData
from debusine.domain.key_purpose import KeyPurpose
from debusine.domain.result import WorkRequestResults
from debusine.tasks.guide import Guide
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData
from debusine.tasks.signing.base import SigningTask
from debusine.wire.asset import AssetCreate


class GenerateKeyData(BaseTaskData):
    """
    What is submitted for ``generatekey``.

    :param purpose: what the key shall sign
    :param storage: how the key is kept; ``nacl`` is encrypted, in the signing service's database
    :param description: for people; part of the key
    :param scope: whose key it is, for stores that record it
    :param workspace: whose key it is, for stores that record it
    """

    purpose: KeyPurpose
    storage: Literal["nacl"] = "nacl"
    description: Annotated[str, Field(min_length=1)]
    scope: str | None = None
    workspace: str | None = None


class GenerateKey(SigningTask[GenerateKeyData, BaseDynamicTaskData]):
    """Makes one key."""

    TASK_VERSION = 1
    GUIDE = Guide(
        example="""
            purpose: openpgp-repository
            description: Archive signing key for main
        """,
        results={
            WorkRequestResults.SUCCESS: "the key is an asset",
            WorkRequestResults.FAILURE: "no key could be made, or the server did not take it",
        },
    )

    key: SigningKeyData | None = None

    @override
    def get_subject(self) -> str | None:
        return None

    @override
    def compute_dynamic_data(self) -> BaseDynamicTaskData:
        return BaseDynamicTaskData(parameter_summary=f"{self.data.purpose.value} key")

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        self.key = self.keys.generate(
            self.data.purpose, self.data.description, occasion=self.occasion
        )
        return WorkRequestResults.SUCCESS

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        assert self.debusine is not None, "no access to the server"
        assert self.workspace_name is not None, "no workspace"
        if self.key is not None:
            self.debusine.asset_create(
                AssetCreate(
                    category=SigningKey.category,
                    data=self.key.model_dump(mode="json"),
                    workspace=self.workspace_name,
                    work_request=self.work_request_id,
                )
            )
