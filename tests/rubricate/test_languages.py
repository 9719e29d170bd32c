"""Catalogues are whole for annotators, no text of a page stands outside of them, and people read what they chose."""

import gettext
import io
import re
from html.parser import HTMLParser
from zoneinfo import available_timezones

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.core import mail
from django.urls import reverse
from django.utils import translation
from django.utils.html import escape
from django.utils.translation import trans_real
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from annotations.actions.lease import lease_next_item
from annotations.selection import Selection
from projects.actions.notification import mail_due_notices, notify
from projects.key_map import ACTIONS
from projects.languages import script_texts_digest
from rewards.shaping.registry import OPERATORS
from rubricate import env
from rubricate.declared_texts import LISTING, declared_texts, listing
from tests.annotations.campaigns import make_campaign
from tests.factories import make_project, make_user
from tests.rubricate.test_marked_texts import READ_ATTRIBUTES, SAME_EVERYWHERE, UNTRANSLATED_ELEMENTS, WORD

DOMAINS = ("django", "djangojs")
TRANSLATED = [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
# What annotators meet: whoever offers a language translates all of it.
FOR_ANNOTATORS = re.compile(
    r"static/|annotations/protocols/|annotations/(access|answers|looking_back|overlay|proposals)\.py"
    r"|annotations/actions/(consent|draft|lease|qualification|reports|submission)\.py"
    r"|annotations/views/answering\.py|annotations/models/report\.py"
    r"|platform/projects/(key_map|notices|throttle)\.py|platform/projects/forms/(profile|sign_in|sign_up)\.py"
    r"|platform/projects/models/user\.py|platform/projects/views/(invitation|profile|sign_up)\.py"
    r"|templates/(account|components|forms|mail|mfa)/|templates/[^/]+\.html|templates/annotations/questions/"
    r"|templates/annotations/(annotate\w*|campaign_start|guidelines|my_campaigns|notice|overlay_bar|own_reports)\.html"
    r"|templates/annotations/(answer_told|workbench)\.html"
    r"|templates/projects/(account_delete|activity|email_\w+|farewell|invitation|key_map|mailed_notices)\.html"
    r"|templates/projects/(notification_list|profile\w*|project_list)\.html"
)
PLACE = re.compile(r"%(?:\((\w+)\))?[sd]")


def catalogue(language: str, domain: str) -> Catalog:
    path = env.ROOT / "locale" / translation.to_locale(language) / "LC_MESSAGES" / f"{domain}.po"
    with path.open("rb") as file:
        return read_po(file, locale=translation.to_locale(language))


def forms_of(text: str | tuple[str, ...]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text


def is_whole(message: Message) -> bool:
    return all(forms_of(message.string)) and not message.fuzzy


def places_of(text: str) -> set[str]:
    return set(PLACE.findall(text)) | set(re.findall(r"<[^>]*>", text))


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_language_that_is_offered_says_everything_that_annotators_read(language):
    messages = [one for domain in DOMAINS for one in catalogue(language, domain) if one.id]
    asked = [one for one in messages if any(FOR_ANNOTATORS.match(path) for path, _ in one.locations)]
    assert len(asked) > 600
    assert [one.id for one in asked if not is_whole(one)] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_keep_the_places_and_the_markup_of_what_they_translate(language):
    wrong = [
        (said, known)
        for domain in DOMAINS
        for one in catalogue(language, domain)
        if one.id and is_whole(one)
        for said in forms_of(one.string)
        # One of the forms in which a number is put.
        for known in [set.union(*map(places_of, forms_of(one.id)))]
        if places_of(said) != known
    ]
    assert wrong == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_compiled_catalogues_are_those_that_can_be_read(language):
    for domain in DOMAINS:
        compiled = io.BytesIO()
        write_mo(compiled, catalogue(language, domain))
        path = env.ROOT / "locale" / translation.to_locale(language) / "LC_MESSAGES" / f"{domain}.mo"
        assert path.read_bytes() == compiled.getvalue(), f"make messages compiles {path.name} anew"


class Marked(gettext.NullTranslations):
    """A language in which each text stands in brackets."""

    def gettext(self, message: str) -> str:
        return f"⟦{message.rpartition(trans_real.CONTEXT_SEPARATOR)[2]}⟧" if message else ""

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)

    def to_language(self) -> str:
        return "de"


# Names of languages and keys, and what the builder of campaigns writes.
STORED = {
    *dict(settings.LANGUAGES).values(),
    *(action.default for action in ACTIONS.values()),
    "Read both answers first.",
    "What is the capital of France?",
}


ZONES = available_timezones()


class Loose(HTMLParser):
    """Words of a page that stand in no brackets. Stored words begin with zq, as most of what these tests store does."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.depth = self.untranslated = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.untranslated += tag in UNTRANSLATED_ELEMENTS
        for name, value in attrs:
            if name in READ_ATTRIBUTES and value:
                self._take(value, 0)

    def handle_endtag(self, tag: str) -> None:
        self.untranslated -= tag in UNTRANSLATED_ELEMENTS

    def handle_data(self, data: str) -> None:
        if not self.untranslated:
            self.depth = self._take(data, self.depth)

    def _take(self, text: str, depth: int) -> int:
        loose = []
        for character in text:
            depth += (character == "⟦") - (character == "⟧")
            loose.append(" " if depth or character == "⟧" else character)
        outside = "".join(loose).strip()
        is_known = outside.replace(" ", "_") in ZONES or outside in STORED or "@" in outside
        words = [word for word in WORD.findall(outside) if not word.lower().startswith("zq")]
        if not is_known and any(word not in SAME_EVERYWHERE for word in words):
            self.found.append(outside)
        return depth


def loose_words(response) -> list[str]:
    assert response.status_code == 200
    page = Loose()
    page.feed(response.content.decode())
    return page.found


QUESTIONS = [
    {"kind": "rating", "key": "zqrating", "prompt": "zqprompt", "anchors": {"1": "zqlow"}, "allow_na": True},
    {"kind": "comparison", "key": "zqpair", "prompt": "zqprompt", "ties": ["both_good", "equal"], "confidence": True},
    {"kind": "ranking", "key": "zqrank", "prompt": "zqprompt", "required": False},
    {"kind": "best_worst", "key": "zqbest", "prompt": "zqprompt", "required": False},
    {"kind": "tick", "key": "zqtick", "prompt": "zqprompt", "required": False},
    {"kind": "spans", "key": "zqspans", "prompt": "zqprompt", "types": [{"key": "zqtype", "label": "zqtype"}]},
    {"kind": "stop", "key": "zqstop", "prompt": "zqprompt", "required": False},
    {"kind": "critique", "key": "zqwords", "prompt": "zqprompt", "required": False},
]


@pytest.fixture(autouse=True)
def language_put_back():
    """A request leaves its language to the thread, where the next test would find it."""
    with translation.override(translation.get_language()):
        yield


@pytest.fixture
def people(db):
    return {role: make_user(f"zq{role}") for role in ("owner", "annotator")}


@pytest.fixture
def campaign(people):
    project = make_project("zqlab", **people)
    return make_campaign(
        project,
        people["owner"],
        items=1,
        texts=["zqone", "zqtwo", "zqthree"],
        questions=QUESTIONS,
        name="zqname",
        selection=Selection(outputs_per_item=3),
    )


@pytest.fixture
def marked(monkeypatch):
    real = trans_real.translation
    monkeypatch.setattr(trans_real, "translation", lambda language: Marked() if language == "de" else real(language))


def test_no_text_of_the_annotators_way_stands_outside_of_the_catalogue(marked, campaign, people, client):
    item = lease_next_item(campaign=campaign, user=people["annotator"])
    of_campaign = [campaign.project.slug, campaign.pk]
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    ways = ["account_login", "account_signup", "account_reset_password"]
    assert {name: loose_words(client.get(reverse(name))) for name in ways} == {name: [] for name in ways}
    client.force_login(people["annotator"])
    addresses = [
        reverse("projects:profile"),
        reverse("projects:key-map"),
        reverse("projects:mailed-notices"),
        reverse("projects:project-list"),
        reverse("projects:notification-list"),
        reverse("annotations:campaign-list", args=of_campaign[:1]),
        reverse("annotations:campaign-start", args=of_campaign),
        reverse("annotations:annotate", args=[item.pk]),
    ]
    assert {address: loose_words(client.get(address)) for address in addresses} == {
        address: [] for address in addresses
    }


def test_no_text_of_the_pages_of_who_leads_a_campaign_stands_outside_of_the_catalogue(marked, campaign, people, client):
    lease_next_item(campaign=campaign, user=people["annotator"])
    client.force_login(people["owner"])
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    of_campaign = [
        "campaign-detail", "campaign-plan", "campaign-quality", "campaign-consent", "campaign-settings", "check-list",
        "adjudication-queue", "report-list",
    ]  # fmt: skip
    addresses = [reverse(f"annotations:{name}", args=[campaign.project.slug, campaign.pk]) for name in of_campaign]
    of_project = ["annotations:study-list", "projects:member-list", "projects:project-detail"]
    addresses += [reverse(name, args=[campaign.project.slug]) for name in of_project]
    addresses += [reverse(name) for name in ("projects:token-list", "projects:project-create")]
    assert {address: loose_words(client.get(address)) for address in addresses} == {
        address: [] for address in addresses
    }


def test_a_text_outside_of_the_catalogue_is_found():
    page = Loose()
    page.feed('<p title="Loose">⟦Kept <b>zqdata</b> inside⟧ outside <code>code</code> Zqname</p>')
    assert page.found == ["Loose", "outside"]


def test_before_signing_in_the_browser_decides_and_a_switch_overrules_it(client, db):
    address = reverse("account_login")
    german = client.get(address, headers={"accept-language": "de-AT,en;q=0.5"})
    assertContains(german, '<html lang="de"')
    assertContains(german, "Passwort vergessen?")
    assertContains(client.get(address, headers={"accept-language": "fr"}), '<html lang="en-gb"')
    chosen = client.post(reverse("projects:language-set"), {"language": "de", "next": address})
    assertRedirects(chosen, address)
    assertContains(client.get(address, headers={"accept-language": "en"}), "Passwort vergessen?")


def test_a_profile_keeps_the_language_whatever_the_browser_asks(client, people):
    client.force_login(people["annotator"])
    kept = {"display_name": "", "time_zone": "UTC", "theme": "dark", "language": "de"}
    client.post(reverse("projects:profile"), kept)
    page = client.get(reverse("projects:profile"), headers={"accept-language": "en"})
    assertContains(page, "Anzeigename")
    assert page.headers["Content-Language"] == "de"
    assert translation.get_language() == settings.LANGUAGE_CODE
    refused = client.post(reverse("projects:profile"), {**kept, "language": "xx"})
    assert "language" in refused.context["form"].errors


def test_the_scripts_get_their_texts_from_a_file_that_is_kept_for_good(client, people):
    people["annotator"].language = "de"
    people["annotator"].save()
    client.force_login(people["annotator"])
    address = reverse("projects:script-texts", args=["de", script_texts_digest("de")])
    assertContains(client.get(reverse("projects:profile")), f'<script src="{address}"></script>')
    texts = client.get(address)
    assertContains(texts, "Nicht gespeichert")
    assert texts.headers["Content-Type"].startswith("text/javascript")
    assert "immutable" in texts.headers["Cache-Control"]
    stale = client.get(reverse("projects:script-texts", args=["de", "0" * 16]))
    assert "no-cache" in stale.headers["Cache-Control"]
    assert client.get(reverse("projects:script-texts", args=["xx", "0" * 16])).status_code == 404


def test_pages_in_the_language_of_the_source_load_no_catalogue(client, db):
    assertNotContains(client.get(reverse("account_login")), "script-texts")


def test_letters_of_workers_are_in_the_language_of_whom_they_go_to(people, settings):
    settings.EMAIL_HOST = "mail.example"
    people["annotator"].email, people["annotator"].language = "a@example.org", "de"
    people["annotator"].save()
    people["owner"].email = "o@example.org"
    people["owner"].save()
    project = make_project("zqlab", **people)
    notify(users=people.values(), kind="project.joined", project=project, data={"role": "annotator"}, url="/")
    mail_due_notices(address="http://127.0.0.1")
    assert {letter.to[0]: letter.subject.startswith("Sie sind jetzt") for letter in mail.outbox} == {
        "a@example.org": True,
        "o@example.org": False,
    }


def test_the_listing_of_declared_texts_is_what_the_registries_declare():
    assert (env.ROOT / LISTING).read_text(encoding="utf-8") == listing(), "make messages lists them anew"
    texts = set(declared_texts())
    assert {"Numeric match", "Decimal mark", "Comma: 1.234,5"} <= texts
    # A template doubles percent signs before it looks a variable's text up: such a text would stay in English.
    assert [text for text in texts if "%" in text] == []
    assert not texts & {paper.title for operator in OPERATORS.values() for paper in operator.papers}


def test_what_sources_and_operators_declare_is_said_in_the_readers_language(marked, people, client):
    project = make_project("zqlab", **people)
    client.force_login(people["owner"])
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    source = client.get(reverse("workers:source-detail", args=[project.slug, "numeric_match"]))
    for text in ("Numeric match", "Decimal mark", "Comma: 1.234,5", "the reference answer", "reward signals"):
        assertContains(source, f"⟦{text}⟧")
    operators = client.get(reverse("rewards:operator-list", args=[project.slug]))
    for operator in list(OPERATORS.values())[:3]:
        assertContains(operators, f"⟦{escape(operator.summary)}⟧")
