# SPDX-License-Identifier: GPL-3.0-or-later
"""
The nursery of a signing worker: that of every worker, and it knows where keys are.

Where they are comes by a variable of its environment, as a database URL may hold a
password, and what stands in arguments is for everybody to see.
"""

from __future__ import annotations

import json
import os
import sys

from debusine.signing.config import KeySettings
from debusine.signing.database import load_driver
from debusine.signing.trade import signing_trade
from debusine.worker import nursery

PROGRAM = "debusine.signing.nursery"
_VARIABLE = "DEBUSINE_SIGNING_KEYS"


def environment(settings: KeySettings) -> dict[str, str]:
    """Variables that tell a nursery where keys are."""
    return {_VARIABLE: json.dumps(settings.to_json())}


def main() -> None:
    """Serve an agent; see :func:`debusine.worker.nursery.main`."""
    settings = KeySettings.from_json(json.loads(os.environ.pop(_VARIABLE)))
    if settings.database_url is not None:
        load_driver()
    nursery.main(sys.argv[1:], signing_trade(settings))


if __name__ == "__main__":
    main()
