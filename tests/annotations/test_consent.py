"""Consent: nobody is given an item before the text in force was agreed to, and it is on record who agreed to what."""

import hashlib

import pytest
from pytest_django.asserts import assertContains, assertNotContains, assertRedirects

from annotations.actions.consent import agree, change_consent_text, consent_standing
from annotations.actions.lease import lease_next_item
from annotations.models import Consent, ConsentText
from projects.errors import AppError
from tests.annotations.campaigns import make_campaign
from tests.projects.conftest import *  # noqa: F403 - the people and their browsers

TEXT = "We store your answers under a pseudonym.\n\n<b>You</b> may withdraw."


@pytest.fixture
def campaign(cast):
    campaign = make_campaign(cast.project, cast.owner, items=3)
    change_consent_text(campaign=campaign, actor=cast.owner, text=TEXT)
    return campaign


def address(campaign, path=""):
    return f"/p/quill/campaigns/{campaign.pk}/{path}"


def test_an_annotator_reads_and_agrees_before_the_first_item(cast, browse, campaign):
    client = browse(cast.annotator)
    page = client.get(address(campaign, "start/"))
    assertContains(page, "under a pseudonym")
    assertContains(page, "&lt;b&gt;You&lt;/b&gt;")
    assertNotContains(page, ">Start<")
    refused = client.post(address(campaign, "next/"))
    assertContains(refused, "consent text", status_code=409)
    assertRedirects(client.post(address(campaign, "consent/agree/"), {"number": 1}), address(campaign, "start/"))
    assertNotContains(client.get(address(campaign, "start/")), "under a pseudonym")
    assert "/annotate/" in client.post(address(campaign, "next/")).url
    consent = Consent.objects.get()
    assert (consent.user, consent.text.number) == (cast.annotator, 1)
    assert consent.text.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()


def test_a_changed_text_asks_again_but_lets_finish_what_is_in_work(cast, campaign):
    agree(campaign=campaign, user=cast.annotator, number=1)
    held = lease_next_item(campaign=campaign, user=cast.annotator)
    change_consent_text(campaign=campaign, actor=cast.owner, text="Another purpose.")
    assert lease_next_item(campaign=campaign, user=cast.annotator) == held
    with pytest.raises(AppError) as refused:
        lease_next_item(campaign=campaign, user=cast.manager)
    assert refused.value.code == "consent_required"
    # What was read is not what would be agreed to.
    with pytest.raises(AppError, match="has changed"):
        agree(campaign=campaign, user=cast.annotator, number=1)
    agree(campaign=campaign, user=cast.annotator, number=2)
    agree(campaign=campaign, user=cast.annotator, number=2)
    assert list(Consent.objects.order_by("pk").values_list("text__number", flat=True)) == [1, 2]


def test_the_same_text_is_no_new_version_and_an_empty_one_asks_for_nothing(cast, campaign):
    change_consent_text(campaign=campaign, actor=cast.owner, text=f"{TEXT}  ")
    assert ConsentText.objects.count() == 1
    change_consent_text(campaign=campaign, actor=cast.owner, text="")
    assert lease_next_item(campaign=campaign, user=cast.annotator) is not None
    assert consent_standing(campaign) is None
    # Coming back to the old words is a new version: consents of before were given for another time.
    assert change_consent_text(campaign=campaign, actor=cast.owner, text=TEXT).number == 3


def test_those_who_lead_see_who_agreed_and_only_managers_change_the_text(cast, browse, campaign):
    agree(campaign=campaign, user=cast.annotator, number=1)
    viewer = browse(cast.viewer)
    assertContains(viewer.get(address(campaign, "consent/")), "annotator")
    assert viewer.post(address(campaign, "consent/"), {"text": "x"}).status_code == 403
    browse(cast.manager).post(address(campaign, "consent/"), {"text": "New words."})
    assert ConsentText.objects.order_by("-number").first().text == "New words."
    campaign.progress.create(user=cast.annotator, submitted_count=1, last_at=campaign.created_at)
    assertContains(viewer.get(address(campaign, "quality/")), "0 of 1 person")


def test_programs_read_the_text_and_agree_with_the_scope_annotate(cast, make_token, client, campaign):
    url = f"/api/v1/projects/quill/campaigns/{campaign.pk}/consent"
    headers = {"Authorization": f"Bearer {make_token(cast.annotator, 'read', 'annotate').secret}"}
    shown = client.get(url, headers=headers).json()
    assert (shown["number"], shown["text"], shown["agreed_at"]) == (1, TEXT, None)
    answer = client.post(f"{url}/agree", {"number": 1}, headers=headers, content_type="application/json")
    assert answer.json()["agreed_at"] is not None
    reader = {"Authorization": f"Bearer {make_token(cast.annotator, 'read').secret}"}
    assert client.post(f"{url}/agree", {"number": 1}, headers=reader).json()["code"] == "scope_required"
    assert client.put(url, {"text": ""}, headers=headers, content_type="application/json").status_code == 403
