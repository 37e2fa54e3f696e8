# SPDX-License-Identifier: GPL-3.0-or-later
"""The artifacts of a server in memory."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from debusine.testing.server_wire import Answer, Json, Request, as_json, problem, route
from debusine.wire.base import to_wire_time

MOMENT = to_wire_time(datetime(2026, 1, 1, 12, tzinfo=UTC))


class MemoryArtifacts:
    """
    Artifacts, their files and relations; everything may be looked at and changed.

    :param base_url: says what base of the API clients are told
    """

    def __init__(self, base_url: Callable[[], str]) -> None:
        self._base_url = base_url
        self.records: dict[int, dict[str, Json]] = {}
        self.contents: dict[tuple[int, str], bytearray] = {}
        self.relations: list[dict[str, Json]] = []

    @route("POST", r"/api/1\.0/artifact/")
    def _create_artifact(self, request: Request) -> Answer:
        body = json.loads(request.body)
        number = len(self.records) + 1
        host = self._base_url().removesuffix("/api")
        download = f"{host}/debusine/System/artifact/{number}/download/"
        files = {path: {**entry, "url": download + path} for path, entry in body["files"].items()}
        self.records[number] = {
            "id": number,
            "url": f"/debusine/System/artifact/{number}/",
            "scope": "debusine",
            "workspace": body.get("workspace") or "System",
            "category": body["category"],
            "data": body["data"],
            "created_at": MOMENT,
            "download_tar_gz_url": f"{download}?archive=tar.gz",
            "files": files,
            "work_request": body.get("work_request"),
        }
        for path, entry in files.items():
            if entry["size"] == 0:
                self.contents[number, path] = bytearray()
        return as_json(self._show_artifact(number), 201)

    def add(self, files: Mapping[str, bytes], category: str = "debusine:test") -> int:
        """Create a complete artifact."""
        entries = {
            path: {
                "size": len(content),
                "checksums": {"sha256": hashlib.sha256(content).hexdigest()},
                "type": "file",
            }
            for path, content in files.items()
        }
        body = json.dumps({"category": category, "data": {}, "files": entries}).encode()
        answer = self._create_artifact(
            Request(method="POST", path="", query={}, headers={}, body=body)
        )
        number = int(json.loads(answer.body)["id"])
        for path, content in files.items():
            self.contents[number, path] = bytearray(content)
        return number

    def _show_artifact(self, number: int) -> dict[str, Json]:
        artifact = self.records[number]
        missing = [
            path
            for path, entry in artifact["files"].items()
            if len(self.contents.get((number, path), b"")) < entry["size"]
        ]
        return {**artifact, "files_to_upload": sorted(missing)}

    @route("GET", r"/api/1\.0/artifact/(?:[^/]+/)?(\d+)/")
    def _get_artifact(self, request: Request, number: str) -> Answer:
        del request
        if int(number) not in self.records:
            return problem("Object not found", 404)
        return as_json(self._show_artifact(int(number)))

    @route("PUT", r"/api/1\.0/artifact/(\d+)/files/(.+)/")
    def _upload(self, request: Request, number: str, path: str) -> Answer:
        entry = self.records[int(number)]["files"][path]
        content = self.contents.setdefault((int(number), path), bytearray())
        place = request.headers.get("Content-Range", "")
        if re.fullmatch(r"bytes \*/(\*|\d+)", place):
            done = len(content) == entry["size"]
            return Answer(status=200 if done else 206, headers={"Range": f"bytes=0-{len(content)}"})
        match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", place)
        if match is None:
            return problem("Malformed Content-Range", 400)
        start, end = int(match[1]), int(match[2])
        if start > len(content) or end - start + 1 != len(request.body):
            return problem("Wrong range", 400)
        content[start : end + 1] = request.body
        if len(content) < entry["size"]:
            return Answer(headers={"Range": f"bytes=0-{len(content)}"})
        if hashlib.sha256(content).hexdigest() != entry["checksums"]["sha256"]:
            content.clear()
            return problem("Hash mismatch", 409)
        return Answer(status=201)

    @route("GET", r"/debusine/System/artifact/(\d+)/download/(.+)")
    def _download(self, request: Request, number: str, path: str) -> Answer:
        content = bytes(self.contents[int(number), path])
        match = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if match is None:
            return Answer(body=content)
        return Answer(status=206, body=content[int(match[1]) :])

    @route("POST", r"/api/1\.0/artifact-relation/")
    def _create_relation(self, request: Request) -> Answer:
        body = json.loads(request.body)
        if not {body["artifact"], body["target"]} <= set(self.records):
            return problem("No such artifact", 404)
        for relation in self.relations:
            if {**relation, "id": None} == {**body, "id": None}:
                return as_json(relation)
        self.relations.append({**body, "id": len(self.relations) + 1})
        return as_json(self.relations[-1], 201)

    @route("GET", r"/api/1\.0/artifact-relation/")
    def _list_relations(self, request: Request) -> Answer:
        key = "artifact" if "artifact" in request.query else "target"
        wanted = int(request.query["artifact" if key == "artifact" else "target_artifact"])
        return as_json([relation for relation in self.relations if relation[key] == wanted])
