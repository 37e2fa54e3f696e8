# SPDX-License-Identifier: GPL-3.0-or-later
"""What signing tasks share: the key store, leave from the server, tools as capabilities."""

from __future__ import annotations

from typing import Generic

from typing_extensions import TypeVar

from debusine.artifacts.assets.signing_key import SigningKey
from debusine.domain.key_purpose import KeyPurpose
from debusine.domain.work_request import TaskTypes
from debusine.errors import PermissionDeniedError
from debusine.tasks.capabilities import ProgramsMixin
from debusine.tasks.models import BaseDynamicTaskData, BaseTaskData
from debusine.tasks.signing.key_store import KeyStore, NoSuchKeyError, Occasion
from debusine.wire.asset import AssetPermission, AssetPermissionQuery

TD = TypeVar("TD", bound=BaseTaskData)
DTD = TypeVar("DTD", bound=BaseDynamicTaskData, default=BaseDynamicTaskData)


class SigningTask(ProgramsMixin[TD, DTD], Generic[TD, DTD]):
    """
    Base of tasks that run where keys are.

    The server makes objects of them too, to check their data; only a worker that holds
    keys gives them a key store.
    """

    TASK_TYPE = TaskTypes.SIGNING

    key_store: KeyStore | None = None

    def configure_key_store(self, key_store: KeyStore) -> None:
        """Give the task the keys to sign with."""
        self.key_store = key_store

    # what the run asks

    @property
    def keys(self) -> KeyStore:
        """The key store, on a worker that holds keys."""
        assert self.key_store is not None, "no key store"
        return self.key_store

    @property
    def occasion(self) -> Occasion:
        """Why keys are used, as long as nobody in particular is known to have asked."""
        assert self.work_request_id is not None, "no work request"
        return Occasion(work_request_id=self.work_request_id)

    def ask_leave(
        self,
        purpose: KeyPurpose,
        fingerprint: str,
        *,
        artifact_id: int,
        permission: AssetPermission = AssetPermission.SIGN_WITH,
    ) -> Occasion:
        """
        Ask the server whether the task may sign an artifact with a key.

        :returns: for whom it may, and what is signed
        :raises PermissionDeniedError: if it may not
        :raises NoSuchKeyError: if the key store does not hold the key
        """
        assert self.debusine is not None, "no access to the server"
        assert self.work_request_id is not None, "no work request"
        assert self.workspace_name is not None, "no workspace"
        slug = f"{purpose.value}:{fingerprint}"
        answer = self.debusine.asset_permission(
            SigningKey.category,
            slug,
            permission,
            AssetPermissionQuery(
                artifact_id=artifact_id,
                work_request_id=self.work_request_id,
                workspace=self.workspace_name,
            ),
        )
        if not answer.has_permission:
            who = answer.username or "who asked for it"
            raise PermissionDeniedError(
                f"{who} may not sign artifact {artifact_id} with {slug} in {self.workspace_name}",
                resolution="Let an owner of the workspace grant the role of a signer for the key.",
            )
        if not self.keys.has_key(purpose, fingerprint):
            raise NoSuchKeyError(f"this signing service has no key {slug}")
        return Occasion(
            work_request_id=self.work_request_id,
            username=answer.username,
            user_id=answer.user_id,
            resource=answer.resource or {},
        )
