# SPDX-License-Identifier: GPL-3.0-or-later
"""
A package is built on a machine that reaches its mirror only with passwords.

All is real: server, agent, mmdebstrap, sbuild. Only root, if it is root who tests, can
read the passwords; the package looks for them while it is built.
"""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import zstandard

from debusine.tasks.apt_lending import install
from debusine.tasks.executors.base import ExecutorOptions
from debusine.tasks.executors.unshare import UnshareExecutor
from debusine.testing.environment import RealEnvironment, machine_source
from debusine.testing.extra_archive import ExtraArchive, extra_archive
from debusine.testing.ordinary_user import OrdinaryUser, ordinary_user, workplace
from debusine.testing.private_mirror import PrivateMirror, serve_private
from debusine.testing.secret_search import secrets_below, tar_names
from debusine.util.apt_access import access_of
from debusine.util.apt_config import read_machine
from debusine.util.apt_hooks import CHROOT_CONF, CHROOT_DIRECTORY
from debusine.util.command import Command, run
from debusine.util.userns import remove_tree

__all__ = ["ordinary_user", "workplace"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

NONCE = "a6f1c2"
# what the package's own code can find of APT's configuration and of other processes
SPY = """\
build-arch: spy
spy:
	ed --version
	sh debian/spy 2>&1
"""
SPY_SCRIPT = """\
echo "spy is $(id -un)"
env
apt-config dump
find / -xdev -name '*debusine-access*'
places='/etc/apt /tmp /var/tmp /root /home /run'
for file in $(find $places -type f) /proc/[0-9]*/environ /proc/[0-9]*/cmdline
do
    echo "spy: $file"
    tr '\\0' ' ' < "$file"
done
echo "spy is done"
"""


LEAK_SCRIPT = f"""\
#!/bin/sh
echo "leak runs as $(id -un)"
cat {CHROOT_CONF} {CHROOT_DIRECTORY}/* || true
"""


@dataclass(frozen=True, kw_only=True)
class Build:
    """
    What ``debusine build`` did.

    :param place: all that it wrote: data directory, output, what it printed
    :param shown: that
    :param apt_config: of the machine
    """

    place: Path
    apt_config: Path
    status: int
    shown: str

    @property
    def tarball(self) -> Path:
        """The environment in the server's store."""
        files = [path for path in (self.place / "data").rglob("*") if path.is_file()]
        return max(files, key=lambda path: path.stat().st_size)


@pytest.fixture(scope="module")
def extra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExtraArchive]:
    """An archive of the user; one of its packages is newer than that of the environment."""
    made = tmp_path_factory.mktemp("extra")
    with extra_archive() as archive:
        archive.add_flat(
            "flat", make_leak(made, "tiny-private"), make_leak(made, "build-essential", "999")
        )
        yield archive


@pytest.fixture(scope="module")
def private(certificates: Path, extra: ExtraArchive) -> Iterator[PrivateMirror]:
    with serve_private(machine_source(), certificates, extra=extra.root) as made:
        yield made


