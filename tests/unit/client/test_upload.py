# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
import requests

from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.kinds import test as kind
from debusine.client.debusine import Debusine
from debusine.client.http import Transport
from debusine.client.upload import FileUpload, _Slice
from debusine.errors import NotFoundError, UpstreamError, UserError
from debusine.testing.server import MemoryServer
from debusine.testing.server_wire import Answer, Fault, problem
from debusine.wire.artifact import ArtifactCreate

CONTENT = bytes(range(256)) * 10


@pytest.fixture
def artifact(tmp_path: Path) -> LocalArtifact:
    (tmp_path / "big").write_bytes(CONTENT)
    (tmp_path / "empty").touch()
    return LocalArtifact(
        category=kind.Test.category,
        data=kind.TestData(),
        files={"dir/big file+1": tmp_path / "big", "empty": tmp_path / "empty"},
    )


def upload(
    transport: Transport, client: Debusine, artifact: LocalArtifact, *, chunk_bytes: int = 1000
) -> list[int]:
    """Create the artifact and upload its big file in small pieces; the progress seen."""
    created = client.artifact_create(ArtifactCreate.from_local(artifact, workspace="System"))
    assert created.files_to_upload == ["dir/big file+1"]
    seen: list[int] = []
    FileUpload(
        transport=transport,
        artifact_id=created.id,
        path="dir/big file+1",
        local=artifact.files["dir/big file+1"],
        progress=seen.append,
        chunk_bytes=chunk_bytes,
    ).run()
    return seen


def stored(server: MemoryServer) -> bytes:
    return bytes(server.artifacts.contents[1, "dir/big file+1"])


def test_whole_artifact(client: Debusine, server: MemoryServer, artifact: LocalArtifact) -> None:
    created = client.upload_artifact(artifact, workspace="System", work_request=3)
    assert created.files_to_upload == []
    assert stored(server) == CONTENT
    assert server.artifacts.records[1]["work_request"] == 3


def test_in_pieces(
    transport: Transport, client: Debusine, server: MemoryServer, artifact: LocalArtifact
) -> None:
    assert upload(transport, client, artifact) == [1000, 1000, 560]
    ranges = [request.headers["Content-Range"] for request in server.requests[1:]]
    assert ranges == ["bytes 0-999/2560", "bytes 1000-1999/2560", "bytes 2000-2559/2560"]
    assert stored(server) == CONTENT


def test_goes_on_where_the_connection_broke(
    transport: Transport, client: Debusine, server: MemoryServer, artifact: LocalArtifact
) -> None:
    def lose_first_half_of_second(answer: Answer) -> Answer:
        if len(server.artifacts.contents[1, "dir/big file+1"]) != 2000:
            return answer
        del server.artifacts.contents[1, "dir/big file+1"][1500:]
        raise requests.ConnectionError("reset")

    server.faults.append(Fault(path="files", what=lose_first_half_of_second, times=2))
    assert sum(upload(transport, client, artifact)) == len(CONTENT)
    assert stored(server) == CONTENT
    assert server.requests[3].headers["Content-Range"] == "bytes */2560"
    assert server.requests[4].headers["Content-Range"] == "bytes 1500-2499/2560"


def test_server_starts_anew_during_upload(
    transport: Transport, client: Debusine, server: MemoryServer, artifact: LocalArtifact
) -> None:
    server.faults += [
        Fault(path="files", what=requests.ConnectionError("refused"), times=3),
        Fault(path="files", what=Answer(status=502), times=2),
    ]
    assert sum(upload(transport, client, artifact)) == len(CONTENT)
    assert stored(server) == CONTENT


def test_answer_to_the_last_piece_is_lost(
    transport: Transport, client: Debusine, server: MemoryServer, artifact: LocalArtifact
) -> None:
    def lose_answer(answer: Answer) -> Answer:
        raise requests.ConnectionError("reset") if answer.status == 201 else AssertionError

    server.faults.append(Fault(path="files", what=lose_answer))
    assert sum(upload(transport, client, artifact, chunk_bytes=10000)) == len(CONTENT)
    assert stored(server) == CONTENT


def test_mismatch_starts_again(
    transport: Transport, client: Debusine, server: MemoryServer, artifact: LocalArtifact
) -> None:
    def mismatch(answer: Answer) -> Answer:
        if answer.status != 201:
            return answer
        server.artifacts.contents[1, "dir/big file+1"].clear()
        return problem("Hash mismatch", 409)

    server.faults.append(Fault(path="files", what=mismatch, times=6))
    assert sum(upload(transport, client, artifact)) == len(CONTENT)
    assert stored(server) == CONTENT


def test_changed_file_is_given_up(
    transport: Transport, client: Debusine, server: MemoryServer, artifact: LocalArtifact
) -> None:
    def change(answer: Answer) -> Answer:
        artifact.files["dir/big file+1"].write_bytes(b"y" * len(CONTENT))
        return answer

    server.faults.append(Fault(path=r"artifact/$", what=change))
    with pytest.raises(UserError, match="does not have the content that was declared"):
        upload(transport, client, artifact)


@pytest.mark.parametrize(
    "refusal",
    [
        (problem("Object not found", 404), NotFoundError),
        (problem("Wrong range", 400), UserError),
        (Answer(status=200), UpstreamError),
    ],
)
def test_refusals(
    transport: Transport,
    client: Debusine,
    server: MemoryServer,
    artifact: LocalArtifact,
    refusal: tuple[Answer, type[Exception]],
) -> None:
    what, expected = refusal
    server.faults.append(Fault(path="files", what=what))
    with pytest.raises(expected):
        upload(transport, client, artifact)


def test_server_without_room_is_asked_again_for_as_long_as_patience_lasts(
    transport: Transport, client: Debusine, server: MemoryServer, artifact: LocalArtifact
) -> None:
    pauses: list[float] = []
    transport.sleep = pauses.append

    def keep_half(answer: Answer) -> Answer:
        del server.artifacts.contents[1, "dir/big file+1"][500:]
        return problem("the server has no space left", 507)

    server.faults.append(Fault(path="files", what=keep_half))
    assert sum(upload(transport, client, artifact)) == len(CONTENT)
    assert stored(server) == CONTENT
    assert server.requests[3].headers["Content-Range"] == "bytes 500-1499/2560"
    server.faults.append(Fault(path="files", what=problem("no space left", 507), times=99))
    with pytest.raises(UpstreamError, match="no space left"):
        upload(transport, client, artifact)
    assert sum(pauses) <= transport.patience_s + 5


def test_server_that_stays_away(
    transport: Transport, client: Debusine, server: MemoryServer, artifact: LocalArtifact
) -> None:
    transport.patience_s = 0
    server.faults.append(Fault(path="files", what=requests.ConnectionError("refused"), times=999))
    with pytest.raises(UpstreamError, match="cannot reach"):
        upload(transport, client, artifact)


def test_a_part_of_a_file_has_its_length_and_blocks(tmp_path: Path) -> None:
    path = tmp_path / "file"
    data = bytes(range(256)) * 10_000
    path.write_bytes(data)
    with path.open("rb") as file:
        part = _Slice(file, 1000, 2_000_000)
        assert len(part) == 2_000_000
        assert b"".join([bytes(block) for block in part]) == data[1000:2_001_000]
        # with a length, requests does not send it in HTTP's own chunks
        prepared = requests.Request("PUT", "http://localhost/", data=part).prepare()
        assert prepared.headers["Content-Length"] == "2000000"
        assert "Transfer-Encoding" not in prepared.headers
        with pytest.raises(UserError, match="shorter"):
            list(_Slice(file, 0, len(data) + 1))
