# SPDX-License-Identifier: GPL-3.0-or-later
"""Say who signed a .dsc. A bad or missing signature is a warning: local packages have none."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from debusine.errors import NotPossibleError
from debusine.util.command import Command, run

KEYRINGS = tuple(
    Path("/usr/share/keyrings") / name
    for name in (
        "debian-keyring.gpg",
        "debian-maintainers.gpg",
        "debian-nonupload.gpg",
        "debian-tag2upload.pgp",
        "debian-keyring.pgp",
        "debian-maintainers.pgp",
        "debian-archive-keyring.gpg",
    )
)
_LIMIT_S = 60


class Trust(Enum):
    """What is known about a signature."""

    GOOD = "good"
    UNKNOWN_KEY = "unknown key"
    BAD = "bad"
    MISSING = "missing"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """The judgement on one file."""

    trust: Trust
    signer: str = ""

    def warning(self, name: str) -> str | None:
        """What the user should know, None if all is well."""
        match self.trust:
            case Trust.GOOD:
                return None
            case Trust.BAD:
                return f"{name} has a BAD signature ({self.signer}): it was changed after signing"
            case Trust.MISSING:
                return f"{name} is not signed"
            case Trust.UNKNOWN_KEY:
                return (
                    f"{name} is signed with a key this machine does not know ({self.signer});"
                    " the package debian-keyring has those of Debian's developers"
                )
            case Trust.UNCHECKED:
                return f"the signature of {name} was not checked: gpgv is not installed"


def check_signature(path: Path, *, keyrings: Sequence[Path] = KEYRINGS) -> Signature:
    """Check the signature of a .dsc against the keyrings that exist."""
    with path.open("rb") as file:
        if b"-----BEGIN PGP SIGNED MESSAGE-----" not in file.read(4096):
            return Signature(trust=Trust.MISSING)
    known = [keyring for keyring in keyrings if keyring.is_file()]
    options = [f"--keyring={keyring}" for keyring in known] or ["--keyring=/dev/null"]
    with tempfile.TemporaryDirectory(prefix="debusine-gpgv-") as home:
        argv = ["gpgv", f"--homedir={home}", "--status-fd=1", *options, "--", str(path.absolute())]
        try:
            done = run(Command(argv, check=False, timeout_s=_LIMIT_S))
        except NotPossibleError:
            return Signature(trust=Trust.UNCHECKED)
    return judge(done.text, returncode=done.returncode)


def judge(status: str, *, returncode: int) -> Signature:
    """
    Read the status lines of gpgv.

    :param status: what it wrote on its status descriptor
    :source: GnuPG's doc/DETAILS, general status codes
    """
    found = dict(re.findall(r"^\[GNUPG:\] ([A-Z_]+) ?(.*)$", status, re.MULTILINE))
    if "BADSIG" in found:
        return Signature(trust=Trust.BAD, signer=found["BADSIG"])
    if returncode == 0 and "VALIDSIG" in found and "GOODSIG" in found:
        return Signature(trust=Trust.GOOD, signer=found["GOODSIG"])
    signer = found.get("NO_PUBKEY") or found.get("ERRSIG") or found.get("EXPKEYSIG") or "unreadable"
    return Signature(trust=Trust.UNKNOWN_KEY, signer=signer.split(" ")[0])
