"""How long each part of an item was looked at: checked with the submit, kept with it, told by person and in data."""

import pytest

from annotations.actions.lease import lease_next_item
from annotations.actions.submission import submit_answer
from annotations.models import Submission
from annotations.quality.times import times_of
from projects.errors import AppError
from tests.annotations.campaigns import full_answer, make_campaign
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return {"owner": make_user("olga"), "annotator": make_user("ann")}


@pytest.fixture
def campaign(people):
    return make_campaign(make_project("lab", **people), people["owner"], items=2)


def test_the_page_sends_the_parts_and_the_campaigns_data_has_them(client, people, campaign):
    held = lease_next_item(campaign=campaign, user=people["annotator"])
    parts = {"prompt": 2000, "response:A": 5000, "question:overall": 1000}
    client.force_login(people["annotator"])
    sent = {"key": "k", "answer": full_answer(held), "active_ms": 9000, "active_parts": parts}
    for _ in range(2):
        done = client.post(f"/api/v1/assignments/{held.pk}/submit", sent, "application/json")
        assert done.status_code == 200
    assert Submission.objects.get().active_parts == parts
    client.force_login(people["owner"])
    (row,) = client.get(f"/api/v1/projects/lab/campaigns/{campaign.pk}/answers").json()["results"]
    assert (row["active_ms"], row["active_parts"]) == (9000, parts)


def test_times_that_cannot_be_are_refused_by_the_part(people, campaign):
    held = lease_next_item(campaign=campaign, user=people["annotator"])
    wrong = {
        "active_parts.response:C": {"response:C": 1},
        "active_parts.question:taste": {"question:taste": 1},
        "active_parts.prompt": {"prompt": -1},
        "active_parts": {"prompt": 60, "response:A": 41},
    }
    for name, parts in wrong.items():
        with pytest.raises(AppError) as refused:
            submit_answer(assignment=held, key="k", answer=full_answer(held), active_ms=100, active_parts=parts)
        assert (refused.value.code, [*refused.value.fields]) == ("time_invalid", [name])
    submit_answer(assignment=held, key="k", answer=full_answer(held), active_ms=100, active_parts={"prompt": 100})


def test_a_persons_time_is_told_by_part_over_the_items_that_tell_it(people, campaign):
    given = ({"prompt": 1000, "response:A": 4000, "response:B": 2000, "question:overall": 500}, {}, None)
    for key, parts in zip("ab", given, strict=False):
        held = lease_next_item(campaign=campaign, user=people["annotator"])
        submit_answer(assignment=held, key=key, answer=full_answer(held), active_ms=8000, active_parts=parts)
    (told,) = times_of(campaign).values()
    # One item of two tells; of its 8 seconds half a second belongs to no part.
    assert told == {
        "n": 1,
        "prompt": 1.0,
        "responses": 6.0,
        "questions": {"overall": 0.5},
        "answering": 0.5,
        "guidelines": 0.0,
        "rest": 0.5,
    }
