# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs of tasks, looked up in the database as the author of the work request sees it."""

from __future__ import annotations

from collections.abc import Sequence

from django.conf import settings
from django.db.models import QuerySet
from typing_extensions import override

from debusine.artifacts.relation import RelationType
from debusine.db.models import Artifact, Collection, CollectionItem, WorkRequest, Workspace
from debusine.domain.category import ArtifactCategory, CollectionCategory
from debusine.domain.lookup import BadLookupError, LookupChildType, LookupMultiple, LookupSingle
from debusine.server.access import visible_workspaces
from debusine.server.actor import Actor
from debusine.server.lookup import Searcher
from debusine.tasks.inputs.fields import ARCHIVE, ResolvingTask
from debusine.tasks.inputs.resolver import Resolver
from debusine.tasks.inputs.values import (
    BaseTaskInputArtifact,
    InputArtifactMultiple,
    InputArtifactSingle,
    InputCollectionSingle,
)

SINGLETON = "_"
SIGNING_KEY = "signing_key"
RELEASE_INDEX = "index:InRelease"
_PREFIX = "DEBUSINE_"


class DatabaseResolver(Resolver):
    """
    Looks up what the inputs of one task need.

    :param task: whose data names what to look up
    :param work_request: with workspace, scope and author loaded; need not be stored
    """

    def __init__(self, task: ResolvingTask, *, work_request: WorkRequest) -> None:
        super().__init__(task)
        self._work_request = work_request
        self._actor = Actor(user=work_request.created_by)

    @override
    def find_artifact(
        self,
        lookup: LookupSingle,
        *,
        default_category: CollectionCategory | None = None,
        label: str,
    ) -> InputArtifactSingle:
        found = self._searcher(default_category).single(lookup, LookupChildType.ARTIFACT)
        artifact = _artifact(found.artifact)
        return InputArtifactSingle.model_validate(
            {**_fields(artifact), "label": label, "lookup": lookup}
        )

    @override
    def lookup_multiple_artifacts(
        self,
        lookup: LookupMultiple,
        *,
        default_category: CollectionCategory | None = None,
        label: str,
    ) -> InputArtifactMultiple:
        found = self._searcher(default_category).multiple(lookup, LookupChildType.ARTIFACT)
        return InputArtifactMultiple(
            label=label,
            lookup=lookup,
            artifacts=[_value(_artifact(one.artifact)) for one in found],
        )

    @override
    def find_related_artifacts(
        self,
        ids: Sequence[int],
        *,
        target_category: ArtifactCategory,
        relation_type: RelationType = RelationType.RELATES_TO,
        label: str,
    ) -> InputArtifactMultiple:
        targets = (
            Artifact.objects.filter(
                targeted_by__artifact__in=list(ids),
                targeted_by__type=relation_type.value,
                category=target_category,
                workspace__in=self._visible(),
            )
            .order_by("id")
            .distinct()
        )
        artifacts = [_value(artifact) for artifact in targets]
        return InputArtifactMultiple(
            label=label,
            lookup=LookupMultiple(tuple(one.artifact_id or 0 for one in artifacts)),
            artifacts=artifacts,
        )

    @override
    def find_collection(
        self,
        lookup: LookupSingle,
        *,
        default_category: CollectionCategory | None = None,
        label: str,
    ) -> InputCollectionSingle:
        found = self._searcher(default_category).single(lookup, LookupChildType.COLLECTION)
        if found.collection is None:
            raise BadLookupError("the lookup does not find a collection")
        return _collection_value(found.collection, label, lookup)

    @override
    def find_archive(
        self, suite: InputCollectionSingle, *, label: str
    ) -> InputCollectionSingle | None:
        archive = _archive_of(suite.collection_id)
        if archive is None:
            return None
        return _collection_value(archive, label, f"{archive.pk}@collections")

    @override
    def get_workspace(self) -> tuple[str, str]:
        workspace = self._work_request.workspace
        return workspace.scope.name, workspace.name

    @override
    def is_published(self, suite_id: int) -> bool:
        return CollectionItem.objects.filter(
            collection=suite_id, name=RELEASE_INDEX, removed_at=None
        ).exists()

    @override
    def export_suite_signing_keys(self, suite_id: int) -> str | None:
        suite = Collection.objects.get(pk=suite_id)
        key: str | None = suite.data.get(SIGNING_KEY)
        if key is not None:
            return key
        archive = _archive_of(suite_id)
        return None if archive is None else archive.data.get(SIGNING_KEY)

    @override
    def get_server_setting(self, name: str) -> str:
        value = getattr(settings.DEBUSINE, name.removeprefix(_PREFIX).lower(), None)
        if not name.startswith(_PREFIX) or not isinstance(value, str):
            raise KeyError(name)
        return value

    def _searcher(self, default_category: CollectionCategory | None) -> Searcher:
        request = self._work_request
        return Searcher(
            actor=self._actor,
            workspace=request.workspace,
            default_category=default_category,
            workflow_root=request.workflow_root_id,
        )

    def _visible(self) -> QuerySet[Workspace]:
        return Workspace.objects.filter(visible_workspaces(self._actor))


def _artifact(found: Artifact | None) -> Artifact:
    """
    What a lookup of an artifact found.

    :raises BadLookupError: if it is something else
    """
    if found is None:
        raise BadLookupError("the lookup does not find an artifact")
    return found


def _fields(artifact: Artifact) -> dict[str, object]:
    return {"artifact_id": artifact.pk, "category": artifact.category, "data": artifact.data}


def _value(artifact: Artifact) -> BaseTaskInputArtifact:
    return BaseTaskInputArtifact.model_validate(_fields(artifact))


def _archive_of(suite_id: int) -> Collection | None:
    """Archive of the workspace that a suite is in."""
    return (
        Collection.objects.select_related("workspace__scope")
        .filter(workspace__collections=suite_id, category=ARCHIVE, name=SINGLETON)
        .first()
    )


def _collection_value(
    collection: Collection, label: str, lookup: LookupSingle
) -> InputCollectionSingle:
    return InputCollectionSingle.model_validate(
        {
            "label": label,
            "lookup": lookup,
            "collection_id": collection.pk,
            "scope_name": collection.workspace.scope.name,
            "workspace_name": collection.workspace.name,
            "category": collection.category,
            "name": collection.name,
            "data": collection.data,
        }
    )
