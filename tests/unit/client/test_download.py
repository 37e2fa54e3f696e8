# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
import requests

from debusine.client.debusine import Debusine
from debusine.errors import UpstreamError
from debusine.testing.server import MemoryServer
from debusine.testing.server_wire import Answer, Fault

CONTENT = bytes(range(256)) * 10000


def test_files_lie_where_the_artifact_says(
    client: Debusine, server: MemoryServer, tmp_path: Path
) -> None:
    number = server.artifacts.add({"a/b.txt": CONTENT, "empty": b"", "c": b"x"})
    seen: list[int] = []
    target = tmp_path / "new"
    answer = client.download_artifact(number, target, workspace="System", progress=seen.append)
    assert answer.id == number
    found = {
        path.relative_to(target).as_posix(): path.read_bytes()
        for path in target.rglob("*")
        if path.is_file()
    }
    assert found == {"a/b.txt": CONTENT, "empty": b"", "c": b"x"}
    assert sum(seen) == len(CONTENT) + 1
    assert (target / "c").stat().st_mode & 0o777 == 0o644


def test_only_files_that_are_wanted_are_fetched(
    client: Debusine, server: MemoryServer, tmp_path: Path
) -> None:
    number = server.artifacts.add({"a/b.txt": CONTENT, "c": b"x"})
    client.download_artifact(number, tmp_path, only=["c", "missing"])
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_download_carries_the_token_but_no_scope(
    client: Debusine, server: MemoryServer, tmp_path: Path
) -> None:
    client.download_artifact(server.artifacts.add({"c": b"x"}), tmp_path)
    assert server.requests[-1].headers["Token"] == "k" * 64
    assert "X-Debusine-Scope" not in server.requests[-1].headers


def test_goes_on_where_the_connection_broke(
    client: Debusine, server: MemoryServer, tmp_path: Path
) -> None:
    number = server.artifacts.add({"c": CONTENT})

    def cut(answer: Answer) -> Answer:
        return Answer(status=answer.status, body=answer.body, broken_after=1_500_000)

    server.faults += [
        Fault(path="download", what=cut, times=2),
        Fault(path="download", what=requests.ConnectionError("refused"), times=2),
    ]
    seen: list[int] = []
    client.download_artifact(number, tmp_path, progress=seen.append)
    assert (tmp_path / "c").read_bytes() == CONTENT
    assert sum(seen) == len(CONTENT)
    assert [request.headers.get("Range") for request in server.requests[1:]] == [
        None,
        "bytes=1048576-",
        "bytes=2097152-",
        "bytes=2097152-",
        "bytes=2097152-",
    ]


def test_server_without_ranges(client: Debusine, server: MemoryServer, tmp_path: Path) -> None:
    number = server.artifacts.add({"c": CONTENT})
    server.faults += [
        Fault(path="download", what=Answer(body=CONTENT, broken_after=500_000)),
        Fault(path="download", what=Answer(body=CONTENT)),
    ]
    seen: list[int] = []
    client.download_artifact(number, tmp_path, progress=seen.append)
    assert (tmp_path / "c").read_bytes() == CONTENT
    assert sum(seen) == len(CONTENT)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"y" * len(CONTENT), "sha256"),
        (CONTENT[:-1], "bytes instead of"),
        (CONTENT + b"x", "longer than it should be"),
    ],
)
def test_wrong_content_leaves_nothing(
    client: Debusine, server: MemoryServer, tmp_path: Path, body: bytes, text: str
) -> None:
    number = server.artifacts.add({"c": CONTENT})
    server.faults.append(Fault(path="download", what=Answer(body=body), times=1))
    if len(body) < len(CONTENT):
        server.faults.append(Fault(path="download", what=Answer(status=206), times=99))
    with pytest.raises(UpstreamError, match=text):
        client.download_artifact(number, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["../x", "/etc/x", "a/../../x", "link/x", "."])
def test_nothing_outside_the_destination(
    client: Debusine, server: MemoryServer, tmp_path: Path, path: str
) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "link").symlink_to(tmp_path)
    number = server.artifacts.add({"fine": b"x", path: b"x"})
    with pytest.raises(UpstreamError, match="outside of the artifact"):
        client.download_artifact(number, target)
    assert sorted(tmp_path.rglob("*")) == [target, target / "link"]


def test_redirect_to_another_server_gets_no_token(
    client: Debusine, server: MemoryServer, tmp_path: Path
) -> None:
    number = server.artifacts.add({"c": b"x"})
    elsewhere = {"Location": "http://store.example.org/debusine/System/artifact/1/download/c"}
    server.faults.append(Fault(path="download", what=Answer(status=302, headers=elsewhere)))
    client.download_artifact(number, tmp_path)
    assert "Token" in server.requests[1].headers
    assert "Token" not in server.requests[2].headers
    assert (tmp_path / "c").read_bytes() == b"x"


def test_endless_redirects(client: Debusine, server: MemoryServer, tmp_path: Path) -> None:
    number = server.artifacts.add({"c": b"x"})
    answer = Answer(status=302, headers={"Location": "/again"})
    server.faults.append(Fault(path="download|again", what=answer, times=99))
    with pytest.raises(UpstreamError, match="too many redirects"):
        client.download_artifact(number, tmp_path)


def test_artifact_without_sha256(client: Debusine, server: MemoryServer, tmp_path: Path) -> None:
    number = server.artifacts.add({"c": b"x"})
    server.artifacts.records[number]["files"]["c"]["checksums"] = {}
    with pytest.raises(UpstreamError, match="does not say what SHA-256"):
        client.download_artifact(number, tmp_path)
