"""Exports say what went from the project, before they were made and since, and who agreed to what."""

import json

import pytest
from django.core.files.storage import default_storage
from pytest_django.asserts import assertContains, assertNotContains

from annotations.actions.consent import agree, change_consent_text
from projects.actions.departures import finish_due_departures
from projects.actions.leaving import erase_person
from projects.models import Fate, Project
from rewards.actions.exports import export_now
from rewards.exporting.choices import choices_from_json
from tests.annotations.campaigns import make_campaign
from tests.factories import make_comparison, make_output, make_rater, make_task, make_user


@pytest.fixture
def judged(cast, tmp_path, settings):
    """Two annotators have compared the same two outputs; both agreed to a consent text, and one to a later one."""
    settings.MEDIA_ROOT = tmp_path
    cast.ben = make_user("ben")
    task = make_task(cast.project)
    outputs = [make_output(task, "Paris."), make_output(task, "Lyon.", "policy-b")]
    for person in (cast.annotator, cast.ben):
        cast.project.memberships.get_or_create(user=person, defaults={"role": "annotator"})
        make_comparison(make_rater(cast.project, f"rater of {person}", user=person), *outputs, "a")
    cast.campaign = make_campaign(cast.project, cast.owner, name="Which | answer?")
    return cast


def made(project):
    choices = choices_from_json({"fractions": {"train": 1.0}})
    export = export_now(project, choices=choices)
    assert export.status == "ready", export.failure
    stored = {file.path: default_storage.open(file.stored_as).read().decode() for file in export.files.all()}
    return export, json.loads(stored["manifest.json"]), stored["README.md"]


def test_an_export_says_what_was_erased_before_it_and_its_page_what_went_since(judged, browse, client, make_token):
    first, manifest, card = made(judged.project)
    assert manifest["erased"] == {}
    assert "Erased" not in card
    erase_person(user=judged.ben, actor=judged.ben)
    Project.objects.filter(pk=judged.project.pk).update(fate_of_judgments=Fate.PURGE)
    erase_person(user=judged.annotator, actor=judged.annotator)
    finish_due_departures()
    second, manifest, card = made(judged.project)
    assert manifest["erased"] == {"judgments_purged": 1, "judgments_pseudonymised": 1}
    assert "## Erased before this was made" in card
    assert "| judgments erased | 1 |" in card
    assert manifest["counts"]["comparisons_read"] == 1
    owner = browse(judged.owner)
    assertContains(owner.get(f"/p/quill/exports/{first.pk}/"), "1 judgments erased")
    assertNotContains(owner.get(f"/p/quill/exports/{second.pk}/"), "Since this was made the project has lost")
    headers = {"Authorization": f"Bearer {make_token(judged.owner, 'read', 'export').secret}"}
    answer = client.get(f"/api/v1/projects/quill/exports/{first.pk}", headers=headers).json()
    assert answer["erased_since"] == {"judgments_purged": 1, "judgments_pseudonymised": 1}


def test_an_export_says_how_many_of_those_who_answered_agreed_to_which_text(judged):
    campaign = judged.campaign
    for person in (judged.annotator, judged.ben):
        campaign.progress.create(user=person, submitted_count=1, last_at=campaign.created_at)
    text = change_consent_text(campaign=campaign, actor=judged.owner, text="We store answers.")
    agree(campaign=campaign, user=judged.ben, number=1)
    # Whoever agreed and never answered is no one behind the data.
    agree(campaign=campaign, user=judged.manager, number=1)
    _, manifest, card = made(judged.project)
    [consent] = manifest["consents"]
    assert (consent["version"], consent["agreed"], consent["answered"]) == (1, 1, 2)
    assert consent["sha256"] == text.sha256
    # The name is a stranger's text: its bar does not end the cell.
    assert f"| Which \\| answer? | 1 | 1 of 2 | `{text.sha256}` |" in card
