# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from tests.integration.lookup.conftest import (
    add,
    make_artifact,
    make_tarball,
)

from debusine.artifacts.relation import RelationType
from debusine.db.models import ArtifactRelation, Collection, User, Workspace
from debusine.domain.category import ArtifactCategory
from debusine.domain.lookup import LookupMultiple
from debusine.server.resolver import DatabaseResolver
from debusine.tasks.inputs.fields import ENVIRONMENTS
from debusine.tasks.inputs.values import InputArtifactSingle
from debusine.tasks.kinds.noop import Noop
from debusine.testing import factories


@pytest.fixture
def resolver(user: User, workspace: Workspace) -> DatabaseResolver:
    request = factories.make_work_request(created_by=user, workspace=workspace)
    return DatabaseResolver(Noop({}), work_request=request)


def test_an_environment(resolver: DatabaseResolver, environments: Collection) -> None:
    tarball = make_tarball()
    add(environments, tarball, backend="unshare")
    lookup = "debian/match:codename=trixie"
    found = resolver.find_artifact(lookup, default_category=ENVIRONMENTS, label="environment")
    assert found == InputArtifactSingle.model_validate(
        {
            "artifact_id": tarball.pk,
            "category": tarball.category,
            "data": tarball.data,
            "label": "environment",
            "lookup": lookup,
        }
    )


def test_nothing_and_nonsense_are_told_apart(
    resolver: DatabaseResolver, environments: Collection
) -> None:
    with pytest.raises(KeyError):
        resolver.find_artifact("999@artifacts", label="x")
    for lookup in (f"{environments.pk}@collections", "a//b"):
        with pytest.raises(LookupError) as caught:
            resolver.find_artifact(lookup, label="x")
        assert not isinstance(caught.value, KeyError)


def test_only_what_the_author_sees(workspace: Workspace) -> None:
    request = factories.make_work_request(created_by=factories.make_user())
    hidden = DatabaseResolver(Noop({}), work_request=request)
    with pytest.raises(KeyError):
        hidden.find_artifact(make_artifact().pk, label="x")


def test_several(resolver: DatabaseResolver) -> None:
    ids = [make_artifact().pk, make_artifact().pk]
    lookup = LookupMultiple.parse([ids[1], f"{ids[0]}@artifacts", ids[1]])
    found = resolver.lookup_multiple_artifacts(lookup, label="x")
    assert (found.resolved_ids(), found.lookup) == ([ids[1], ids[0], ids[1]], lookup)


def test_related_artifacts(resolver: DatabaseResolver) -> None:
    start, other = make_artifact(), make_artifact()
    logs = [make_artifact("debusine:work-request-debug-logs") for _ in range(2)]
    far = factories.make_workspace("far")
    for source, target, kind in (
        (start, logs[1], "relates-to"),
        (start, logs[0], "relates-to"),
        (other, logs[0], "relates-to"),
        (start, other, "relates-to"),
        (other, make_artifact("debusine:work-request-debug-logs", workspace=far), "extends"),
    ):
        ArtifactRelation.objects.create(artifact=source, target=target, type=kind)
    category = ArtifactCategory("debusine:work-request-debug-logs")
    found = resolver.find_related_artifacts(
        [start.pk, other.pk], target_category=category, label="x"
    )
    assert found.resolved_ids() == [logs[0].pk, logs[1].pk]
    found = resolver.find_related_artifacts(
        [start.pk], target_category=category, relation_type=RelationType.EXTENDS, label="x"
    )
    assert found.resolved_ids() == []


def test_settings_of_the_server(resolver: DatabaseResolver, settings: Any) -> None:
    assert resolver.get_server_setting("DEBUSINE_FQDN") == settings.DEBUSINE.fqdn
    assert resolver.get_fallback_architecture() == "amd64"
    for name in ("DEBUSINE_NOTHING", "FQDN", "DEBUSINE_LEASE", "DEBUSINE_MODEL_CONFIG"):
        with pytest.raises(KeyError):
            resolver.get_server_setting(name)
