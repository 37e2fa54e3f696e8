# SPDX-License-Identifier: GPL-3.0-or-later
"""Source packages from the web, from servers that lie too."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from debusine.cli.building.source_url import fetch_url
from debusine.errors import DebusineError, UpstreamError, UserError
from debusine.testing.packages import write_dsc


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/moved"))
            self.end_headers()
        elif self.path.startswith("/round/") or self.path.startswith("/file/"):
            self.send_response(302)
            self.send_header(
                "Location", "/round/x.dsc" if "round" in self.path else "file:///etc/x"
            )
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def www(tmp_path: Path) -> Path:
    place = tmp_path / "www"
    place.mkdir()
    return place


@pytest.fixture
def server(www: Path) -> Iterator[str]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(www)))
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    place = tmp_path / "target"
    place.mkdir()
    return place


def test_all_files_arrive_and_progress_is_told(www: Path, server: str, target: Path) -> None:
    dsc = write_dsc(www)
    seen: dict[str, tuple[int, int]] = {}

    def progress(name: str, size: int, count: int) -> None:
        seen[name] = (size, seen.get(name, (0, 0))[1] + count)

    for url in (f"{server}/{dsc.name}", f"{server}/moved/{dsc.name}"):
        for path in target.iterdir():
            path.unlink()
        assert fetch_url(url, target, progress=progress) == target / dsc.name
        assert {p.name: p.read_bytes() for p in target.iterdir()} == {
            p.name: p.read_bytes() for p in www.iterdir()
        }
    assert seen == {
        "hello_1.0.orig.tar.gz": (8, 16),
        "hello_1.0-1.debian.tar.xz": (6, 12),
    }


def _missing(www: Path) -> None:
    (www / "hello_1.0.orig.tar.gz").unlink()


def _changed(www: Path) -> None:
    (www / "hello_1.0.orig.tar.gz").write_bytes(b"UPSTREAM")


def _short(www: Path) -> None:
    (www / "hello_1.0.orig.tar.gz").write_bytes(b"up")


def _long(www: Path) -> None:
    (www / "hello_1.0.orig.tar.gz").write_bytes(b"upstream" * 1000)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_missing, "the server says 404"),
        (_changed, "has a wrong md5"),
        (_short, "is too short"),
        (_long, "is larger than 8 bytes"),
    ],
)
def test_files_that_differ(
    www: Path, server: str, target: Path, spoil: Callable[[Path], None], message: str
) -> None:
    dsc = write_dsc(www)
    spoil(www)
    with pytest.raises(UpstreamError, match=message) as caught:
        fetch_url(f"{server}/{dsc.name}", target)
    assert "hello_1.0.orig.tar.gz" in caught.value.explain()


@pytest.mark.parametrize("name", ["../../climbed", "/etc/passwd", "a/b", ".."])
def test_names_that_climb_out(www: Path, server: str, target: Path, name: str) -> None:
    dsc = write_dsc(www)
    dsc.write_text(dsc.read_text().replace("hello_1.0.orig.tar.gz", name))
    with pytest.raises(UserError):
        fetch_url(f"{server}/{dsc.name}", target)
    assert [path.name for path in target.iterdir()] == [dsc.name]


def test_more_bytes_than_anybody_needs(www: Path, server: str, target: Path) -> None:
    dsc = write_dsc(www)
    dsc.write_text(dsc.read_text().replace(" 8 hello", " 99999999999 hello"))
    with pytest.raises(UserError, match="at most"):
        fetch_url(f"{server}/{dsc.name}", target)
    dsc.write_bytes(b"x" * 2_000_000)
    with pytest.raises(UpstreamError, match="larger than"):
        fetch_url(f"{server}/{dsc.name}", target)


@pytest.mark.parametrize(
    "path", ["/none.dsc", "/round/x.dsc", "/file/x.dsc", "/x.tar.gz", "/..%2fx.dsc", "/"]
)
def test_urls_that_lead_nowhere(server: str, target: Path, path: str) -> None:
    with pytest.raises(DebusineError):
        fetch_url(f"{server}{path}", target)


@pytest.mark.parametrize("url", ["file:///etc/x.dsc", "ftp://a.example.org/x.dsc"])
def test_other_schemes(target: Path, url: str) -> None:
    with pytest.raises(UserError, match="cannot download from"):
        fetch_url(url, target)


def test_nobody_answers_and_no_password_is_shown(target: Path) -> None:
    with pytest.raises(UpstreamError) as caught:
        fetch_url("http://me:pw-7@127.0.0.1:9/x.dsc", target)
    assert caught.value.explain() == "cannot download http://127.0.0.1:9/x.dsc\nConnection refused"
