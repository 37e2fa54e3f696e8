# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from debusine.db.models import WorkRequest
from debusine.errors import NotFoundError
from debusine.server.actor import ANONYMOUS, Actor
from debusine.server.views.work_request import find_work_request, visible_work_requests
from debusine.testing import factories


@pytest.fixture
def actors(db: None) -> dict[str, Actor]:
    running = factories.make_running()
    return {
        "nobody": ANONYMOUS,
        "a user": Actor(user=factories.make_user("bob")),
        "an administrator": Actor(user=factories.make_user("root", superuser=True)),
        "a worker": Actor(worker=factories.make_worker().worker),
        "a task": Actor(user=running.work_request.created_by, attempt=running.attempt),
    }


def test_one_request_is_found_where_the_listing_shows_it(actors: dict[str, Actor]) -> None:
    here, elsewhere = factories.make_scope(), factories.make_scope("other")
    for scope in (here, elsewhere):
        for public in (False, True):
            place = factories.make_workspace(f"W{public}", scope=scope, public=public)
            factories.make_work_request(workspace=place)
    shown = 0
    for name, actor in actors.items():
        for scope in (None, here, elsewhere):
            visible = set(visible_work_requests(actor, scope).values_list("pk", flat=True))
            shown += len(visible)
            found = set()
            for pk in WorkRequest.objects.values_list("pk", flat=True):
                try:
                    found.add(find_work_request(actor, pk, scope=scope).pk)
                except NotFoundError:
                    continue
            assert found == visible, (name, scope)
    assert shown
