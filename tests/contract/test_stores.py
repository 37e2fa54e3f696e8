# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import inspect
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from debusine.server.full_disk import NoSpaceError, no_space_is_an_answer
from debusine.server.stores.base import (
    EMPTY,
    Content,
    ContentMismatchError,
    Store,
)
from debusine.server.stores.local import LocalStore
from debusine.testing.store import MemoryStore
from debusine.util.discovery import load_all

DATA = b"what a builder made\n" * 100_000
CONTENT = Content.of(DATA)


@pytest.fixture(params=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    made: dict[str, Store] = {"local": LocalStore(tmp_path / "store"), "memory": MemoryStore()}
    return made[request.param]


def read(store: Store, content: Content) -> bytes:
    with store.open(content) as file:
        return b"".join(iter(lambda: file.read(65536), b""))


def test_every_store_of_the_folder_is_in_this_suite() -> None:
    stores = {
        value.__name__
        for module in load_all("debusine.server.stores")
        for value in vars(module).values()
        if inspect.isclass(value)
        and value.__module__ == module.__name__
        and value is not Store
        and hasattr(value, "adopt")
    }
    assert stores == {"LocalStore"}


def test_what_is_added_can_be_read(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(DATA)
    assert not store.exists(CONTENT)
    store.add(source, CONTENT)
    assert store.exists(CONTENT)
    assert read(store, CONTENT) == DATA
    assert source.read_bytes() == DATA


def test_a_stream_can_be_added_twice(store: Store) -> None:
    store.add(BytesIO(DATA), CONTENT)
    store.add(BytesIO(DATA), CONTENT)
    assert read(store, CONTENT) == DATA


def test_empty_content(store: Store) -> None:
    store.add(BytesIO(), EMPTY)
    assert read(store, EMPTY) == b""


def test_an_adopted_file_leaves_its_place(store: Store, tmp_path: Path) -> None:
    for _ in range(2):
        path = tmp_path / "upload"
        path.write_bytes(DATA)
        store.adopt(path, CONTENT)
        assert not path.exists()
        assert read(store, CONTENT) == DATA


@pytest.mark.parametrize("data", [b"", DATA[:-1], DATA + b"x", b"y" + DATA[1:]])
def test_other_bytes_than_declared_are_refused(store: Store, data: bytes) -> None:
    with pytest.raises(ContentMismatchError):
        store.add(BytesIO(data), CONTENT)
    assert not store.exists(CONTENT)


def test_an_adopted_file_of_another_size_is_refused(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(DATA[:-1])
    with pytest.raises(ContentMismatchError):
        store.adopt(path, CONTENT)
    assert path.exists()
    assert not store.exists(CONTENT)


def test_bytes_that_are_not_there(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        store.open(CONTENT)
    store.delete(CONTENT)


def test_deleted_bytes_are_gone_but_for_open_readers(store: Store) -> None:
    store.add(BytesIO(DATA), CONTENT)
    with store.open(CONTENT) as file:
        store.delete(CONTENT)
        assert not store.exists(CONTENT)
        assert b"".join(iter(lambda: file.read(65536), b"")) == DATA


def test_readers_can_seek(store: Store) -> None:
    store.add(BytesIO(DATA), CONTENT)
    with store.open(CONTENT) as file:
        file.seek(len(DATA) - 5)
        assert file.read(100) == DATA[-5:]


class BrokenStream(BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 0:
            raise ConnectionError("the other side went away")
        return super().read(1000)


def test_nothing_is_kept_of_a_stream_that_breaks(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        store.add(BrokenStream(DATA), CONTENT)
    assert not store.exists(CONTENT)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_full_memory_store_refuses() -> None:
    store = MemoryStore(capacity_bytes=10)
    with pytest.raises(NoSpaceError):
        store.add(BytesIO(DATA), CONTENT)
    assert not store.exists(CONTENT)


def test_a_local_file_lies_under_its_hash(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.add(BytesIO(b"x"), Content.of(b"x"))
    digest = Content.of(b"x").sha256
    files = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]
    assert files == [f"{digest[:2]}/{digest[2:4]}/{digest}-1"]


def test_a_local_file_that_was_cut_short_is_replaced(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.add(BytesIO(DATA), CONTENT)
    store.path(CONTENT).write_bytes(DATA[:100])
    assert not store.exists(CONTENT)
    store.add(BytesIO(DATA), CONTENT)
    assert read(store, CONTENT) == DATA


@pytest.fixture
def other_file_system() -> Iterator[Path]:
    shm = Path("/dev/shm")
    path = shm / "debusine-test-adopt"
    if not shm.is_dir():
        pytest.fail("the tests need /dev/shm")
    yield path
    path.unlink(missing_ok=True)


def test_a_file_of_another_file_system_is_adopted(tmp_path: Path, other_file_system: Path) -> None:
    other_file_system.write_bytes(DATA)
    store = LocalStore(tmp_path)
    store.adopt(other_file_system, CONTENT)
    assert read(store, CONTENT) == DATA
    assert not other_file_system.exists()


def test_a_full_disk_is_said_in_words() -> None:
    with (
        pytest.raises(NoSpaceError, match="no space left") as caught,
        Path("/dev/full").open("wb", buffering=0) as full,
        no_space_is_an_answer(),
    ):
        full.write(b"x")
    assert caught.value.resolution is not None
