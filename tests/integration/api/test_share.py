# SPDX-License-Identifier: GPL-3.0-or-later
"""Fair share: who has had much comes later, administrators say who may have more."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.integration.conftest import ApiClient

from debusine.db.models import Share, WorkRequest
from debusine.domain.fair_share import EXPECTED_S
from debusine.domain.scheduling import order_number
from debusine.server.actions.abort_work_request import abort_work_request
from debusine.server.actions.change_priority import change_priority
from debusine.server.actions.claim_work_request import claim_work_request
from debusine.server.actions.create_work_request import create_work_request
from debusine.server.actor import Actor
from debusine.testing import factories
from debusine.testing.clock import FakeClock
from debusine.util.clock import SystemClock

HOUR_S = 3600.0


class Farm:
    """Users who ask for work at times that a test says."""

    def __init__(self, commit: Any) -> None:
        self.clock = FakeClock()
        self.place = factories.make_workspace()
        self.alice = factories.make_user("alice", superuser=True)
        self.bob = factories.make_user("bob", superuser=True)
        self.worker = factories.make_worker().worker
        self.commit = commit

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def ask(self, user: Any) -> WorkRequest:
        self.clock.advance(1)
        with self.commit(execute=True):
            return create_work_request(
                Actor(user=user), workspace=self.place, task_name="noop", data={}, now=self.now
            )

    def claim(self) -> int | None:
        with self.commit(execute=True):
            got = claim_work_request(Actor(worker=self.worker), now=self.now)
        return None if got is None else got.work_request.pk

    def use(self, user: Any, used_s: float) -> None:
        values = {"used_s": used_s, "updated_s": self.now.timestamp()}
        Share.objects.update_or_create(user=user, defaults=values)


@pytest.fixture
def farm(db: None, django_capture_on_commit_callbacks: Any) -> Farm:
    return Farm(django_capture_on_commit_callbacks)


def test_who_has_had_nothing_comes_before_who_has_had_much(farm: Farm) -> None:
    farm.use(farm.alice, 4 * HOUR_S)
    farm.use(farm.bob, 0.0)
    first, second = farm.ask(farm.alice), farm.ask(farm.bob)
    assert farm.claim() == second.pk
    # a day would do as well: age wins
    assert first.order - second.order < timedelta(hours=12).total_seconds() * 1000


def test_the_order_among_equals_and_without_fair_share_is_the_plain_one(
    farm: Farm, settings: Any
) -> None:
    def is_plain(request: WorkRequest) -> bool:
        return request.order == order_number(0, request.created_at)

    assert all(is_plain(farm.ask(user)) for user in (farm.alice, farm.alice, farm.bob))
    farm.use(farm.alice, HOUR_S)
    farm.use(farm.bob, HOUR_S)
    assert is_plain(farm.ask(farm.alice))
    farm.use(farm.bob, 9 * HOUR_S)
    assert not is_plain(farm.ask(farm.alice))
    settings.DEBUSINE = settings.DEBUSINE.model_copy(update={"fair_share_max": timedelta(0)})
    before = Share.objects.get(user=farm.alice).used_s
    assert is_plain(farm.ask(farm.alice))
    assert Share.objects.get(user=farm.alice).used_s == before


def test_a_burst_of_one_user_leaves_the_other_its_turn(farm: Farm) -> None:
    for _ in range(30):
        farm.ask(farm.alice)
    single = farm.ask(farm.bob)
    assert farm.claim() == single.pk


def test_what_attempts_took_is_charged_and_fades(farm: Farm) -> None:
    request = farm.ask(farm.alice)
    farm.claim()
    farm.clock.advance(100)
    with farm.commit(execute=True):
        abort_work_request(Actor(user=farm.alice), request=request, now=farm.now)
    by_user, by_workspace = Share.objects.get(user=farm.alice), Share.objects.get(user=None)
    assert by_workspace.workspace == farm.place
    for share in (by_user, by_workspace):
        assert share.used_s == pytest.approx(100, rel=0.01)
        assert share.updated_s == farm.now.timestamp()
    farm.clock.advance(86400)
    farm.ask(farm.alice)
    by_user.refresh_from_db()
    assert by_user.used_s == pytest.approx(50 + EXPECTED_S, rel=0.01)
    # whoever was away for longer than databases can count
    farm.clock.jump(timedelta(days=20000))
    farm.ask(farm.alice)
    by_user.refresh_from_db()
    assert by_user.used_s == pytest.approx(EXPECTED_S)
    # and a clock that is set back takes nothing away
    farm.clock.jump(timedelta(days=-20000))
    farm.ask(farm.alice)
    by_user.refresh_from_db()
    assert by_user.used_s == pytest.approx(2 * EXPECTED_S)


def test_a_change_of_priority_keeps_what_fair_share_did(farm: Farm) -> None:
    farm.use(farm.alice, 4 * HOUR_S)
    farm.use(farm.bob, 0.0)
    request = farm.ask(farm.alice)
    before = request.order
    for adjustment in (5, -3, 0):
        change_priority(Actor(user=farm.alice), request=request, adjustment=adjustment)
    assert WorkRequest.objects.get(pk=request.pk).order == before
    assert before != order_number(0, request.created_at)


def test_administrators_say_who_may_have_more(api: ApiClient, user: Any) -> None:
    assert api.get("/share/").json() == []
    wanted = {"kind": "user", "name": user.username, "weight": 2.5}
    assert api.put("/share/", wanted).json() == {**wanted, "used_s": 0.0}
    Share.objects.update(used_s=7.0, updated_s=SystemClock().now().timestamp() + 60)
    wanted["weight"] = 0.5
    assert api.put("/share/", wanted).json() == {**wanted, "used_s": 7.0}
    place = {"kind": "workspace", "name": "debusine/System", "weight": 3.0}
    assert api.put("/share/", place).status_code == 200
    assert api.get("/share/").json() == [{**wanted, "used_s": 7.0}, {**place, "used_s": 0.0}]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"name": "nobody"}, 404),
        ({"kind": "workspace", "name": "System"}, 404),
        ({"kind": "scope"}, 400),
        ({"weight": 0}, 400),
        ({"weight": -1}, 400),
        ({"weight": 1e9}, 400),
        ({"more": 1}, 400),
    ],
)
def test_wrong_shares_are_refused(
    api: ApiClient, user: Any, change: dict[str, Any], status: int
) -> None:
    wanted = {"kind": "user", "name": user.username, "weight": 2.0} | change
    assert api.put("/share/", wanted).status_code == status
    assert not Share.objects.exists()


def test_shares_are_for_administrators(workspace: Any, worker_api: ApiClient) -> None:
    person = ApiClient(factories.make_token(factories.make_user("carol")).key)
    wanted = {"kind": "user", "name": "carol", "weight": 9.0}
    for client in (person, worker_api, ApiClient()):
        assert client.get("/share/").status_code == 403
        assert client.put("/share/", wanted).status_code == 403
