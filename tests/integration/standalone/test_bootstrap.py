# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from debusine.db.models import Collection, Token, TokenType, User, Worker
from debusine.db.upgrade import migrate_if_needed, migrations_on_disk
from debusine.errors import ConflictError
from debusine.server.actions.bootstrap import bootstrap, invite_worker
from debusine.server.actor import actor_for_key

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def run(*, user_key: str = "user-key", worker_key: str = "worker-key") -> None:
    bootstrap(
        scope_name="debusine",
        workspace_name="System",
        user_key=user_key,
        worker_key=worker_key,
        now=NOW,
    )


def test_both_keys_open_their_doors() -> None:
    run()
    user = actor_for_key("user-key", now=NOW).require_user()
    assert (user.username, user.is_superuser) == ("admin", True)
    assert actor_for_key("worker-key", now=NOW).require_worker().name == "local"


def test_environments_have_a_place() -> None:
    run()
    collection = Collection.objects.get()
    assert str(collection) == "debian@debian:environments"
    assert str(collection.workspace) == "debusine/System"


def test_a_second_start_changes_nothing() -> None:
    run()
    before = [list(model.objects.values()) for model in (User, Token, Worker, Collection)]
    run()
    assert [list(model.objects.values()) for model in (User, Token, Worker, Collection)] == before


def test_a_lost_key_of_the_agent_is_replaced() -> None:
    run()
    run(worker_key="another")
    assert actor_for_key("worker-key", now=NOW).worker is None
    assert actor_for_key("another", now=NOW).require_worker().name == "local"
    assert Worker.objects.count() == 1


def test_the_administrator_cannot_log_in_with_a_password() -> None:
    run()
    assert not User.objects.get().has_usable_password()


def test_an_invitation_holds_for_its_time() -> None:
    name = invite_worker(key="first", now=NOW, valid_for=timedelta(hours=1))
    worker = Worker.objects.get(name=name)
    token = worker.activation_token
    assert token is not None
    assert (token.token_type, token.enabled) == (TokenType.WORKER_ACTIVATION, True)
    assert token.expire_at == NOW + timedelta(hours=1)


def test_an_invitation_that_nobody_took_up_is_used_again() -> None:
    first = invite_worker(key="first", now=NOW, valid_for=timedelta(hours=1))
    assert invite_worker(key="second", now=NOW, valid_for=timedelta(hours=1)) == first
    assert Worker.objects.count() == 1
    assert Token.objects.count() == 1


def test_a_worker_that_joined_keeps_its_name() -> None:
    first = invite_worker(key="first", now=NOW, valid_for=timedelta(hours=1))
    Worker.objects.filter(name=first).update(
        token=Token.objects.create(token_type=TokenType.WORKER, hash="x", created_at=NOW)
    )
    assert invite_worker(key="second", now=NOW, valid_for=timedelta(hours=1)) != first


def test_nothing_is_migrated_when_every_file_is_recorded() -> None:
    assert ("db", "0001_pre_first") in migrations_on_disk()
    assert not migrate_if_needed()


def test_one_missing_record_is_noticed() -> None:
    MigrationRecorder(connection).record_unapplied("sessions", "0001_initial")
    recorded = set(MigrationRecorder(connection).applied_migrations())
    assert migrations_on_disk() - recorded == {("sessions", "0001_initial")}


def test_a_database_of_a_newer_version_is_refused() -> None:
    MigrationRecorder(connection).record_applied("db", "9999_pre_future")
    with pytest.raises(ConflictError, match="newer version") as caught:
        migrate_if_needed()
    assert "9999_pre_future" in caught.value.explain()


def test_what_others_recorded_is_none_of_ours() -> None:
    MigrationRecorder(connection).record_applied("their_app", "0001_initial")
    assert not migrate_if_needed()
