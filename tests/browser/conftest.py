"""A browser at the back-office of a live hub; whatever a page complains of fails its test."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client as DjangoClient
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from accounts.models import Connection
from hubcustomers.backoffice.reach import Role
from hubcustomers.tests.desk import sign_in, staff
from tests.browser.chromium import FLAGS, chromium

# Without a browser there is nothing to collect here; the root conftest says so.
collect_ignore_glob = [] if chromium() else ["test_*.py"]

# What a loaded machine needs; a test waits for a state, never for a time.
PATIENCE_MS = 30_000
SCREENSHOTS = Path(__file__).resolve().parents[2] / ".screenshots"
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
_TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", event =>
  console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""

OpenAs = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # One worker, so one browser, for all of them.
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


_FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this folder."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright's own loop runs in this thread, and Django takes tests for coroutines.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        expect.set_options(timeout=PATIENCE_MS)
        launched = playwright.chromium.launch(
            executable_path=chromium(), args=FLAGS, timeout=4 * PATIENCE_MS
        )
        yield launched
        launched.close()


@pytest.fixture
def open_page(
    browser: Browser, live_server: Any, request: pytest.FixtureRequest
) -> Iterator[OpenAs]:
    """Open windows of their own in a browser nobody is signed in to.

    The test fails on an error in a console, on what the page's policy forbids, and on a
    request to any host but ours.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(*, viewport: Any = DESKTOP, **options: Any) -> Page:
        context = browser.new_context(base_url=live_server.url, viewport=viewport, **options)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(_TELL_VIOLATIONS)
        _listen(context, urlsplit(live_server.url).netloc, complaints)
        contexts.append(context)
        return context.new_page()

    yield open_page
    if request.node.stash.get(_FAILED, False):
        _take_screenshots(request.node.nodeid, contexts)
    for context in contexts:
        context.close()
    assert complaints == []


def _listen(context: BrowserContext, host: str, complaints: list[str]) -> None:
    def check_request(sent: Any) -> None:
        there = urlsplit(sent.url)
        if there.scheme not in {"data", "blob"} and there.netloc != host:
            complaints.append(f"asked another host: {sent.url}")

    def check_message(message: Any) -> None:
        # The browser reports answers like 403 as well: those are what a test may be about.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            complaints.append(f"console: {message.text}")

    context.on("request", check_request)
    context.on("console", check_message)
    context.on("weberror", lambda error: complaints.append(f"script: {error.error}"))


def _take_screenshots(name: str, contexts: list[BrowserContext]) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    stem = re.sub(r"\W+", "-", name.removeprefix("tests/browser/"))
    pages = [page for context in contexts for page in context.pages]
    for number, page in enumerate(pages, start=1):
        page.screenshot(path=SCREENSHOTS / f"{stem}-{number}.png", full_page=True)


@pytest.fixture
def open_as(open_page: OpenAs, live_server: Any) -> OpenAs:
    """Open a window in which this staff user is signed in."""

    def open_as(user: User, **options: Any) -> Page:
        http = DjangoClient()
        sign_in(http, user)
        page = open_page(**options)
        cookie = http.cookies["sessionid"]
        page.context.add_cookies(
            [{"name": cookie.key, "value": cookie.value, "url": live_server.url}]
        )
        return page

    return open_as


@pytest.fixture
def manager(bistro: Connection) -> User:
    """The bistro's manager."""
    return staff("marie", bistro.account, role=Role.MANAGER)


@pytest.fixture
def page(open_as: OpenAs, manager: User) -> Page:
    """A window of the bistro's manager, signed in."""
    return open_as(manager)


@pytest.fixture
def phone(open_as: OpenAs, manager: User) -> Page:
    """The same on a telephone."""
    return open_as(manager, viewport=PHONE, has_touch=True, is_mobile=True)
