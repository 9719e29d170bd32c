"""Headless Chromium for the tests here, driven by Playwright against Django's live server."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from projects.models import User
from tests.browser.asgi_server import serving, working
from tests.browser.walker import Walker
from tests.factories import make_project, make_user

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    # Playwright's synchronous API runs an event loop in this thread, which Django's ORM refuses otherwise.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()


def wait_for_quiet_database(seconds: float = 5) -> None:
    """Let the server end what a closed page had asked for: emptying the tables would deadlock with it."""
    still = 0
    deadline = time.monotonic() + seconds
    while still < 3 and time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
            )
            still = still + 1 if cursor.fetchone() == (0,) else 0
        time.sleep(0.02)


@pytest.fixture
def open_context(chromium, live_server) -> Iterator[Callable[..., BrowserContext]]:
    """`open_context(user, width=1280, touch=False)`: a browser of its own in which `user` is signed in."""
    contexts = []

    def open_(user: User | None = None, *, width: int = 1280, height: int = 900, touch: bool = False, **options):
        context = chromium.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": height},
            has_touch=touch,
            is_mobile=touch,
            **options,
        )
        context.set_default_timeout(20_000)
        if user is not None:
            client = Client()
            client.force_login(user)
            session = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        contexts.append(context)
        return context

    yield open_
    for context in contexts:
        context.close()
    wait_for_quiet_database()


@pytest.fixture
def open_page(open_context) -> Callable[..., Page]:
    """`open_page(user, path, width=...)`: a page that fails the test when its console shows an error."""

    def open_(user: User, path: str, **options) -> Page:
        page = open_context(user, **options).new_page()
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and page.errors.append(message.text))
        page.goto(path)
        return page

    return open_


@pytest.fixture
def people():
    """A project with a manager, an annotator and a viewer, by role."""
    found = {role: make_user(name) for role, name in (("manager", "mia"), ("annotator", "ann"), ("viewer", "vic"))}
    make_project("walk", **found)
    return found


@pytest.fixture
def walk(chromium, people) -> Iterator[Callable[[str], Walker]]:
    """`walk("manager")`: that person, signed in by the form; at the end nobody's browser has met a fault."""
    walkers = []
    with serving() as server, working():

        def sign_in(role: str) -> Walker:
            walker = Walker(chromium, server, people[role].username)
            walkers.append(walker)
            walker.sign_in()
            walker.page.get_by_role("link", name="Walk").first.click()
            return walker

        yield sign_in
        for walker in walkers:
            walker.context.close()
    assert [fault for walker in walkers for fault in walker.faults] == []


@pytest.fixture
def real_data() -> Path:
    if not DATA.is_dir():
        pytest.skip("the real data sets are not on this machine (../shared/data)")
    return DATA
