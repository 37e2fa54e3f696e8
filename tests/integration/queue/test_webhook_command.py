# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands for webhooks and notification channels, against a server."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from debusine.cli.main import run
from debusine.db.models import NotificationChannel, Webhook, WebhookDelivery
from debusine.testing import factories
from debusine.testing.live_server import LiveServer

Call = Callable[..., str]


@pytest.fixture
def call(server: LiveServer, tmp_path: Path) -> Call:
    factories.make_workspace()
    key = factories.make_token(factories.make_user(superuser=True)).key
    config = tmp_path / "config.ini"
    config.write_text(
        "[General]\ndefault-server = here\n"
        f"[server:here]\napi-url = {server.url}/api\nscope = debusine\ntoken = {key}\n"
    )
    document = tmp_path / "data.yaml"

    def call(*arguments: str, data: Any = None) -> str:
        if data is not None:
            document.write_text(yaml.safe_dump(data))
            arguments += ("--data", str(document))
        with contextlib.redirect_stdout(io.StringIO()) as output:
            assert run(["--config-file", str(config), *arguments]) == 0
        # the server logs to the same place
        lines = output.getvalue().splitlines(keepends=True)
        return "".join(line for line in lines if "[debug" not in line)

    return call


def test_a_webhook_from_its_creation_to_its_end(call: Call) -> None:
    made = yaml.safe_load(call("webhook", "create", "ci", "https://ci.example.org/", "--yaml"))
    assert made["secret"] == Webhook.objects.get().secret
    assert "https://ci.example.org/" in call("webhook", "list")
    assert "secret" not in call("webhook", "show", "ci")
    assert "webhook.test" in call("webhook", "test", "ci")
    delivery = WebhookDelivery.objects.get()
    assert "due at" in call("webhook", "deliveries", "ci")
    assert call("webhook", "replay", "ci", "--delivery", str(delivery.pk)) == "1 will be sent\n"
    call("webhook", "disable", "ci", "--reason", "holidays")
    assert "disabled: holidays" in call("webhook", "list")
    assert "given up: the webhook was disabled" in call("webhook", "deliveries", "ci")
    call("webhook", "enable", "ci")
    assert call("webhook", "replay", "ci", "--after", "0") == "0 will be sent\n"
    call("webhook", "delete", "ci")
    assert not Webhook.objects.exists()


def test_a_channel_from_its_creation_to_its_end(call: Call) -> None:
    call("notification-channel", "create", "team", data={"to": ["team@example.org"]})
    data = {"from": "a@example.org", "to": ["b@example.org"], "subject": "News"}
    call("notification-channel", "change-data", "team", data=data)
    call("notification-channel", "change-name", "team", "group")
    (listed,) = yaml.safe_load(call("notification-channel", "list", "--yaml"))
    assert (listed["name"], listed["method"]) == ("group", "email")
    assert listed["data"]["to"] == ["b@example.org"]
    assert "News" in call("notification-channel", "list")
    assert NotificationChannel.objects.get().data == data | {"cc": []}
    call("notification-channel", "delete", "group")
    assert not NotificationChannel.objects.exists()
