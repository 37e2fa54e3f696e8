# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from debusine.domain.artifact_path import directories_that_are_files, disposition, path_problem
from debusine.domain.byte_range import Chunk, StatusQuery, parse_content_range, parse_range
from debusine.domain.content_type import content_type_of, is_content_type
from debusine.domain.json_path import find_value
from debusine.errors import UserError
from debusine.wire.base import from_wire_duration


@pytest.mark.parametrize("path", ["a", "a/b", "ä.txt", "a b", "...", "a..b/.c", "x" * 255])
def test_good_paths(path: str) -> None:
    assert path_problem(path) is None


@pytest.mark.parametrize(
    "path", ["", "/a", "a/", "a//b", ".", "..", "a/../b", "a\0", "a\n", "\x7f", "\ud800", "x" * 256]
)
def test_bad_paths(path: str) -> None:
    assert path_problem(path) is not None


def test_directories_that_are_files() -> None:
    paths = ["a/b/c", "a/b", "x", "a/bc", "x/y"]
    assert directories_that_are_files(paths) == ["a/b", "x"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a b.txt", 'inline; filename="a b.txt"'),
        ('a"b', "inline; filename*=UTF-8''a%22b"),
        ("a\\b", "inline; filename*=UTF-8''a%5Cb"),
    ],
)
def test_disposition(name: str, expected: str) -> None:
    assert disposition("inline", name) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, Chunk(start=0, length=None)),
        ("bytes */10", StatusQuery()),
        ("bytes */*", StatusQuery()),
        ("bytes 9-9/10", Chunk(start=9, length=1)),
        (" bytes 0-4/* ", Chunk(start=0, length=5)),
    ],
)
def test_content_ranges(header: str | None, expected: Chunk | StatusQuery) -> None:
    assert parse_content_range(header, size=10) == expected


@pytest.mark.parametrize("header", ["bytes=0-4", "bytes 0-4/", "bytes */11", "bytes ٣-٤/10"])
def test_bad_content_ranges(header: str) -> None:
    with pytest.raises(UserError):
        parse_content_range(header, size=10)


def test_a_range_of_nothing_is_refused() -> None:
    assert parse_range(None, size=0) is None
    for header in ("bytes=0-", "bytes=-1", "bytes=0-0"):
        with pytest.raises(UserError):
            parse_range(header, size=0)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("hello.dsc", "text/plain; charset=utf-8"),
        ("hello.orig.tar.xz", "application/x-xz"),
        ("system.tar.zst", "application/zstd"),
        ("README", "application/octet-stream"),
        ("page.html", "application/octet-stream"),
    ],
)
def test_guessed_content_types(path: str, expected: str) -> None:
    assert content_type_of(path, None) == expected


@pytest.mark.parametrize("text", ["", "text", "text/plain;", "a/b; x=\n", "a/b, c/d", "ä/b"])
def test_bad_content_types(text: str) -> None:
    assert not is_content_type(text)


DOCUMENT = {"a": {"b": [1, {"c-d": 2}]}, "x.y": 3}


@pytest.mark.parametrize(
    ("path", "expected"),
    [("$", DOCUMENT), ("a.b[0]", 1), ("$.a.b[1].c-d", 2), ("['x.y']", 3)],
)
def test_json_paths(path: str, expected: Any) -> None:
    assert find_value(path, DOCUMENT) == expected


@pytest.mark.parametrize("path", ["$.z", "$.a.b[7]", "$.a.b.c", "$..a", "$.a[", "$.*", "$[-1]"])
def test_bad_json_paths(path: str) -> None:
    with pytest.raises(UserError):
        find_value(path, DOCUMENT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("15.5", timedelta(seconds=15.5)),
        ("00:10", timedelta(seconds=10)),
        ("1:00:00", timedelta(hours=1)),
        ("3 00:00:00", timedelta(days=3)),
        ("P3D", "P3D"),
        (None, None),
    ],
)
def test_durations(text: Any, expected: Any) -> None:
    assert from_wire_duration(text) == expected
