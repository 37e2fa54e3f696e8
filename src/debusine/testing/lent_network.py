# SPDX-License-Identifier: GPL-3.0-or-later
"""Let another root file system reach what this machine reaches: mirror and package index."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
from configparser import RawConfigParser
from pathlib import Path

from debusine.util.apt_access import access_of
from debusine.util.apt_config import read_machine

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
OWN_CERTIFICATES = Path("/usr/local/share/ca-certificates")
# how to reach an index, and whom to trust; not where programs keep their own files
_VARIABLE = re.compile(
    r"(PIP|UV)_\w*(INDEX|FIND_LINKS|CERT|TLS|HOST|PROXY|TIMEOUT|OFFLINE)\w*"
    r"|SSL_CERT_(FILE|DIR)|(REQUESTS|CURL)_CA_BUNDLE|(https?|all|no)_proxy",
    re.IGNORECASE,
)
_LOCAL = re.compile(r"(?:^|(?<=[\s=]))(?:file://)?(/[^\s]+)")


def apt_options(directory: Path) -> list[str]:
    """
    Options that let ``mmdebstrap`` reach the mirrors of this machine, then and later.

    :param directory: made, for what the options name
    """
    access = access_of(read_machine())
    conf = access.write(directory)
    return [f"--aptopt={conf}"] if access.is_needed else []


def lend_network(root: Path) -> list[Path]:
    """
    Configure a root file system like this machine, as far as networks are concerned.

    :param root: a Debian system that nobody has changed
    :returns: directories of this machine that its configuration names, sorted
    """
    certificates = [CERTIFICATES, *OWN_CERTIFICATES.rglob("*.crt")]
    for path in (Path("/etc/resolv.conf"), Path("/etc/hosts"), *certificates):
        _copy(path, root)
    for path in (Path("/etc/uv/uv.toml"), Path("~/.config/uv/uv.toml").expanduser()):
        _copy(path, root, to=Path("/etc/uv/uv.toml"))
    _lend_apt(root)
    variables = {name: value for name, value in os.environ.items() if _VARIABLE.fullmatch(name)}
    lines = (f"export {name}={shlex.quote(value)}\n" for name, value in sorted(variables.items()))
    (root / "etc/profile.d/network.sh").write_text("".join(lines))
    pip = _pip_configuration()
    (root / "etc/pip.conf").write_text(pip)
    named = {Path(name) for text in (pip, *variables.values()) for name in _LOCAL.findall(text)}
    absent = [path for path in sorted(named) if not (root / path.relative_to("/")).exists()]
    for path in absent:
        _copy(path, root)
    return [path for path in absent if path.is_dir()]


def _copy(path: Path, root: Path, *, to: Path | None = None) -> None:
    """Copy a file for every user; what is no file, or does not exist, is passed over."""
    if not path.is_file():
        return
    target = root / (to or path).relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    shutil.copyfile(path, target)
    target.chmod(0o644)


def _lend_apt(root: Path) -> None:
    """Put in place what :func:`apt_options` named, where every user there can read it."""
    access = access_of(read_machine())
    directory = root / "etc/apt/lent"
    conf = access.write(directory, seen_at="/etc/apt/lent")
    for path in [directory, *directory.iterdir()]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    conf.rename(root / "etc/apt/apt.conf.d/99mmdebstrap")


def _pip_configuration() -> str:
    """What pip's files say together, in its own order of precedence."""
    places = ["/etc/pip.conf", "/etc/xdg/pip/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf"]
    places.append(os.environ.get("PIP_CONFIG_FILE", "/dev/null"))
    merged = RawConfigParser()
    merged.read([Path(place).expanduser() for place in places])
    text = io.StringIO()
    merged.write(text)
    return text.getvalue()
