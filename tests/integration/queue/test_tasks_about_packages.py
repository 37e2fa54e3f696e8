# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server finds out for tasks that follow relations between packages."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.lookup.conftest import add, make_artifact, make_collection, make_tarball

from debusine.artifacts.relation import RelationType
from debusine.db.models import Artifact, ArtifactRelation, User, WorkRequest, Workspace
from debusine.domain.work_request import WorkRequestStatus
from debusine.errors import UserError
from debusine.server.actions.claim_work_request import claim_work_request
from debusine.server.actions.create_work_request import create_work_request
from debusine.server.actor import Actor
from debusine.testing import factories
from debusine.testing.clock import FakeClock
from debusine.testing.inputs import SIGNED, SOURCE

pytestmark = pytest.mark.django_db
NOW = FakeClock().now()
MATCH = "debian/match:codename=trixie"


@pytest.fixture
def environment(workspace: Workspace) -> Artifact:
    tarball = make_tarball(workspace=workspace)
    add(make_collection(workspace=workspace), tarball, backend="unshare")
    return tarball


def package(workspace: Workspace, name: str) -> Artifact:
    fields = {"Package": name, "Version": "2", "Architecture": "amd64"}
    data = {"srcpkg_name": "hello", "srcpkg_version": "2", "deb_fields": fields}
    return make_artifact(
        "debian:binary-package", workspace=workspace, data={**data, "deb_control_files": []}
    )


def upload(workspace: Workspace, architecture: str) -> Artifact:
    suffix = "dsc" if architecture == "source" else "deb"
    fields = {
        "Source": "hello",
        "Version": "2",
        "Architecture": architecture,
        "Files": [{"name": f"hello_2.{suffix}"}],
    }
    data = {"type": "dpkg", "changes_fields": fields}
    return make_artifact("debian:upload", workspace=workspace, data=data)


def relate(artifact: Artifact, target: Artifact, kind: RelationType) -> None:
    ArtifactRelation.objects.create(artifact=artifact, target=target, type=kind)


def create(user: User, workspace: Workspace, name: str, data: dict[str, Any]) -> WorkRequest:
    created = create_work_request(
        Actor(user=user), workspace=workspace, task_name=name, data=data, now=NOW
    )
    return WorkRequest.objects.get(pk=created.pk)


def found_for(request: WorkRequest) -> dict[str, Any]:
    """Dynamic data that a worker gets, without the values of inputs."""
    worker = factories.make_worker(tags=tuple(request.scheduler_tags_required)).worker
    claim_work_request(Actor(worker=worker), now=NOW)
    request.refresh_from_db()
    assert request.status == WorkRequestStatus.RUNNING
    found = dict(request.dynamic_task_data or {})
    del found["task_input_fields"]
    return found


def test_a_source_upload(user: User, workspace: Workspace, environment: Artifact) -> None:
    data = {**SOURCE, "name": "hello", "version": "2"}
    source = make_artifact("debian:source-package", workspace=workspace, data=data)
    task_data = {"input": {"source_artifact": source.pk}, "environment": MATCH}
    request = create(user, workspace, "makesourcepackageupload", task_data)
    assert "task:source-package:hello" in request.scheduler_tags_provided
    assert found_for(request) == {
        "subject": "hello",
        "parameter_summary": "hello_2",
        "environment_id": environment.pk,
        "input_source_artifact_id": source.pk,
    }


def test_uploads_that_are_merged(user: User, workspace: Workspace) -> None:
    uploads = [upload(workspace, architecture).pk for architecture in ("source", "amd64", "all")]
    request = create(user, workspace, "mergeuploads", {"input": {"uploads": uploads}})
    assert not any("executor" in tag for tag in request.scheduler_tags_required)
    assert found_for(request) == {
        "subject": "hello",
        "parameter_summary": "hello (all, amd64)",
        "input_uploads_ids": uploads,
    }
    for wrong, message in (([uploads[0]] * 2, "given twice"), ([], "no uploads to merge")):
        with pytest.raises(UserError) as raised:
            create(user, workspace, "mergeuploads", {"input": {"uploads": wrong}})
        assert message in raised.value.explain()


def test_an_upload_stands_for_what_it_extends(
    user: User, workspace: Workspace, environment: Artifact
) -> None:
    template, binary = package(workspace, "hello-template"), package(workspace, "hello")
    uploaded = upload(workspace, "amd64")
    relate(uploaded, binary, RelationType.EXTENDS)
    data = {
        "input": {"template_artifact": template.pk, "binary_artifacts": [uploaded.pk]},
        "environment": MATCH,
    }
    assert found_for(create(user, workspace, "extractforsigning", data)) == {
        "subject": "hello-template",
        "parameter_summary": "hello-template_2 (amd64)",
        "environment_id": environment.pk,
        "input_template_artifact_id": template.pk,
        "input_binary_artifacts_ids": [binary.pk],
    }


def test_signatures_lead_to_what_was_signed(
    user: User, workspace: Workspace, environment: Artifact
) -> None:
    template, binary = package(workspace, "hello-template"), package(workspace, "hello")
    asked = make_artifact("debusine:signing-input", workspace=workspace, data={})
    signed = make_artifact("debusine:signing-output", workspace=workspace, data=SIGNED)
    for artifact, target in ((signed, asked), (asked, template), (asked, binary)):
        relate(artifact, target, RelationType.RELATES_TO)
    data = {"template": template.pk, "signed": [signed.pk], "environment": MATCH}
    assert found_for(create(user, workspace, "assemblesignedsource", data)) == {
        "subject": "hello-template",
        "parameter_summary": "hello-template_2 (amd64)",
        "environment_id": environment.pk,
        "template_id": template.pk,
        "signed_ids": [signed.pk],
        "unsigned_ids": sorted([template.pk, binary.pk, asked.pk]),
    }