@pytest.fixture(scope="module")
def machine() -> Iterator[Path]:
    """A directory that other users can reach; what is private in it is made so."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/var/tmp"
    path = Path(tempfile.mkdtemp(prefix="debusine-test-", dir=base))
    path.chmod(0o711)
    yield path
    remove_tree(path)


def make_sources() -> ModuleType:
    path = Path(__file__).parents[2] / "data/make_sources.py"
    spec = importlib.util.spec_from_file_location("make_sources", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_sources"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def make_spy(directory: Path) -> Path:
    """Make a package that needs one more and looks around; returns its .dsc."""
    made = make_sources()
    source = made.Source(
        name="tiny-spy",
        packages={"tiny-spy": "any"},
        rules=made.RULES_HEAD + made.RULES_C + SPY,
        build_depends="ed, tiny-leak, tiny-private",
        extra={"spy": SPY_SCRIPT},
    )
    dsc: Path = made.make_source(source, directory, NONCE)
    return dsc


def make_leak(directory: Path, name: str = "tiny-leak", version: str = "1") -> Path:
    """Make a package that tells what it sees when it is installed; returns its .deb."""
    root = directory / f"{name}/DEBIAN"
    root.mkdir(parents=True)
    (root / "control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: all\n"
        "Maintainer: A <a@example.org>\nDescription: tells what it sees\n"
    )
    for script in ("preinst", "postinst"):
        (root / script).write_text(LEAK_SCRIPT.replace("leak runs", f"{name} runs"))
        (root / script).chmod(0o755)
    deb = directory / f"{name}_{version}_all.deb"
    run(Command(["dpkg-deb", "--root-owner-group", "--build", str(root.parent), str(deb)]))
    return deb


@pytest.fixture(scope="module")
def build(private: PrivateMirror, machine: Path, extra: ExtraArchive) -> Build:
    """Build the spy; makes the environment first."""
    apt_config = private.configure_apt(machine / "apt")
    place = machine / "place"
    place.mkdir()
    dsc = make_spy(machine / "source")
    leak = make_leak(machine / "source")
    argv = [
        str(Path(sys.executable).with_name("debusine")), "build", str(dsc),
        "--suite", private.source.suite, "--no-lintian", "--extra-package", str(leak),
        "--extra-repository", f"deb [signed-by={extra.key.armoured}] {private.extra_url} flat/",
        "--data-dir", str(place / "data"), "--output", str(place / "output"),
    ]  # fmt: skip
    env = {**os.environ, "APT_CONFIG": str(apt_config), "HOME": str(machine / "home")}
    with (place / "shown").open("wb") as log:
        done = run(Command(argv, env=env, log=log, check=False))
    shown = (place / "shown").read_text(errors="replace")
    return Build(place=place, apt_config=apt_config, status=done.returncode, shown=shown)


def test_the_package_is_built_through_proxy_and_mirror(
    build: Build, private: PrivateMirror
) -> None:
    assert build.status == 0, build.shown[-6000:]
    [deb] = (build.place / "output").glob("tiny-spy_*.deb")
    unpacked = run(Command(["dpkg-deb", "--fsys-tarfile", str(deb)])).stdout
    assert NONCE.encode() in unpacked
    # the environment, and what the build needs beside it
    asked = " ".join(private.mirror.traffic.asked)
    assert f"/debian/dists/{private.source.suite}/InRelease" in asked
    assert "/pool/main/e/ed/ed_" in asked
    assert "/extra/flat/tiny-private_1_all.deb" in asked
    assert set(private.proxy.traffic.asked) == {f"{private.mirror.host}:{private.mirror.port}"}
    assert (private.proxy.traffic.refused, private.mirror.traffic.refused) == (0, 0)


def test_the_package_found_nothing(build: Build) -> None:
    [log] = (build.place / "output").glob("*.build")
    text = log.read_text(errors="replace")
    spied = text[text.index("spy is ") : text.rindex("spy is done")]

    assert "tiny-leak runs as root" in text
    assert "tiny-private runs as root" in text
    # an upgrade would run while APT is still lent what it needs
    assert "build-essential runs as root" not in text
    assert "spy is root" not in spied
    assert "spy: /etc/apt/" in spied
    assert "spy: /proc/1/cmdline" in spied
    assert "debusine-access" not in spied
    # beside APT's own defaults
    assert "127.0.0.1" not in spied


def test_no_secret_is_anywhere(build: Build, private: PrivateMirror) -> None:
    assert secrets_below(build.place, private.secrets()) == []


def test_nothing_that_was_lent_stays(build: Build) -> None:
    names = tar_names(build.tarball)
    assert "etc/apt/sources.list.d/file.sources" in names
    lent = {CHROOT_DIRECTORY.lstrip("/"), CHROOT_CONF.lstrip("/")}
    assert [name for name in names if any(name.startswith(each) for each in lent)] == []


def test_in_a_sandbox_only_root_can_read_what_is_lent(
    build: Build, private: PrivateMirror, ordinary_user: OrdinaryUser, workplace: Path
) -> None:
    name = "system.tar.zst"
    shutil.copyfile(build.tarball, workplace / name)
    (workplace / name).chmod(0o644)
    data = {"filename": name, "codename": private.source.suite, "architecture": "amd64"}
    environment = RealEnvironment(path=workplace / name, data=data)
    environ = {**os.environ, "APT_CONFIG": str(build.apt_config)}
    access = access_of(read_machine(environ), environ=environ)
    lent = [f"{CHROOT_DIRECTORY}/{each}" for each in ("apt.conf", "auth.conf", "file-0.pem")]

    def check() -> None:
        options = ExecutorOptions(cache_directory=workplace / "cache")
        executor = UnshareExecutor(environment.client(), 1, "System", workplace, options=options)
        executor.download_image()
        instance = executor.create()
        instance.start()
        seen: dict[bool, bytes] = {}

        def step(command: list[str]) -> None:
            for as_root in (False, True):
                cat = ["cat", *lent, CHROOT_CONF]
                seen[as_root] = instance.run(cat, run_as_root=as_root).stdout
            instance.run(command, run_as_root=True, check=True)

        try:
            instance.create_user()
            install(instance, ["ed"], access=access, step=step)
            assert instance.run(["ed", "--version"]).returncode == 0
            assert seen[False] == b""
            assert private.credentials.password.encode() in seen[True]
            assert instance.run(["ls", *lent, CHROOT_CONF], run_as_root=True).stdout == b""
        finally:
            instance.stop()

    ordinary_user.call(check)


def test_the_search_finds_what_is_there(tmp_path: Path, private: PrivateMirror) -> None:
    secret = private.secrets()[1]
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        member = tarfile.TarInfo("etc/apt/auth.conf")
        member.size = len(secret)
        tar.addfile(member, io.BytesIO(secret))
    (tmp_path / "system.tar.zst").write_bytes(zstandard.compress(content.getvalue()))
    root = tmp_path / "package/DEBIAN"
    root.mkdir(parents=True)
    (root / "control").write_text(
        "Package: leak\nVersion: 1\nArchitecture: all\n"
        f"Maintainer: A <a@example.org>\nDescription: {secret.decode()}\n"
    )
    deb = tmp_path / "leak.deb"
    run(Command(["dpkg-deb", "--build", str(root.parent), str(deb)]))
    (tmp_path / "innocent").write_bytes(b"x" * 2**21)

    found = secrets_below(tmp_path, private.secrets())

    assert [place.removeprefix(f"{tmp_path}/") for place in found] == [
        "leak.deb/control.tar.xz, unpacked",
        "package/DEBIAN/control",
        "system.tar.zst, unpacked",
    ]
