# SPDX-License-Identifier: GPL-3.0-or-later
"""Who a token makes its bearer."""

from __future__ import annotations

from debusine.wire.base import WireModel


class Whoami(WireModel):
    """The caller, as the server sees it; ``user`` is ``<anonymous>`` for nobody."""

    user: str
    auth: bool
    work_request: int | None = None
    worker: bool = False
