"""Texts that give their author away are shown to the leader of the campaign."""

import pytest
from django.urls import reverse

from tests.annotations.campaigns import make_campaign, make_item_outputs
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def project(owner):
    return make_project("lab", owner=owner)


@pytest.mark.parametrize(
    "text",
    [
        "I am Claude, a helpful assistant.",
        "Sure! I'm an AI assistant named Gemini and",
        "As ChatGPT, I cannot",
        "I was created by OpenAI.",
        "As secret-policy-0 would put it",
        "SECRET-POLICY-1!",
    ],
)
def test_a_giveaway_is_found_and_quoted(project, owner, text):
    campaign = make_campaign(project, owner, texts=[text, "An ordinary answer."])
    assert (campaign.leak_scan["scanned"], campaign.leak_scan["leaking"]) == (2, 1)
    (leak,) = campaign.leak_scan["found"]
    assert leak["quote"] in text


@pytest.mark.parametrize(
    "text",
    [
        "Claude Monet painted water lilies.",
        "The gemini constellation is visible in winter.",
        "It was created by a committee.",
        "xsecret-policy-0x is another word",
    ],
)
def test_ordinary_words_are_not_giveaways(project, owner, text):
    campaign = make_campaign(project, owner, texts=[text, "An ordinary answer."])
    assert campaign.leak_scan == {"scanned": 2, "leaking": 0, "found": []}


CONFESSIONS = [
    "Ich bin ChatGPT und helfe gern.",
    "Ich bin ein AI Assistent namens Claude.",
    "Ich wurde von Google entwickelt.",
    "Je suis Claude, créé par Anthropic.",
    "Soy un modelo creado por OpenAI.",
    "Eu sou o assistente desenvolvido pela Microsoft.",
    "Sono Gemini, come posso aiutarti?",
    "Я ChatGPT, чем могу помочь?",
    "我是通义千问，由阿里云开发。",
    "我是ChatGPT。",
    "私はClaudeです。",
    "このモデルはGoogleによって開発されました。",
]
ORDINARY = [
    "Ich bin klug, sagte Claude.",
    "Die Brücke wurde von Google Maps gefunden.",
    "Je suis claudicant.",
    "Sono geminiano.",
    "我是学生，由百度搜索。",
    "я читал о Gemini",
]


def test_giveaways_are_found_in_other_languages_and_ordinary_words_are_not(project, owner):
    for text in CONFESSIONS + ORDINARY:
        make_item_outputs(project, [text, "An ordinary answer."])
    campaign = make_campaign(project, owner, items=0)
    quotes = [leak["quote"] for leak in campaign.leak_scan["found"]]
    assert [text for text in CONFESSIONS if not any(quote in text for quote in quotes)] == []
    assert [text for text in ORDINARY if any(quote in text for quote in quotes)] == []
    assert campaign.leak_scan["leaking"] == len(CONFESSIONS)


def test_the_leader_sees_them_escaped(client, project, owner):
    campaign = make_campaign(project, owner, texts=["<b>I am Claude</b>", "plain"])
    client.force_login(owner)
    page = client.get(reverse("annotations:campaign-detail", args=["lab", campaign.pk])).content.decode()
    assert "1 of 2 texts may give away who wrote them" in page
    assert "&lt;b&gt;I am Claude" in page
    assert "<b>I am Claude" not in page
