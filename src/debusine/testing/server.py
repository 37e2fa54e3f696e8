# SPDX-License-Identifier: GPL-3.0-or-later
"""
A server in memory: the API as far as client and agent use it, with faults on order.

``MemoryServer.session()`` is for a client in the same thread; the aiohttp application
in :mod:`debusine.testing.server_http` serves real connections.
"""

from __future__ import annotations

import json

import requests

from debusine.testing.server_artifacts import MOMENT, MemoryArtifacts
from debusine.testing.server_assets import MemoryAssets
from debusine.testing.server_wire import (
    Answer,
    Fault,
    Json,
    MemoryAdapter,
    Request,
    as_json,
    find_answer,
    problem,
    route,
)
from debusine.wire.work_request import WorkRequestCompleted


class MemoryServer:
    """
    The state of the server; everything may be looked at and changed.

    :param base_url: as clients are told
    """

    def __init__(self, base_url: str = "http://memory.example.org/api") -> None:
        self.base_url = base_url
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.artifacts = MemoryArtifacts(lambda: self.base_url)
        self.assets = MemoryAssets()
        self.work_requests: dict[int, dict[str, Json]] = {}
        self.queue: list[int] = []
        self.reports: dict[int, WorkRequestCompleted] = {}
        self.refused_reports: list[int] = []
        self.handed_back: list[int] = []
        self.registrations: list[dict[str, Json]] = []
        self.metadata: dict[str, Json] = {}
        self.lookups: dict[str, Json] = {}
        self.page_size = 2

    def session(self) -> requests.Session:
        """Make a session that talks to this server and to nothing else."""
        session = requests.Session()
        for prefix in ("http://", "https://"):
            session.mount(prefix, MemoryAdapter(self))
        session.trust_env = False
        return session

    def add_work_request(self, *, queued: bool = True, **fields: Json) -> int:
        """Create a work request; by default it waits for a worker."""
        number = len(self.work_requests) + 1
        self.work_requests[number] = {
            "id": number,
            "url": f"/debusine/System/work-request/{number}/",
            "created_at": MOMENT,
            "status": "pending",
            "result": "",
            "task_type": "Worker",
            "task_name": "noop",
            "task_data": {},
            "dynamic_task_data": {},
            "priority_base": 0,
            "priority_adjustment": 0,
            "artifacts": [],
            "scope": "debusine",
            "workspace": "System",
            "links": {"webui_self": f"/debusine/System/work-request/{number}/"},
            **fields,
        }
        if queued:
            self.queue.append(number)
        return number

    def token_of(self, work_request_id: int) -> str:
        """Token of the running attempt of a work request."""
        return f"{work_request_id:064x}"

    def handle(self, request: Request) -> Answer:
        """
        Answer a request.

        :raises Exception: that of a fault
        """
        self.requests.append(request)
        fault = next((each for each in self.faults if each.hits(request)), None)
        if fault is None:
            return find_answer((self, self.artifacts, self.assets), request)
        fault.times -= 1
        # what is answered or broken off before it is understood changes nothing
        if isinstance(fault.what, Exception):
            raise fault.what
        if isinstance(fault.what, Answer):
            return fault.what
        return fault.what(find_answer((self, self.artifacts, self.assets), request))

    @route("GET", r"/api/1\.0/whoami/")
    def _whoami(self, request: Request) -> Answer:
        token = request.headers.get("Token")
        return as_json({"user": "alice" if token else "<anonymous>", "auth": bool(token)})

    @route("POST", r"/api/1\.0/work-request/")
    def _create_work_request(self, request: Request) -> Answer:
        body = json.loads(request.body)
        unknown = set(body) - {
            "task_name",
            "task_data",
            "workspace",
            "event_reactions",
            "reuse",
            "apt_indexes",
        }
        if unknown:
            errors = {name: ["Unknown field"] for name in unknown}
            return problem("Cannot create work request", 400, validation_errors=errors)
        return as_json(self.work_requests[self.add_work_request(**body)])

    @route("GET", r"/api/1\.0/work-request/")
    def _list_work_requests(self, request: Request) -> Answer:
        start = int(request.query.get("cursor", 0))
        everything = sorted(self.work_requests.values(), key=lambda each: -each["id"])
        if "status" in request.query:
            everything = [each for each in everything if each["status"] == request.query["status"]]
        end = start + self.page_size
        more = f"{self.base_url}/1.0/work-request/?cursor={end}"
        return as_json(
            {
                "next": more if end < len(everything) else None,
                "previous": None,
                "results": everything[start:end],
            }
        )

    @route("GET", r"/api/1\.0/work-request/(\d+)/")
    def _get_work_request(self, request: Request, number: str) -> Answer:
        del request
        if int(number) not in self.work_requests:
            return problem("Object not found", 404)
        return as_json(self.work_requests[int(number)])

    @route("PATCH", r"/api/1\.0/work-request/(\d+)/")
    def _update_work_request(self, request: Request, number: str) -> Answer:
        self.work_requests[int(number)].update(json.loads(request.body))
        return self._get_work_request(request, number)

    @route("POST", r"/api/1\.0/work-request/(\d+)/abort/")
    def _abort(self, request: Request, number: str) -> Answer:
        record = self.work_requests[int(number)]
        if record["status"] in ("completed", "aborted"):
            return problem("Cannot abort work request", 400, detail="It has ended.")
        record["status"] = "aborted"
        return self._get_work_request(request, number)

    @route("POST", r"/api/1\.0/work-request/(\d+)/retry/")
    def _retry(self, request: Request, number: str) -> Answer:
        del request
        record = self.work_requests[int(number)]
        kept = {name: record[name] for name in ("task_name", "task_data", "workspace")}
        return as_json(self.work_requests[self.add_work_request(**kept)])

    @route("POST", r"/api/1\.0/lookup/(?:single|multiple)/")
    def _lookup(self, request: Request) -> Answer:
        wanted = json.loads(request.body)["lookup"]
        found = self.lookups.get(json.dumps(wanted))
        return problem("No matches", 404) if found is None else as_json(found)

    @route("POST", r"/api/1\.0/environment/([^/]+)/")
    def _ensure_environment(self, request: Request, workspace: str) -> Answer:
        del workspace
        wanted = json.loads(request.body)
        lookup = f"debian:match:codename={wanted['codename']}"
        return as_json({"lookup": lookup, "work_request": self.add_work_request()})

    @route("POST", r"/api/1\.0/worker/register/")
    def _register(self, request: Request) -> Answer:
        self.registrations.append(
            {**json.loads(request.body), "activation": request.headers.get("Token")}
        )
        return Answer(status=201)

    @route("PUT", r"/api/1\.0/worker/dynamic-metadata/")
    def _put_metadata(self, request: Request) -> Answer:
        self.metadata = json.loads(request.body)
        return Answer(status=204)

    @route("POST", r"/api/1\.0/work-request/get-next-for-worker/")
    def _get_next(self, request: Request) -> Answer:
        del request
        while self.queue:
            number = self.queue.pop(0)
            record = self.work_requests[number]
            if record["status"] in ("pending", "running"):
                answer = as_json({**record, "token": self.token_of(number)})
                record["status"] = "running"
                return answer
        return Answer(status=204)

    @route("PUT", r"/api/1\.0/work-request/(\d+)/handed-back/")
    def _take_back(self, request: Request, number: str) -> Answer:
        if request.headers.get("Token") != self.token_of(int(number)):
            return problem("Not running", 403)
        self.handed_back.append(int(number))
        self.work_requests[int(number)]["status"] = "pending"
        return Answer()

    @route("PUT", r"/api/1\.0/work-request/(\d+)/completed/")
    def _complete(self, request: Request, number: str) -> Answer:
        record = self.work_requests[int(number)]
        if request.headers.get("Token") != self.token_of(int(number)) or (
            record["status"] == "aborted"
        ):
            self.refused_reports.append(int(number))
            return problem("Not running", 403)
        report = WorkRequestCompleted.model_validate_json(request.body)
        self.reports[int(number)] = report
        record.update(status="completed", result=report.result.value)
        return Answer()
