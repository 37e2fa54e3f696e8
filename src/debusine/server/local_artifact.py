# SPDX-License-Identifier: GPL-3.0-or-later
"""Make an artifact of files that lie on the server, as its own tasks do."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.relation import RelationType
from debusine.db.models import Artifact
from debusine.server.actions.create_artifact import create_artifact
from debusine.server.actions.create_relation import create_relation
from debusine.server.actions.finish_upload import find_upload, show_file
from debusine.server.actor import Actor
from debusine.server.stores import default_store
from debusine.wire.artifact import ArtifactCreate


def add_local_artifact(
    actor: Actor, local: LocalArtifact, *, relates_to: Iterable[int] = (), now: datetime
) -> Artifact:
    """
    Store files and the artifact that they make.

    Killed in between, it leaves an artifact without all its files, which is removed in time.

    :param actor: a running task; the artifact goes to its workspace
    :param relates_to: artifacts that it was made from; may name one twice
    :raises PermissionDeniedError: if the task may not create artifacts there
    """
    request = actor.require_attempt().work_request
    store = default_store()
    scope = request.workspace.scope
    wanted = ArtifactCreate.from_local(local, work_request=request.pk)
    artifact = create_artifact(actor, wanted, scope=scope, store=store, now=now)
    for path, file in local.files.items():
        target = find_upload(actor, scope=scope, artifact=artifact.pk, path=path, store=store)
        if not target.is_complete:
            store.add(file, target.content)
            show_file(target)
    for source in dict.fromkeys(relates_to):
        create_relation(
            actor, artifact=artifact.pk, target=source, relation_type=RelationType.RELATES_TO
        )
    return artifact
