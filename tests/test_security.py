"""Every address of the URLconf: who may open it, what an annotator is never sent, and no markup from stored text."""

from copy import deepcopy
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from tests.addresses import Address, addresses
from tests.populated import OVERHEARD, SECRET, populate

pytestmark = pytest.mark.django_db

ROLES = ("owner", "manager", "viewer", "annotator")
READERS = {"owner", "manager", "viewer"}
MANAGERS = {"owner", "manager"}
ANSWERERS = {"owner", "manager", "annotator"}

OPEN_TO_ALL = {
    "account_login",
    "account_inactive",
    "account_signup",
    "account_signup_complete",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
    "projects:invitation-accept",
    "projects:language-set",
    "projects:script-texts",
    "projects:annotator-link-accept",
    "api-schema",
    "api-docs",
    "health-live",
    "health-ready",
    # Behind a token of its own.
    "metrics",
}
OF_THE_PERSON = {
    "account_reauthenticate",
    "mfa_authenticate",
    "mfa_reauthenticate",
    "mfa_index",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes",
    "projects:site-policy",
    "projects:person-find",
    "projects:person-delete",
    "projects:account-delete",
    "projects:key-map",
    "projects:mailed-notices",
    "projects:activity",
    "projects:email-change",
    "projects:email-confirm",
    "projects:notification-list",
    "projects:notifications-read",
    "projects:notification-open",
    "projects:project-list",
    "projects:project-switcher",
    "projects:sign-out",
    "projects:profile",
    "projects:theme-set",
    "projects:password-change",
    "projects:token-list",
    "projects:token-revoke",
    "projects:project-create",
    "projects-api:me",
    "projects-api:token-list",
    "projects-api:token-detail",
    "projects-api:project-list",
    "projects-api:notification-list",
    "projects-api:notifications-read",
}
# Who may GET what of a project; whatever shows policies or other people's answers is closed to annotators.
WHO_READS = {
    "projects:project-detail": READERS,
    "projects:project-settings": {"owner"},
    "projects:project-delete": {"owner"},
    "projects:data-policy": {"owner"},
    # Of a project that is marked for deletion, which this one is not.
    "projects:project-deletion": set(),
    "projects:member-list": READERS,
    "projects:audit-list": MANAGERS,
    "rewards:task-list": READERS,
    "rewards:task-detail": READERS,
    "rewards:task-diff": READERS,
    "rewards:output-detail": READERS,
    "rewards:signal-detail": READERS,
    # It takes to see what models said and to judge: annotators may not the one, viewers not the other.
    "rewards:mark-review": MANAGERS,
    "rewards:task-rubric-create": MANAGERS,
    "rewards:rubric-list": READERS,
    "rewards:rubric-create": MANAGERS,
    "rewards:rubric-paste": MANAGERS,
    "rewards:rubric-detail": READERS,
    "rewards:rubric-edit": MANAGERS,
    "rewards:rubric-diff": READERS,
    "rewards:rubric-reaggregate": READERS,
    "rewards:rubric-version": READERS,
    "rewards:rubric-export": READERS,
    "rewards:recipe-list": READERS,
    "rewards:recipe-compose": READERS,
    "rewards:recipe-import": READERS,
    "rewards:recipe-detail": READERS,
    "rewards:recipe-name": MANAGERS,
    "rewards:recipe-diff": READERS,
    "rewards:recipe-version": READERS,
    "rewards:recipe-export": READERS,
    "rewards:operator-list": READERS,
    "rewards:import-list": MANAGERS,
    "rewards:import-create": MANAGERS,
    "rewards:import-detail": MANAGERS,
    "rewards:import-errors": MANAGERS,
    "rewards:export-list": READERS,
    "rewards:export-create": MANAGERS,
    "rewards:export-detail": READERS,
    "rewards:export-archive": READERS,
    "rewards:export-file": READERS,
    "rewards:judgment-replies": READERS,
    "workers:source-list": READERS,
    "workers:source-detail": READERS,
    "workers:prompt-list": READERS,
    "workers:prompt-create": MANAGERS,
    "workers:prompt-detail": READERS,
    "workers:prompt-edit": MANAGERS,
    "workers:prompt-diff": READERS,
    "workers:output-options": READERS,
    "workers:task-options": READERS,
    "workers:trial-detail": READERS,
    "workers:proposal-list": READERS,
    "workers:proposal-detail": READERS,
    "workers:task-rubric-propose": MANAGERS,
    "workers:rubric-refine": MANAGERS,
    "workers:scorer-list": READERS,
    "workers:scorer-create": MANAGERS,
    "workers:scorer-detail": READERS,
    "workers:endpoint-list": READERS,
    "workers:endpoint-terms": MANAGERS,
    "workers:server-create": MANAGERS,
    "workers:artefact-list": READERS,
    "workers:artefact-detail": READERS,
    "workers:fit-create": MANAGERS,
    "workers:fit-detail": READERS,
    "workers:run-list": READERS,
    "workers:run-create": MANAGERS,
    "workers:run-detail": READERS,
    "workers:run-items": READERS,
    "workers:attempt-detail": MANAGERS,
    "annotations:study-list": READERS,
    "annotations:study-create": READERS,
    "annotations:study-detail": READERS,
    "annotations:adjudication-queue": READERS,
    "annotations:adjudicate-item": READERS,
    "annotations:campaign-list": {*ROLES},
    "annotations:campaign-create": MANAGERS,
    "annotations:campaign-preview": MANAGERS,
    "annotations:question-add": MANAGERS,
    # Sends an annotator on to the campaign's start.
    "annotations:campaign-detail": {*ROLES},
    "annotations:campaign-items": READERS,
    "annotations:report-list": READERS,
    "annotations:campaign-quality": READERS,
    "annotations:campaign-plan": READERS,
    "annotations:campaign-settings": MANAGERS,
    "annotations:campaign-consent": READERS,
    "annotations:protocol-edit": MANAGERS,
    "annotations:check-list": READERS,
    "annotations:check-detail": READERS,
    "annotations:check-import": MANAGERS,
    "annotations:campaign-start": ANSWERERS,
    # Sends on to what was submitted last, and to the start where nothing was.
    "annotations:item-last": ANSWERERS,
    "annotations:annotate": {"annotator"},
    "projects-api:project-detail": READERS,
    "projects-api:project-deletion": set(),
    "projects-api:data-policy": {"owner"},
    "projects-api:audit-list": MANAGERS,
    "projects-api:member-list": READERS,
    "projects-api:invitation-list": {"owner"},
    "projects-api:annotator-link-list": {"owner"},
    "rewards-api:task-list": READERS,
    "rewards-api:task-detail": READERS,
    "rewards-api:output-list": READERS,
    "rewards-api:output-detail": READERS,
    "rewards-api:judgment-list": READERS,
    "rewards-api:judgment-detail": READERS,
    "rewards-api:signal-list": READERS,
    "rewards-api:signal-detail": READERS,
    "rewards-api:mark-review": MANAGERS,
    "rewards-api:rubric-list": READERS,
    "rewards-api:rubric-detail": READERS,
    "rewards-api:rubric-diff": READERS,
    "rewards-api:version-list": READERS,
    "rewards-api:version-detail": READERS,
    "rewards-api:recipe-list": READERS,
    "rewards-api:recipe-parts": READERS,
    "rewards-api:recipe-presets": READERS,
    "rewards-api:recipe-detail": READERS,
    "rewards-api:recipe-diff": READERS,
    "rewards-api:recipe-stored-reward": READERS,
    "rewards-api:recipe-version-list": READERS,
    "rewards-api:reward-name-list": READERS,
    "rewards-api:reward-name-detail": READERS,
    "rewards-api:recipe-version-detail": READERS,
    "rewards-api:import-list": MANAGERS,
    "rewards-api:import-detail": MANAGERS,
    "rewards-api:import-errors": MANAGERS,
    "rewards-api:export-list": READERS,
    "rewards-api:export-detail": READERS,
    "rewards-api:export-archive": READERS,
    "rewards-api:export-file": READERS,
    "workers-api:source-list": READERS,
    "workers-api:source-detail": READERS,
    "workers-api:prompt-list": READERS,
    "workers-api:prompt-detail": READERS,
    "workers-api:prompt-version-list": READERS,
    "workers-api:endpoint-list": READERS,
    "workers-api:project-budget": READERS,
    "workers-api:endpoint-detail": READERS,
    "workers-api:proposal-list": READERS,
    "workers-api:proposal-detail": READERS,
    "workers-api:scorer-list": READERS,
    "workers-api:scorer-detail": READERS,
    "workers-api:trainer-list": READERS,
    "workers-api:artefact-list": READERS,
    "workers-api:artefact-detail": READERS,
    "workers-api:fit-list": READERS,
    "workers-api:fit-detail": READERS,
    "workers-api:run-list": READERS,
    "workers-api:run-detail": READERS,
    "workers-api:run-item-list": READERS,
    "annotations-api:study-list": READERS,
    "annotations-api:study-detail": READERS,
    "annotations-api:campaign-list": {*ROLES},
    "annotations-api:campaign-detail": READERS,
    "annotations-api:campaign-plan": READERS,
    "annotations-api:campaign-items": READERS,
    "annotations-api:campaign-answers": READERS,
    "annotations-api:report-list": READERS,
    "annotations-api:check-list": READERS,
    "annotations-api:check-detail": READERS,
    "annotations-api:check-settings": READERS,
    "annotations-api:adjudication-list": READERS,
    "annotations-api:adjudication-item": READERS,
    "annotations-api:assignment-detail": {"annotator"},
    "annotations-api:consent-detail": {*ROLES},
}
# Of a project that is marked for deletion, which the populated one is not: to everybody there is no such address.
UNMARKED = {"projects:project-deletion", "projects-api:project-deletion"}
# What those may send who manage nothing; the rest of the project's addresses refuses all their writes.
WRITES_OF = {
    "viewer": {
        "projects:project-leave",
        # One's own filters and front page, whatever the role.
        "projects:guide-hide",
        "projects:filter-save",
        "annotations:study-create",
        "annotations:campaign-quality",
        "annotations-api:study-list",
        # Composing computes and stores nothing.
        "rewards:recipe-compose",
        "rewards:recipe-import",
        "rewards-api:recipe-evaluation",
        "rewards-api:rubric-reaggregation",
        "rewards-api:rubric-rule-comparison",
    },
    "annotator": {
        "projects:project-leave",
        "annotations:item-next",
        "annotations:consent-agree",
        "annotations-api:consent-agree",
        "annotations:item-regain",
        "annotations:submit-undo",
        "annotations:attempt-begin",
        "annotations-api:campaign-next",
        "annotations-api:assignment-draft",
        "annotations-api:assignment-heartbeat",
        "annotations-api:assignment-overlay",
        "annotations-api:assignment-submit",
        "annotations-api:assignment-undo",
        "annotations-api:assignment-skip",
        "annotations-api:assignment-reports",
        "annotations-api:assignment-release",
        "annotations-api:assignment-resume",
    },
}
# What is sent as a file to save.
DOWNLOADS = {f"rewards{api}:export-{noun}" for api in ("", "-api") for noun in ("archive", "file")}
# An address that answers 400 without them.
QUERIES = {
    "annotations:question-add": "?kind=rating&q-TOTAL_FORMS=1",
    "rewards-api:recipe-diff": "?old=1&new=1",
    "rewards-api:rubric-diff": "?old=1&new=1",
}

