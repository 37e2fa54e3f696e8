# SPDX-License-Identifier: GPL-3.0-or-later
"""Where people find the pages of a server."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin


@dataclass(frozen=True, kw_only=True, slots=True)
class Pages:
    """
    The pages of a server.

    :param api_url: of the server, such as ``https://debusine.example.org/api``
    :param data_dir: of an embedded server that ends soon; None if the server stays
    """

    api_url: str
    data_dir: Path | None = None

    def url(self, path: str) -> str | None:
        """
        Whole address of a page; None if nobody answers there later.

        >>> Pages(api_url="https://d.example.org/api").url("/scope/workspace/")
        'https://d.example.org/scope/workspace/'
        """
        return urljoin(self.api_url, path) if self.data_dir is None else None

    def where(self, path: str, *, program: str) -> str:
        """
        Say to people where a page is.

        :param program: how they call this program

        >>> Pages(api_url="http://127.0.0.1:1/api", data_dir=Path("/d")).where("/x/", program="d")
        '/x/ on the server that `d up --data-dir /d` starts'
        """
        if self.data_dir is None:
            return urljoin(self.api_url, path)
        command = shlex.join([program, "up", "--data-dir", str(self.data_dir)])
        return f"{path} on the server that `{command}` starts"
