"""Texts that give their author away are shown to the leader of the campaign."""

import pytest
from django.urls import reverse

from tests.annotations.campaigns import make_campaign
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


def test_the_leader_sees_them_escaped(client, project, owner):
    campaign = make_campaign(project, owner, texts=["<b>I am Claude</b>", "plain"])
    client.force_login(owner)
    page = client.get(reverse("annotations:campaign-detail", args=["lab", campaign.pk])).content.decode()
    assert "1 of 2 texts may give away who wrote them" in page
    assert "&lt;b&gt;I am Claude" in page
    assert "<b>I am Claude" not in page