ALL = addresses()
OF_PROJECT = [address for address in ALL if address.is_of_project]
READABLE = [address for address in OF_PROJECT if address.name in WHO_READS]
CLOSED = [address for address in ALL if address.name not in OPEN_TO_ALL]


def by_name(chosen: list[Address]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("address", [pytest.param(address, id=address.name) for address in chosen])


@pytest.fixture(scope="module")
def house(django_db_setup, django_db_blocker):
    """One populated project for the whole module, since filling it takes a second; each test's changes are undone."""
    with django_db_blocker.unblock(), transaction.atomic():
        house = populate()
        for role, person in house.people.items():
            client = Client()
            client.force_login(person)
            house.cookies[role] = client.cookies
        yield house
        transaction.set_rollback(True)


def browser(house, role: str | None = None) -> Client:
    client = Client()
    if role is not None:
        client.cookies = deepcopy(house.cookies[role])
    return client


def get(house, role, address, **headers):
    url = address.url(house) + QUERIES.get(address.name, "")
    return browser(house, role).get(url, headers=headers)


def send(house, role, address, method):
    """An empty write; of JSON to the API, as a form to a page."""
    content = {"content_type": "application/json", "data": "{}"} if address.is_api else {}
    return getattr(browser(house, role), method)(address.url(house), **content)


def body(response) -> str:
    parts = response.streaming_content if response.streaming else [response.content]
    return b"".join(parts).decode()


def leads_to_sign_in(response) -> bool:
    return bool(response.status_code == 302 and urlsplit(response["Location"]).path == reverse("account_login"))


def test_every_address_says_here_who_may_open_it():
    named = [address.name for address in ALL]
    assert len(named) == len(set(named))
    listed = OPEN_TO_ALL | OF_THE_PERSON | set(WHO_READS)
    assert listed <= set(named)
    # The others only take writes: a GET tells nobody anything.
    unlisted = [address for address in ALL if address.name not in listed]
    assert [address.name for address in unlisted if not address.is_of_project] == []


@by_name([address for address in OF_PROJECT if address.name not in WHO_READS])
def test_an_address_for_writes_cannot_be_read(house, address):
    assert get(house, "owner", address).status_code == 405


@by_name(CLOSED)
def test_nobody_gets_in_without_signing_in(house, address):
    for response in (get(house, None, address), *(send(house, None, address, method) for method in address.writes)):
        if address.is_api:
            assert response.status_code == 401
        else:
            assert response.status_code == 405 or leads_to_sign_in(response)


@by_name(OF_PROJECT)
def test_a_stranger_gets_404(house, address):
    assert get(house, "stranger", address).status_code in {404, 405}
    refusals = {method: send(house, "stranger", address, method).status_code for method in address.writes}
    assert set(refusals.values()) <= {404, 405}, refusals


@by_name(READABLE)
def test_a_role_opens_what_it_may_read_and_nothing_else(house, address):
    for role in ROLES:
        response = get(house, role, address)
        if role in WHO_READS[address.name]:
            is_open = response.status_code == 200 or (response.status_code == 302 and not leads_to_sign_in(response))
            assert is_open, f"{role}: {response.status_code}"
        else:
            # Nobody sees that an assignment of another person exists, nor a deletion that nobody asked for.
            is_unseen = address.noun == "assignment" or address.name in UNMARKED
            assert response.status_code == (404 if is_unseen else 403), role


@pytest.mark.parametrize("role", sorted(WRITES_OF))
@by_name(OF_PROJECT)
def test_who_manages_nothing_changes_nothing(house, address, role):
    answers = {method: send(house, role, address, method).status_code for method in address.writes}
    if address.name in WRITES_OF[role]:
        assert not set(answers.values()) & {403, 404, 405}, answers
        assert all(status < 500 for status in answers.values()), answers
    else:
        assert set(answers.values()) <= {403, 404, 405}, answers


@by_name(ALL)
def test_an_annotator_is_sent_no_policy_name_no_one_elses_answer_and_text_as_text(house, address):
    responses = [get(house, "annotator", address), get(house, "annotator", address, HX_Request="true")]
    for response in responses:
        assert_is_inert(response)
    for method in address.writes:
        # A write may end the assignment that the next one is about: each starts from the same state.
        with transaction.atomic():
            responses.append(send(house, "annotator", address, method))
            transaction.set_rollback(True)
    for response in responses:
        sent = f"{response.headers}{response.cookies}{body(response)}"
        assert SECRET not in sent
        assert OVERHEARD not in sent


class Markup(HTMLParser):
    """Collects what a page under our Content-Security-Policy must not have, and its visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.text = ""
        self._is_code = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        given = {name: value or "" for name, value in attrs}
        for name, value in given.items():
            if name.startswith(("on", "hx-on")) or name == "style":
                self.faults.append(f"<{tag} {name}={value!r}>")
            if value.strip().lower().startswith("javascript:"):
                self.faults.append(f"<{tag} {name}={value!r}>")
        if tag in {"style", "x-hostile", "iframe", "object", "embed", "base"} or given.get("src") == "x":
            self.faults.append(f"<{tag}>")
        # A data block is not run; anything else in a script is.
        self._is_code = tag == "script" and given.get("type") != "application/json"

    def handle_endtag(self, tag):
        self._is_code = False

    def handle_data(self, data):
        if self._is_code and data.strip():
            self.faults.append(f"inline script {data.strip()[:60]!r}")
        self.text += data


@by_name([address for address in ALL if not address.is_api or address.name == "api-docs"])
def test_stored_text_is_text_on_every_page(house, address):
    for headers in ({}, {"HX_Request": "true"}):
        assert_is_inert(get(house, "owner", address, **headers))


def assert_is_inert(response) -> None:
    """A page runs nothing that was stored: neither by its policy nor by its markup."""
    assert response["X-Content-Type-Options"] == "nosniff"
    if response.streaming or not response["Content-Type"].startswith("text/html") or not response.content:
        return
    policy = response["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    page = Markup(response.content.decode())
    assert page.faults == []
    # A template engine that read it would have worked it out.
    assert "<x-hostile>49" not in page.text


def test_stored_text_reaches_the_pages_that_show_it(house):
    """Otherwise the test above would pass on pages that show nothing."""
    shown = {"rewards:task-detail", "rewards:rubric-detail", "workers:scorer-detail", "annotations:campaign-detail"}
    for address in READABLE:
        if address.name in shown:
            assert "<x-hostile>" in Markup(body(get(house, "owner", address))).text, address.name


@by_name([address for address in READABLE if address.name in DOWNLOADS])
def test_a_download_is_saved_and_never_shown(house, address):
    response = get(house, "owner", address)
    assert response["Content-Disposition"].startswith("attachment; filename=")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert not response["Content-Type"].startswith(("text/html", "image/svg"))


@by_name([address for address in READABLE if address.is_api and address.name not in DOWNLOADS])
def test_the_api_answers_in_json_that_no_browser_takes_for_a_page(house, address):
    response = get(house, "owner" if "owner" in WHO_READS[address.name] else "annotator", address)
    assert response["Content-Type"] == "application/json"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_the_admin_is_for_staff(house):
    for role in (None, *ROLES):
        response = browser(house, role).get("/admin/")
        assert (response.status_code, urlsplit(response["Location"]).path) == (302, "/admin/login/")
