# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the rows of so many workers in the data directory of the environment; prints their keys."""

from __future__ import annotations

import json
import os
import sys

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "debusine.site.settings"
django.setup()

from django.db import transaction  # noqa: E402  after the set-up

from debusine.testing import factories  # noqa: E402


def main() -> None:
    with transaction.atomic():
        made = [factories.make_worker(connected=False) for _ in range(int(sys.argv[1]))]
    json.dump([one.key for one in made], sys.stdout)


if __name__ == "__main__":
    main()
