# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a work request in Debian's Chromium: log in, watch the log, see the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from debusine.testing.farm import Farm, farm
from debusine.testing.waiting import PATIENCE_S

CHROMIUM = "/usr/bin/chromium"
# the rest keeps it from talking to anybody but our server
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
pytestmark = [pytest.mark.browser, pytest.mark.real, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def running() -> Iterator[Farm]:
    with farm(Path(__file__).parent / "plugin") as one:
        yield one


@pytest.fixture
def page(running: Farm) -> Iterator[Page]:
    """A browser that has logged in with the administrator's token."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(base_url=f"http://127.0.0.1:{running.port}")
        context.set_default_timeout(PATIENCE_S * 1000)
        expect.set_options(timeout=PATIENCE_S * 1000)
        page = context.new_page()
        page.goto("/-/login/")
        page.get_by_label("Token").fill(running.token())
        page.get_by_role("button", name="Log in").click()
        yield page
        browser.close()


def page_of(page: Page, work_request_id: int) -> None:
    page.goto(f"/debusine/System/work-request/{work_request_id}/")


def show_me(page: Page, name: str) -> None:
    """Keep a picture where the environment asks for one."""
    if directory := os.environ.get("DEBUSINE_TEST_PICTURES"):
        page.screenshot(path=f"{directory}/{name}.png", full_page=True)


def test_the_log_is_live_and_the_end_shows_by_itself(running: Farm, page: Page) -> None:
    flag = running.root / "go"
    script = f"echo first line; until [ -e {flag} ]; do sleep 0.05; done; echo last line"
    request = running.probe(running.upload_input(size_mib=1), script, upload_mib=1)
    page_of(page, request.id)
    log = page.get_by_role("log")
    expect(log).to_contain_text("first line")
    expect(page.locator("h1")).to_contain_text("Running")
    expect(page.get_by_role("button", name="Abort")).to_be_visible()
    show_me(page, "running")
    flag.touch()
    expect(page.locator("h1")).to_contain_text("Success")
    expect(log).to_contain_text("last line")
    expect(page.get_by_role("cell", name="debusine:test", exact=True)).to_be_visible()
    show_me(page, "success")


def test_the_abort_button_aborts(running: Farm, page: Page) -> None:
    request = running.probe(running.upload_input(size_mib=1), "sleep 60")
    page_of(page, request.id)
    page.get_by_role("button", name="Abort").click()
    expect(page.locator("h1")).to_contain_text("Aborted")
    assert running.wait_final(request.id).status == "aborted"
    show_me(page, "aborted")


def test_a_log_with_markup_is_shown_as_text(running: Farm, page: Page) -> None:
    script = "echo '<img src=x onerror=document.title=1><script>document.title=2</script>'"
    request = running.probe(running.upload_input(size_mib=1), script, upload_mib=1)
    running.wait_final(request.id)
    page_of(page, request.id)
    expect(page.get_by_role("log")).to_contain_text("<script>document.title=2</script>")
    assert page.title() not in {"1", "2"}


def test_what_steers_terminals_does_not_garble_the_log(running: Farm, page: Page) -> None:
    flag = running.root / "steer"
    script = (
        f"until [ -e {flag} ]; do sleep 0.05; done;"
        " printf 'a\\033[31mred\\033[0m\\033]0;title\\007 10%%\\r100%%\\r\\nb\\033['; sleep 0.5;"
        " printf '32mgreen\\n'; sleep 2"
    )
    request = running.probe(running.upload_input(size_mib=1), script, upload_mib=1)
    page_of(page, request.id)
    log = page.get_by_role("log")
    expect(page.get_by_role("status").last).to_contain_text("Following the log")
    flag.touch()
    expect(log).to_contain_text("ared 10%\n100%\nbgreen\n")
    # the page that comes at the end has it from the server
    expect(page.locator("h1")).to_contain_text("Success")
    expect(log).to_contain_text("ared 10%\n100%\nbgreen\n")
    assert "\x1b" not in (log.text_content() or "")
