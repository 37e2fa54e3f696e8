# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from debusine.cli.belongings import (
    find_belongings,
    is_in_use,
    remove_account,
    wait_until_stopped,
)
from debusine.cli.commands.purge import purge
from debusine.client import local_server
from debusine.client.local_server import DataDir, Holder
from debusine.errors import ConflictError, UserError
from debusine.standalone.access import Access, write_client_config
from debusine.util.file_lock import try_lock
from debusine.util.userns import remove_tree
from debusine.worker import config, directories, user
from debusine.worker.main import share

ACCESS = Access(
    api_url="http://127.0.0.1:1/api/", token="a" * 64, scope="debusine", workspace="System"
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory with nothing in it."""
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.setenv("HOME", str(path))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return path


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    path = tmp_path / "data"
    (path / "store").mkdir(parents=True)
    (path / "store" / "file").write_bytes(b"x" * 100_000)
    (path / "lock").touch()
    return DataDir(path)


def below(data_dir: DataDir, home: Path) -> list[tuple[str, str]]:
    """What is found of this test; the machine may have more."""
    places = (str(data_dir.root), str(home))
    return [
        (found.what, found.where)
        for found in find_belongings(data_dir.root)
        if found.where.startswith(places)
    ]


def test_the_configuration_that_was_named_is_looked_at(data_dir: DataDir, home: Path) -> None:
    other = home / "other.ini"
    write_client_config(other, ACCESS)
    found = [one for one in find_belongings(data_dir.root, other) if str(other) in one.where]
    assert [one.what for one in found] == ["server in your configuration"]


def remove_below(data_dir: DataDir, home: Path) -> None:
    for found in find_belongings(data_dir.root):
        if found.where.startswith((str(data_dir.root), str(home))):
            found.remove()


def test_names_are_those_of_the_agent() -> None:
    assert config.DEFAULT_USER == local_server.WORKER_USER
    assert user.COMMENT == local_server.WORKER_COMMENT
    assert directories.SCRATCH_PREFIX == local_server.SCRATCH_PREFIX


def test_finds_and_removes_data_and_configuration(data_dir: DataDir, home: Path) -> None:
    path = home / ".config/debusine/client/config.ini"
    write_client_config(path, ACCESS)
    assert below(data_dir, home) == [
        ("files", str(data_dir.root)),
        ("server in your configuration", f"{path} [server:local]"),
    ]
    remove_below(data_dir, home)
    assert below(data_dir, home) == []
    assert not data_dir.root.exists()
    assert not path.exists()


def test_servers_of_the_user_stay(data_dir: DataDir, home: Path) -> None:
    path = home / ".config/debusine/client/config.ini"
    path.parent.mkdir(parents=True)
    mine = "[General]\ndefault-server = far\n\n[server:far]\nscope = debian\n"
    path.write_text(mine)
    write_client_config(path, ACCESS)
    remove_below(data_dir, home)
    assert path.read_text() == mine


def test_says_how_large_data_are(data_dir: DataDir, home: Path) -> None:
    del home
    sizes = {found.where: found.size_bytes for found in find_belongings(data_dir.root)}
    assert sizes[str(data_dir.root)] >= 100_000


def test_lists_and_removes_nothing_on_a_dry_run(data_dir: DataDir, home: Path) -> None:
    del home
    result = CliRunner().invoke(purge, ["--data-dir", str(data_dir.root), "--dry-run"])
    assert str(data_dir.root) in result.output
    assert data_dir.root.exists()


def test_asks_before_it_removes(data_dir: DataDir, home: Path) -> None:
    del home
    result = CliRunner().invoke(purge, ["--data-dir", str(data_dir.root)], input="n\n")
    assert "Remove all of this?" in result.output
    assert "Nothing was removed." in result.output
    assert data_dir.root.exists()


def test_says_what_removes_without_asking_if_nobody_answers(data_dir: DataDir, home: Path) -> None:
    del home
    result = CliRunner().invoke(purge, ["--data-dir", str(data_dir.root)], input="")
    assert result.exit_code == 1
    assert "Nothing was removed; --yes" in result.output
    assert data_dir.root.exists()


def test_leaves_a_directory_alone_on_which_no_server_ever_ran(
    data_dir: DataDir, home: Path
) -> None:
    del home
    data_dir.lock.unlink()
    result = CliRunner().invoke(purge, ["--data-dir", str(data_dir.root), "--yes"])
    assert isinstance(result.exception, UserError)
    assert "holds store" in result.exception.brief
    assert (data_dir.root / "store" / "file").exists()


def test_refuses_while_a_server_runs(data_dir: DataDir, home: Path) -> None:
    del home
    lock = try_lock(data_dir.lock)
    assert lock is not None
    with lock:
        lock.write(Holder(pid=4711, url="http://127.0.0.1:1").as_json())
        result = CliRunner().invoke(purge, ["--data-dir", str(data_dir.root), "--yes"])
    assert isinstance(result.exception, ConflictError)
    assert "4711" in result.exception.brief
    assert data_dir.root.exists()


def test_waits_for_a_server_that_ends_after_its_build(data_dir: DataDir) -> None:
    data_dir.in_use.touch()
    lock = try_lock(data_dir.lock)
    assert lock is not None
    with pytest.raises(ConflictError):
        wait_until_stopped(data_dir.root, timeout_s=0.1)
    ending = threading.Timer(0.3, lock.release)
    ending.start()
    wait_until_stopped(data_dir.root, timeout_s=20)
    ending.join()
    assert try_lock(data_dir.lock) is not None


def test_the_scratch_of_a_running_task_is_in_use(tmp_path: Path) -> None:
    made, lock = directories.create(
        7, working=tmp_path, scratch_base=tmp_path, account=user.Account.current()
    )
    with lock:
        # whatever its task does there
        for path in made.scratch.iterdir():
            remove_tree(path)
        made.scratch.chmod(0o700)
        assert is_in_use(made.scratch)
    assert not is_in_use(made.scratch)
    assert not is_in_use(tmp_path / "none")


def test_an_account_stays_while_an_agent_works_with_it(tmp_path: Path) -> None:
    (tmp_path / "workdir").mkdir()
    with share(tmp_path / "workdir"), pytest.raises(ConflictError, match="runs tasks as nobody"):
        remove_account("nobody", tmp_path)
    assert (tmp_path / "workdir").exists()
