# SPDX-License-Identifier: GPL-3.0-or-later
"""The library to talk to a server: one method per use."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from pydantic import TypeAdapter

from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.relation import RelationType
from debusine.client.answer import Model, parse, parse_list
from debusine.client.download import download_files
from debusine.client.event import EventReader
from debusine.client.hold import Holds
from debusine.client.http import Transport
from debusine.client.identity import DEFAULT_TIMEOUT, Timeout
from debusine.client.share import Shares
from debusine.client.upload import FileUpload, Progress
from debusine.client.websocket import LogChunk, LogFollower
from debusine.client.worker import Workers
from debusine.domain.work_request import TaskTypes, WorkRequestStatus
from debusine.errors import NotFoundError, UpstreamError
from debusine.wire.artifact import (
    ArtifactCreate,
    ArtifactResponse,
    RelationCreate,
    RelationResponse,
)
from debusine.wire.asset import (
    AssetCreate,
    AssetPermission,
    AssetPermissionAnswer,
    AssetPermissionQuery,
    AssetResponse,
)
from debusine.wire.attempt import AttemptRecord
from debusine.wire.environment import EnvironmentAnswer, EnvironmentWanted
from debusine.wire.info import ServiceStatus
from debusine.wire.lookup import LookupRequest, LookupResult
from debusine.wire.page import CursorPage
from debusine.wire.tags import WorkRequestTags
from debusine.wire.whoami import Whoami
from debusine.wire.work_request import (
    ReusedWorkRequest,
    Waiting,
    WorkRequest,
    WorkRequestCreate,
    WorkRequestOutcome,
)

_RELATIONS = TypeAdapter(list[RelationResponse])
_ATTEMPTS = TypeAdapter(list[AttemptRecord])
_LOOKUP_RESULTS = TypeAdapter(list[LookupResult])


class Debusine:
    """
    A server, as seen by one who holds a token.

    Every method raises the :class:`~debusine.errors.DebusineError` that the server
    answers with, and :class:`~debusine.errors.UpstreamError` when the server cannot
    be reached or talks nonsense. An object is for one thread.

    :param base_api_url: such as ``https://debusine.example.org/api``
    :param token: key to show, or None to ask anonymously
    :param scope: scope to work in; the server's default if None
    :param http_timeout: seconds to wait for a connection, and for the next bytes
    :param patience_s: how long to go on asking a server that cannot be reached, in
        seconds
    """

    def __init__(
        self,
        base_api_url: str,
        token: str | None = None,
        *,
        scope: str | None = None,
        http_timeout: Timeout = DEFAULT_TIMEOUT,
        patience_s: float = 10,
    ) -> None:
        self._use(
            Transport(
                base_api_url=base_api_url,
                token=token,
                scope=scope,
                timeout=http_timeout,
                patience_s=patience_s,
            )
        )

    @classmethod
    def over(cls, transport: Transport) -> Self:
        """Make one that sends its requests in a way of the caller's choice."""
        made = cls.__new__(cls)
        made._use(transport)  # noqa: SLF001  its own, in place of __init__
        return made

    def _use(self, transport: Transport) -> None:
        self._transport = self.transport = transport
        self.base_api_url = transport.base_url
        self.token = transport.token
        self.scope = transport.scope

    def whoami(self) -> Whoami:
        """Who the token makes the caller."""
        return parse(Whoami, self._transport.call("GET", "whoami/"))

    def service_status(self) -> ServiceStatus:
        """How busy the server is, and which workers it has."""
        return parse(ServiceStatus, self._transport.call("GET", "service-status/"))

    # artifacts

    def artifact_get(self, artifact_id: int, *, workspace: str | None = None) -> ArtifactResponse:
        """
        Show an artifact.

        :param workspace: where to start looking; workers, which inherit, give it
        """
        prefix = "artifact/" if workspace is None else f"artifact/{quote(workspace)}/"
        return parse(ArtifactResponse, self._transport.call("GET", f"{prefix}{artifact_id}/"))

    def artifact_create(self, wanted: ArtifactCreate) -> ArtifactResponse:
        """Declare an artifact; its ``files_to_upload`` are still to be sent."""
        body = wanted.model_dump(mode="json", exclude_none=True)
        answer = self._transport.call(
            "POST", "artifact/", json=body, expect=(201,), repeatable=True
        )
        return parse(ArtifactResponse, answer)

    def upload_artifact(
        self,
        artifact: LocalArtifact,
        *,
        workspace: str | None,
        work_request: int | None = None,
        progress: Progress | None = None,
    ) -> ArtifactResponse:
        """
        Create an artifact and upload the files the server lacks.

        :param work_request: the running request that produced it, for its own token
        :param progress: called with the number of bytes that newly arrived
        :returns: the artifact, complete
        :raises UpstreamError: if the server lacks a file that is not on this machine
        :raises UpstreamError: if the server asks for a file that the artifact does not have
        """
        created = self.artifact_create(
            ArtifactCreate.from_local(artifact, workspace=workspace, work_request=work_request)
        )
        for path in created.files_to_upload:
            local = artifact.files.get(path)
            if local is None:
                raise UpstreamError(f"the server lacks {path}, which is not on this machine")
            self.upload_file(created.id, path, local, progress=progress)
        return created.model_copy(update={"files_to_upload": []})

    def upload_file(
        self, artifact_id: int, path: str, local: Path, *, progress: Progress | None = None
    ) -> None:
        """Upload one file of an artifact that was declared."""
        FileUpload(
            transport=self._transport,
            artifact_id=artifact_id,
            path=path,
            local=local,
            progress=progress,
        ).run()

    def download_artifact(
        self,
        artifact_id: int,
        destination: Path,
        *,
        workspace: str | None = None,
        progress: Progress | None = None,
        only: Collection[str] | None = None,
    ) -> ArtifactResponse:
        """
        Download files of an artifact below a directory, sizes and hashes verified.

        :param destination: made if it is missing; nothing is written outside of it
        :param only: paths of the files that are wanted; None: all
        """
        artifact = self.artifact_get(artifact_id, workspace=workspace)
        download_files(self._transport, artifact, destination, progress=progress, only=only)
        return artifact

    def relation_create(
        self, artifact: int, target: int, relation: RelationType
    ) -> RelationResponse:
        """Relate two artifacts; no harm if they already are."""
        body = RelationCreate(artifact=artifact, target=target, type=relation)
        answer = self._transport.call(
            "POST",
            "artifact-relation/",
            json=body.model_dump(mode="json"),
            expect=(200, 201),
            repeatable=True,
        )
        return parse(RelationResponse, answer)

    def relations(
        self, artifact: int | None = None, *, target: int | None = None
    ) -> list[RelationResponse]:
        """
        List relations that go out from an artifact, or lead to one.

        :param artifact: where they start
        :param target: where they end; give one of the two
        """
        params = {"artifact": artifact} if target is None else {"target_artifact": target}
        answer = self._transport.call("GET", "artifact-relation/", params=params)
        return parse_list(_RELATIONS, answer)

    # work requests

    def work_request_create(self, wanted: WorkRequestCreate) -> ReusedWorkRequest:
        """Ask for work; the answer says whose result it is if the server had one."""
        body = wanted.model_dump(mode="json", exclude_unset=True)
        answer = self._transport.call("POST", "work-request/", json=body)
        return parse(ReusedWorkRequest, answer)

    def work_request_get(self, work_request_id: int) -> ReusedWorkRequest:
        """Show a work request, and whose result it has if that is not its own."""
        answer = self._transport.call("GET", f"work-request/{work_request_id}/")
        return parse(ReusedWorkRequest, answer)

    def work_request_waiting(self, work_request_id: int) -> Waiting:
        """Say why a work request waits, or that it does not; servers of others do not tell."""
        return self._addition(Waiting, f"work-request/{work_request_id}/waiting/")

    def work_request_outcome(self, work_request_id: int) -> WorkRequestOutcome:
        """Why a work request was not successful; empty if it was, or if nobody tells."""
        return self._addition(WorkRequestOutcome, f"work-request/{work_request_id}/outcome/")

    def work_request_tags(self, work_request_id: int) -> WorkRequestTags:
        """Which tags a work request and its worker have; empty if nobody tells."""
        return self._addition(WorkRequestTags, f"work-request/{work_request_id}/tags/")

    def _addition(self, model: type[Model], path: str) -> Model:
        """Ask for what servers of others do not know; nothing is known then."""
        try:
            answer = self._transport.call("GET", path)
        except NotFoundError:
            return model()
        return parse(model, answer)

    def work_request_attempts(self, work_request_id: int) -> list[AttemptRecord]:
        """
        Say how often a work request was tried, and what came of it.

        :returns: oldest first; empty if the server does not tell
        """
        try:
            answer = self._transport.call("GET", f"work-request/{work_request_id}/attempts/")
        except NotFoundError:
            # servers of others do not know this
            return []
        return parse_list(_ATTEMPTS, answer)

    def work_request_list(
        self,
        *,
        status: WorkRequestStatus | None = None,
        task_type: TaskTypes | None = None,
        root_only: bool = False,
        ids: list[int] | None = None,
    ) -> Iterator[WorkRequest]:
        """All visible work requests, newest first, fetched page by page as they are read."""
        params: dict[str, str] = {}
        if status is not None:
            params["status"] = status
        if task_type is not None:
            params["task_type"] = task_type
        if root_only:
            params["root_only"] = "true"
        if ids is not None:
            params["ids"] = ",".join(map(str, ids))
        answer = self._transport.call("GET", "work-request/", params=params)
        while True:
            page = parse(CursorPage[WorkRequest], answer)
            yield from page.results
            if page.next is None:
                return
            answer = self._transport.call("GET", page.next)

    def work_request_abort(self, work_request_id: int) -> WorkRequest:
        """Stop a work request that has not ended."""
        path = f"work-request/{work_request_id}/abort/"
        return parse(WorkRequest, self._transport.call("POST", path, json={}))

    def work_request_retry(self, work_request_id: int) -> WorkRequest:
        """Try an unsuccessful work request again; the answer is the new one."""
        path = f"work-request/{work_request_id}/retry/"
        return parse(WorkRequest, self._transport.call("POST", path, json={}))

    def work_request_set_priority(self, work_request_id: int, adjustment: int) -> WorkRequest:
        """Let a work request run before or after others."""
        body = {"priority_adjustment": adjustment}
        answer = self._transport.call("PATCH", f"work-request/{work_request_id}/", json=body)
        return parse(WorkRequest, answer)

    def log_follow(self, work_request_id: int, offset: int = 0) -> Iterator[LogChunk]:
        """
        Read the log of a work request as it is written.

        Comes back where it stopped when the connection breaks, and ends when the
        request has ended and everything was seen.

        :param offset: first byte wanted
        """

        def is_final() -> bool:
            return self.work_request_get(work_request_id).status.is_final

        follower = LogFollower(self._transport, work_request_id, offset=offset, is_final=is_final)
        return iter(follower)

    def events(self, *, workspaces: Sequence[str] = (), kinds: Sequence[str] = ()) -> EventReader:
        """What happens: call it for each event after a cursor, or for page after page."""
        return EventReader(transport=self._transport, workspaces=workspaces, kinds=kinds)

    # lookups

    def lookup_single(self, wanted: LookupRequest) -> LookupResult:
        """Find exactly one thing."""
        answer = self._transport.call(
            "POST", "lookup/single/", json=_lookup_body(wanted), repeatable=True
        )
        return parse(LookupResult, answer)

    def lookup_multiple(self, wanted: LookupRequest) -> list[LookupResult]:
        """Find several things."""
        answer = self._transport.call(
            "POST", "lookup/multiple/", json=_lookup_body(wanted), repeatable=True
        )
        return parse_list(_LOOKUP_RESULTS, answer)

    def environment_ensure(self, workspace: str, wanted: EnvironmentWanted) -> EnvironmentAnswer:
        """Find an environment to build in, or have one made."""
        answer = self._transport.call(
            "POST",
            f"environment/{quote(workspace)}/",
            json=wanted.model_dump(mode="json", exclude_unset=True),
            expect=(200, 201),
            repeatable=True,
        )
        return parse(EnvironmentAnswer, answer)

    @property
    def shares(self) -> Shares:
        """What users and workspaces are entitled to, for administrators."""
        return Shares(transport=self._transport)

    @property
    def holds(self) -> Holds:
        """Environments that are kept after their tasks, and terminals in them."""
        return Holds(transport=self._transport)

    @property
    def workers(self) -> Workers:
        """Who works, for administrators."""
        return Workers(transport=self._transport)

    # assets

    def asset_create(self, wanted: AssetCreate) -> AssetResponse:
        """Make an asset; a signing key that is there already is found."""
        body = wanted.model_dump(mode="json")
        answer = self._transport.call(
            "POST", "asset/", json=body, expect=(200, 201), repeatable=True
        )
        return parse(AssetResponse, answer)

    def asset_permission(
        self,
        category: str,
        slug: str,
        permission: AssetPermission,
        query: AssetPermissionQuery,
    ) -> AssetPermissionAnswer:
        """Ask whether a signing task may use an asset on an artifact; for its own token only."""
        answer = self._transport.call(
            "POST",
            f"asset/{quote(category)}/{quote(slug)}/{permission.value}/",
            json=query.model_dump(mode="json"),
            repeatable=True,
        )
        return parse(AssetPermissionAnswer, answer)


def _lookup_body(wanted: LookupRequest) -> dict[str, Any]:
    return wanted.model_dump(mode="json", exclude_none=True)
