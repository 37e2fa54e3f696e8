# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proxy keeps, what it passes on, and that no task can change what another gets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Protocol

import aiohttp
import pytest
from aiohttp import web
from typing_extensions import override

from debusine.testing.apt_mirror import serving
from debusine.testing.clock import FakeClock
from debusine.worker.package_proxy import FRESH, PackageProxy, make_session
from debusine.worker.package_store import CachedPackage, PackageStore

PACKAGE = "/pool/hello_1.0_amd64.deb"
MIB = 1024**2


@dataclass
class Mirror:
    """
    A mirror that says what a test lets it say.

    :param files: content by path
    :param broken: paths whose answers end too early
    """

    port: int = 0
    files: dict[str, bytes] = field(default_factory=lambda: {PACKAGE: b"package"})
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def handler(self) -> type[BaseHTTPRequestHandler]:
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                mirror.asked.append((self.path, dict(self.headers)))
                body = mirror.files.get(self.path, b"")
                etag = f'"{hash(body)}"'
                if self.headers.get("If-None-Match") == etag:
                    self.send_response(304)
                    self.end_headers()
                    return
                self.send_response(200 if self.path in mirror.files else 404)
                self.send_header("ETag", etag)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[:1] if self.path in mirror.broken else body)
                self.close_connection = self.path in mirror.broken

            @override
            def log_message(self, *args: object) -> None:
                pass

        return Handler


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    made = Mirror()
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), made.handler())) as port:
        made.port = port
        yield made


@dataclass
class Tasks:
    """What the APT of tasks does with the proxy."""

    store: PackageStore
    clock: FakeClock
    proxy: str
    session: aiohttp.ClientSession

    async def get(self, url: str, **headers: str) -> tuple[int, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.get(url, proxy=self.proxy, headers=named) as answer:
            return answer.status, await answer.read()


Scene = Callable[[Tasks], Awaitable[None]]


class Play(Protocol):
    """Runs what tasks do, with a store of some kind."""

    def __call__(self, scene: Scene, kind: type[PackageStore] = ..., /) -> None: ...


@pytest.fixture
def play(tmp_path: Path) -> Play:
    @asynccontextmanager
    async def tasks(kind: type[PackageStore]) -> AsyncIterator[Tasks]:
        clock = FakeClock()
        store = kind(tmp_path, size_bytes=64 * MIB, clock=clock)
        async with make_session() as upstream, aiohttp.ClientSession() as session:
            runner = web.ServerRunner(web.Server(PackageProxy(store, upstream).handle))
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0]
            yield Tasks(store, clock, f"http://{host}:{port}", session)
            await runner.cleanup()

    def run(scene: Scene, kind: type[PackageStore] = PackageStore) -> None:
        async def whole() -> None:
            async with tasks(kind) as made:
                await scene(made)

        asyncio.run(whole())

    return run


def let_time_pass(tasks: Tasks) -> None:
    for package in tasks.store.packages():
        tasks.store.used(package, checked=True)
    tasks.clock.jump(FRESH)


def test_a_package_is_fetched_once(mirror: Mirror, play: Play) -> None:
    mirror.files[PACKAGE] = bytes(range(256)) * 4096

    async def scene(tasks: Tasks) -> None:
        for _ in range(3):
            assert await tasks.get(mirror.url + PACKAGE) == (200, mirror.files[PACKAGE])

    play(scene)
    assert len(mirror.asked) == 1


def test_indexes_are_passed_on_and_not_kept(mirror: Mirror, play: Play) -> None:
    mirror.files["/dists/sid/InRelease"] = b"signed"

    async def scene(tasks: Tasks) -> None:
        for _ in range(2):
            assert await tasks.get(f"{mirror.url}/dists/sid/InRelease") == (200, b"signed")
        assert tasks.store.packages() == []

    play(scene)
    assert len(mirror.asked) == 2


def test_what_changed_at_the_mirror_is_fetched_anew(mirror: Mirror, play: Play) -> None:
    async def scene(tasks: Tasks) -> None:
        await tasks.get(mirror.url + PACKAGE)
        let_time_pass(tasks)
        assert await tasks.get(mirror.url + PACKAGE) == (200, b"package")
        let_time_pass(tasks)
        mirror.files[PACKAGE] = b"another"
        assert await tasks.get(mirror.url + PACKAGE) == (200, b"another")
        assert await tasks.get(mirror.url + PACKAGE) == (200, b"another")

    play(scene)
    assert ["If-None-Match" in headers for _, headers in mirror.asked] == [False, True, True]


