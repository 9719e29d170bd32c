"""Every page of the URLconf in Chromium, in both themes and both widths: axe finds nothing serious or critical, and
nothing makes a page scroll sideways, down to 320 pixels.
"""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.urls import reverse
from playwright.sync_api import Page

from annotations.actions.campaign import ProtocolContent, create_campaign, open_campaign
from annotations.actions.lease import lease_next_item
from annotations.protocols.presets import PRESETS
from annotations.selection import Selection
from annotations.studies.registry import KINDS as STUDY_KINDS
from tests.addresses import Address, addresses
from tests.browser.walker import PASSWORD
from tests.factories import make_output
from tests.populated import Populated, populate
from tests.test_security import DOWNLOADS, OF_THE_PERSON, OPEN_TO_ALL, QUERIES, WHO_READS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
WIDTHS = (1280, 390)
# WCAG 2.2, 1.4.10: a window of 1280 pixels at a zoom of 400 %.
REFLOW_WIDTH = 320
GRAVE = ("serious", "critical")
ERROR_PAGES = ("400.html", "403.html", "403_csrf.html", "404.html", "429.html", "500.html")

RUN_AXE = """async rules => {
    const found = await axe.run(document, { resultTypes: ["violations"], ...rules });
    return found.violations.map(({ id, impact, help, nodes }) => ({
        id, impact, help, nodes: nodes.map(({ target, failureSummary }) => `${target.join(" ")}: ${failureSummary}`),
    }));
}"""
# The dark theme changes colours and nothing else.
RULES = {"light": {}, "dark": {"runOnly": ["color-contrast", "link-in-text-block"]}}
# The last elements that reach beyond the window where the whole page scrolls sideways.
STICKING_OUT = """() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.querySelectorAll("body *")]
        .filter(element => element.getBoundingClientRect().right > width + 1)
        .slice(-3).map(element => element.outerHTML.slice(0, 120));
}"""


class Visit(NamedTuple):
    """One page and who opens it; None for nobody signed in."""

    role: str | None
    path: str


def visits(house: Populated) -> Iterator[Visit]:
    """Each address that shows something, by somebody who may open it."""
    for address in addresses():
        for role in _readers(address):
            yield Visit(role, address.url(house) + QUERIES.get(address.name, ""))
    for kind in STUDY_KINDS:
        yield Visit("owner", reverse("annotations:study-create", kwargs={"slug": house.project.slug, "kind": kind}))


def _readers(address: Address) -> tuple[str | None, ...]:
    if address.is_api and address.name != "api-docs":
        return ()
    if address.name in OPEN_TO_ALL:
        return (None,)
    if address.name in OF_THE_PERSON:
        return ("owner",)
    allowed = WHO_READS.get(address.name, set()) if address.name not in DOWNLOADS else set()
    # An annotator's page of the same address is another one.
    return tuple(role for role in ("owner", "annotator") if role in allowed)


class Reader:
    """Opens pages and writes down what is wrong with them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        self.seen: set[str] = set()

    def sign_in(self, username: str) -> None:
        """By the form, so that what asks for the password anew has just had it."""
        self.page.goto(reverse("account_login"))
        self.page.get_by_label("Username").fill(username)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("/")

    def visit(self, path: str) -> None:
        """Examine the page at `path`; what only takes writes, is a download or a part of a page is passed over."""
        probe = self.page.request.get(path)
        is_page = probe.ok and "text/html" in probe.headers.get("content-type", "") and "<html" in probe.text()
        if not is_page or probe.url in self.seen:
            return
        self.seen.add(probe.url)
        self.page.goto(path)
        if path == reverse("api-docs"):
            # Drawn by a script that reads the schema first.
            self.page.locator(".opblock").first.wait_for()
        self.examine(path)

    def examine(self, name: str) -> None:
        """The page as it stands, in all widths and themes."""
        self.page.evaluate(AXE)
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            self._note_overflow(name, width)
            for theme, rules in RULES.items():
                self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
                self._note_violations(f"{name} [{width} {theme}]", self.page.evaluate(RUN_AXE, rules))
        self.page.set_viewport_size({"width": REFLOW_WIDTH, "height": 900})
        self._note_overflow(name, REFLOW_WIDTH)

    def _note_overflow(self, name: str, width: int) -> None:
        self.faults += [f"{name} [{width}] sticks out: {element}" for element in self.page.evaluate(STICKING_OUT)]

    def _note_violations(self, name: str, violations: list[dict[str, Any]]) -> None:
        for violation in violations:
            if violation["impact"] in GRAVE:
                where = "\n    ".join(violation["nodes"][:4])
                self.faults.append(f"{name} {violation['impact']} {violation['id']}: {violation['help']}\n    {where}")


@pytest.fixture
def house():
    with transaction.atomic():
        return populate()


@pytest.fixture
def read_as(open_context, house):
    """`read_as(role)`: a reader in whose browser that person is signed in; None for nobody."""
    readers: dict[str | None, Reader] = {}

    def open_(role: str | None) -> Reader:
        if role not in readers:
            readers[role] = Reader(open_context().new_page())
            if role is not None:
                readers[role].sign_in(house.people[role].username)
        return readers[role]

    return open_


def test_axe_finds_nothing_grave_on_any_page_of_the_urlconf(read_as, house):
    for role, path in visits(house):
        read_as(role).visit(path)
    readers = [read_as(role) for role in (None, "owner", "annotator")]
    assert "\n".join(fault for reader in readers for fault in reader.faults) == ""
    assert sum(len(reader.seen) for reader in readers) > 90


def test_axe_finds_nothing_grave_on_the_page_of_any_protocol_and_in_its_dialogs(read_as, house):
    reader = read_as("annotator")
    for key, assignment in asked_in_every_way(house).items():
        reader.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        reader.page.goto(reverse("annotations:annotate", kwargs={"pk": assignment.pk}))
        reader.page.wait_for_selector("[data-annotate][data-ready]")
        reader.examine(key)
    for dialog in reader.page.locator("dialog[id]").all():
        dialog.evaluate("dialog => dialog.showModal()")
        reader.examine(dialog.get_attribute("id"))
        dialog.evaluate("dialog => dialog.close()")
    assert "\n".join(reader.faults) == ""


def asked_in_every_way(house: Populated) -> dict[str, Any]:
    """An item in work for the annotator, by preset; with a third response, which some ask for."""
    for task in house.project.tasks.filter(output_count=2):
        make_output(task, "A third one.", policy="third")
    house.project.tasks.filter(output_count=2).update(output_count=3)
    owner, annotator = house.people["owner"], house.people["annotator"]
    leased = {}
    for key, preset in PRESETS.items():
        content = ProtocolContent(questions=preset.questions, guidelines="Read both.", show_reference=True)
        chosen = Selection(outputs_per_item=3)
        campaign = create_campaign(project=house.project, actor=owner, name=key, protocol=content, selection=chosen)
        open_campaign(campaign=campaign, actor=owner)
        leased[key] = lease_next_item(campaign=campaign, user=annotator)
    return leased


def test_axe_finds_nothing_grave_on_any_error_page(read_as, house):
    reader = read_as(None)
    request = RequestFactory().get("/")
    request.user = house.people["owner"]
    shown = ""
    reader.page.route("**/fails/", lambda route: route.fulfill(body=shown, content_type="text/html"))
    for template in ERROR_PAGES:
        shown = render_to_string(template, {"error": {"message": "It failed.", "code": "failed"}}, request)
        reader.page.goto("/fails/")
        reader.examine(template)
    assert "\n".join(reader.faults) == ""
