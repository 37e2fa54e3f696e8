# SPDX-License-Identifier: GPL-3.0-or-later
"""A GnuPG home directory that exists as long as it takes to sign."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from debusine.errors import DebusineError
from debusine.util.command import Command, run

_TIMEOUT_S = 60
_GPG = ("gpg", "--batch", "--no-tty", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "")


class GnupgHome:
    """
    Keys of one home directory.

    Every method raises :class:`CommandError` if gpg does not do what it is asked.

    :param path: of the directory, for its owner only
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._env = {**os.environ, "GNUPGHOME": str(path), "LC_ALL": "C.UTF-8"}

    def generate(self, user_id: str) -> str:
        """
        Make an Ed25519 key that signs and never expires.

        :returns: its fingerprint
        """
        self.gpg("--quick-generate-key", user_id, "ed25519", "sign", "never")
        listed = self.gpg("--with-colons", "--list-secret-keys").decode().splitlines()
        [fingerprint] = [line.split(":")[9] for line in listed if line.startswith("fpr:")]
        return fingerprint

    def export_secret(self, fingerprint: str) -> bytes:
        """The private key, unprotected."""
        return self.gpg("--export-secret-keys", fingerprint)

    def export(self, fingerprint: str) -> bytes:
        """The public key."""
        return self.gpg("--export", fingerprint)

    def take(self, key: bytes) -> None:
        """Take a key, private or public."""
        self.gpg("--import", stdin=key)

    def sign(
        self, fingerprints: Sequence[str], source: Path, target: Path, *, detached: bool
    ) -> None:
        """Sign a file with several keys."""
        keys = [word for each in fingerprints for word in ("--local-user", f"{each}!")]
        how = "--detach-sign" if detached else "--clear-sign"
        self.gpg("--yes", "--armor", *keys, "--output", str(target), how, str(source))

    def debsign(self, fingerprint: str, changes: Path) -> None:
        """Sign an upload in place."""
        # debsign needs a program of one word
        program = self.path / "gpg"
        program.write_text(f'#!/bin/sh\nexec {" ".join(_GPG[:-1])} "" "$@"\n')
        program.chmod(0o700)
        argv = ["debsign", "--no-conf", f"-p{program}", f"-k{fingerprint}", "--re-sign"]
        run(Command([*argv, changes.name], cwd=changes.parent, env=self._env, timeout_s=_TIMEOUT_S))

    def verify(self, signed: Path, source: Path | None = None) -> list[str]:
        """
        Fingerprints of the keys whose signatures are good, sorted.

        :param signed: the signature, or the file that holds it
        :param source: what was signed, if it is another file
        """
        files = [str(signed), *([] if source is None else [str(source)])]
        said = self.gpg("--status-fd", "1", "--verify", *files).decode()
        return sorted(
            line.split()[2] for line in said.splitlines() if line.startswith("[GNUPG:] VALIDSIG ")
        )

    def gpg(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        """Run gpg; its output."""
        command = Command([*_GPG, *arguments], env=self._env, timeout_s=_TIMEOUT_S, stdin=stdin)
        return run(command).stdout

    def close(self) -> None:
        """End the agent that gpg started, and with it what it remembers."""
        command = Command(["gpgconf", "--kill", "all"], env=self._env, timeout_s=_TIMEOUT_S)
        with suppress(DebusineError):
            run(command)


@contextmanager
def gnupg_home() -> Iterator[GnupgHome]:
    """Make a home directory in ``TMPDIR``, which tasks have in memory where there is room."""
    # tempfile may remember another one from before the task began
    place = os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory(prefix="gpg-", dir=place, ignore_cleanup_errors=True) as name:
        home = GnupgHome(Path(name))
        try:
            yield home
        finally:
            home.close()
