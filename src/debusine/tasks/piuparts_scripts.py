# SPDX-License-Identifier: GPL-3.0-or-later
"""
Scripts that piuparts runs inside of the system in which it tests.

Which script runs when follows from its name; one called like a script of piuparts itself
takes its place.

:source: piuparts(1), custom scripts
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from debusine.util.apt_access import AptAccess
from debusine.util.apt_hooks import CHROOT_CONF, CHROOT_DIRECTORY

# files of the kernel in /proc and /dev are not the package's: https://bugs.debian.org/1125784
BAD_PERMISSIONS = "pre_remove_50_find_bad_permissions"
# users are added in a system that may lack the program: https://bugs.debian.org/1125789
PASSWD = "post_setup_00_passwd"  # noqa: S105  the package of that name
APT_ACCESS = "post_chroot_unpack_debusine_apt_access"
EXTRA_REPOSITORIES = "post_chroot_unpack_debusine_extra_repos"

_HEAD = "#!/bin/sh\nset -e\n"
_FIXED = {
    BAD_PERMISSIONS: f"{_HEAD}echo 'permissions are not checked: https://bugs.debian.org/1125784'\n",
    PASSWD: f"{_HEAD}[ -x /usr/sbin/useradd ] || apt-get --yes install passwd\n",
}


def write_scripts(directory: Path, scripts: Mapping[str, str]) -> None:
    """
    Write the scripts that every run needs, and more.

    :param directory: made if it is missing
    :param scripts: text by name
    """
    directory.mkdir(exist_ok=True)
    for name, text in {**_FIXED, **scripts}.items():
        path = directory / name
        path.write_text(text)
        path.chmod(0o755)


def files_script(files: Mapping[str, str]) -> str:
    """
    A script that writes files.

    :param files: content by absolute path; everybody may read them

    >>> print(files_script({"/etc/motd": "it's me"}))
    #!/bin/sh
    set -e
    mkdir -p /etc
    printf %s 'it'"'"'s me' > /etc/motd
    chmod 0644 /etc/motd
    <BLANKLINE>
    """
    lines = []
    for path, content in files.items():
        quoted = shlex.quote(path)
        lines += [
            f"mkdir -p {shlex.quote(str(Path(path).parent))}",
            f"printf %s {shlex.quote(content)} > {quoted}",
            f"chmod 0644 {quoted}",
        ]
    return _HEAD + "".join(f"{line}\n" for line in lines)


def repository_files(paths: Iterable[Path], place: str) -> dict[str, str]:
    """Content of files by where they go in a directory."""
    return {f"{place}/{path.name}": path.read_text() for path in paths}


def access_script(access: AptAccess, scratch: Path) -> str | None:
    """
    A script that lets APT reach mirrors as this machine does.

    What is secret is left out: the packages that are tested could read it.

    :param scratch: a directory to write to
    :returns: None if nothing is to be said
    """
    public = access.without_secrets()
    if not public.is_needed:
        return None
    conf = public.write(scratch, seen_at=CHROOT_DIRECTORY)
    files = {
        CHROOT_CONF if path == conf else f"{CHROOT_DIRECTORY}/{path.name}": path.read_text()
        for path in sorted(scratch.iterdir())
    }
    return files_script(files)
