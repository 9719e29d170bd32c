"""A person in front of a browser of their own; anything that goes wrong in it is a fault of the test."""

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Response, WebError, expect

from tests.browser.asgi_server import BROWSER, Server

PASSWORD = "a-long-passphrase"
WORK_TIMEOUT = 300_000
"""Milliseconds for what a worker does."""


class Walker:
    """Signs in by the form. `faults` holds errors of scripts and of the security policy, and failed requests."""

    def __init__(self, chromium: Browser, server: Server, username: str) -> None:
        self.username = username
        self.server = server
        self.faults: list[str] = []
        self.context = chromium.new_context(base_url=server.url, viewport={"width": 1280, "height": 900})
        self.context.set_default_timeout(20_000)
        self.context.add_cookies([{"name": BROWSER, "value": username, "url": server.url}])
        self.context.on("console", self._hear)
        self.context.on("weberror", self._note_error)
        self.context.on("response", self._see)
        self.page = self.context.new_page()

    def sign_in(self) -> None:
        self.page.goto("/")
        self.page.get_by_label("Username").fill(self.username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Projects")).to_be_visible()

    def go_to(self, section: str) -> None:
        """Follow an entry of the navigation beside the page."""
        self.page.get_by_role("navigation", name="Project").get_by_role("link", name=section, exact=True).click()
        expect(self.page.get_by_role("heading", level=1)).to_be_visible()

    def submit(self, button: str) -> None:
        """Press a button that leads to another page."""
        here = self.page.url
        self.page.get_by_role("button", name=button).click()
        self.page.wait_for_url(lambda url: url != here)

    def open_tab(self, path: str) -> Page:
        tab = self.context.new_page()
        tab.goto(path)
        return tab

    def received(self) -> bytes:
        """All that the server has sent to this browser."""
        return self.server.tap.everything_to(self.username)

    def _hear(self, message: ConsoleMessage) -> None:
        # htmx calls it an error that a request was given up for a newer one or for another page.
        if message.type == "error" and not message.text.startswith(("htmx:afterRequest", "htmx:sendAbort")):
            self.faults.append(f"console: {message.text}")

    def _note_error(self, error: WebError) -> None:
        self.faults.append(f"script: {error.error}")

    def _see(self, response: Response) -> None:
        if response.status >= 400:
            self.faults.append(f"{response.status} {response.request.method} {response.url}")


def wait_for_state(page: Page, state: str) -> None:
    """Watch the page's badge, which a worker's progress changes by itself, until it says `state`."""
    expect(page.locator(f".badge[data-state='{state}']").first).to_be_visible(timeout=WORK_TIMEOUT)


def facts_of(scope: Page | Locator) -> dict[str, str]:
    """The definition list of a page as a dict."""
    names, values = scope.locator("dl.facts > dt").all_inner_texts(), scope.locator("dl.facts > dd").all_inner_texts()
    return dict(zip(names, values, strict=True))