def test_a_mirror_that_is_away(mirror: Mirror, play: Play) -> None:
    # nobody listens on the discard port
    url = f"http://127.0.0.1:9{PACKAGE}"

    async def scene(tasks: Tasks) -> None:
        await tasks.get(mirror.url + PACKAGE)
        [package] = tasks.store.packages()
        draft = tasks.store.draft(package.origin.model_copy(update={"url": url}))
        assert draft is not None
        draft.write(b"package")
        draft.close()
        let_time_pass(tasks)
        assert await tasks.get(url) == (200, b"package")
        status, text = await tasks.get("http://127.0.0.1:9/pool/other.deb")
        assert (status, text[:12]) == (502, b"cannot reach")

    play(scene)


@pytest.mark.parametrize("header", ["Authorization", "Range", "If_Modified_Since"])
def test_what_is_for_one_task_is_not_kept(mirror: Mirror, play: Play, header: str) -> None:
    async def scene(tasks: Tasks) -> None:
        for _ in range(2):
            assert (await tasks.get(mirror.url + PACKAGE, **{header: "x"}))[0] == 200
        assert tasks.store.packages() == []

    play(scene)
    assert [headers[header.replace("_", "-")] for _, headers in mirror.asked] == ["x", "x"]


def test_an_answer_that_breaks_off_breaks_off_there_too(
    mirror: Mirror, play: Play, tmp_path: Path
) -> None:
    mirror.broken.add(PACKAGE)

    async def scene(tasks: Tasks) -> None:
        with pytest.raises(aiohttp.ClientError):
            await tasks.get(mirror.url + PACKAGE)
        mirror.broken.clear()
        assert await tasks.get(mirror.url + PACKAGE) == (200, b"package")

    play(scene)
    assert len(list(tmp_path.iterdir())) == 1


def test_an_error_of_the_mirror_is_passed_on_and_not_kept(mirror: Mirror, play: Play) -> None:
    async def scene(tasks: Tasks) -> None:
        assert await tasks.get(f"{mirror.url}/pool/absent.deb") == (404, b"")
        assert tasks.store.packages() == []

    play(scene)


def test_a_package_that_another_agent_removes(mirror: Mirror, play: Play, tmp_path: Path) -> None:
    class Forgetful(PackageStore):
        @override
        def used(self, package: CachedPackage, *, checked: bool) -> None:
            package.path.unlink()
            super().used(package, checked=checked)

    async def scene(tasks: Tasks) -> None:
        for _ in range(2):
            assert await tasks.get(mirror.url + PACKAGE) == (200, b"package")

    play(scene, Forgetful)
    assert len(mirror.asked) == 2
    assert len(list(tmp_path.iterdir())) == 1


async def _raw(tasks: Tasks, request: str) -> bytes:
    host, _, port = tasks.proxy.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.replace("\n", "\r\n").encode())
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return answer


def test_it_is_asked_for_files_and_nothing_else(mirror: Mirror, play: Play) -> None:
    async def scene(tasks: Tasks) -> None:
        itself = tasks.proxy.removeprefix("http://")
        for request, status in (
            (f"PUT {mirror.url}{PACKAGE} HTTP/1.1\nHost: x\nContent-Length: 0\n\n", 405),
            (f"CONNECT 127.0.0.1:{mirror.port} HTTP/1.1\nHost: x\n\n", 405),
            (f"GET {PACKAGE} HTTP/1.1\nHost: 127.0.0.1:{mirror.port}\n\n", 400),
            ("GET https://deb.example.org/x.deb HTTP/1.1\nHost: x\n\n", 400),
            (f"GET http://me:secret@127.0.0.1:{mirror.port}/x.deb HTTP/1.1\nHost: x\n\n", 400),
            (f"GET http://{itself}/x.deb HTTP/1.1\nHost: x\n\n", 400),
            (f"GET http://{itself}/http://{itself}/x.deb HTTP/1.1\nHost: x\n\n", 400),
        ):
            answer = await _raw(tasks, request)
            assert answer.split()[1:2] == [str(status).encode()], request

    play(scene)
    assert mirror.asked == []


def test_a_name_in_a_header_does_not_count(mirror: Mirror, play: Play) -> None:
    """A task could otherwise have a file of its own kept under the name of another."""

    async def scene(tasks: Tasks) -> None:
        url = f"http://localhost:{mirror.port}{PACKAGE}"
        await _raw(tasks, f"GET {url} HTTP/1.1\nHost: deb.example.org\n\n")
        [package] = tasks.store.packages()
        assert package.origin.url == url

    play(scene)
    [(_, headers)] = mirror.asked
    assert headers["Host"] == f"localhost:{mirror.port}"


def test_what_a_mirror_sent_wrongly_lasts_an_hour() -> None:
    assert timedelta(hours=1) == FRESH
