"""Training, qualification, gold, attention checks and repeats: who is asked what, and what follows."""

import pytest

from annotations.access import assignment_for
from annotations.actions.gold import (
    answer_as_gold,
    make_check,
    return_to_work,
    revise_gold,
    take_agreed_answer,
    withdraw_gold,
)
from annotations.actions.lease import lease_next_item, release_item, skip_item
from annotations.actions.qualification import attempts_left, begin_attempt, decide_about, set_checks
from annotations.actions.submission import submit_answer, undo_submission
from annotations.checks import CheckSettings, drawn_kind
from annotations.models import Campaign, CampaignItem, CampaignProgress, CheckResult, Submission
from projects.errors import AppError
from projects.models import Notification
from projects.notices import line_of
from rewards.models import Judgment
from tests.annotations.campaigns import make_campaign, shown_outputs
from tests.factories import make_user

pytestmark = pytest.mark.django_db

RATING = [{"kind": "rating", "key": "overall", "prompt": "How good?", "scale_low": 1, "scale_high": 7}]
PARIS = "Paris is the capital."
NEVER = CheckSettings(gold_percent=0, attention_percent=0)


def campaign_of(project, owner, items, **fields):
    return make_campaign(project, owner, items=items, questions=RATING, **fields)


def rated(assignment, paris, other):
    """Ratings by text, in the labels of whoever answers."""
    texts = {label: output.messages[0]["text"] for label, output in shown_outputs(assignment).items()}
    return {"overall": {label: paris if text == PARIS else other for label, text in texts.items()}}


def answer(assignment, paris=6, other=2, key="k"):
    mine = assignment_for(assignment.user, assignment.pk)
    return submit_answer(assignment=mine, key=key, answer=rated(mine, paris, other), active_ms=1000)


def make_gold(item, owner, kind="gold", paris=6, other=2):
    made = make_check(item=item, kind=kind, actor=owner)
    answer(answer_as_gold(item=made, user=owner), paris, other, key=f"gold-{made.pk}")
    made.refresh_from_db()
    return made


def settle(campaign, owner, **settings):
    set_checks(campaign=campaign, settings=CheckSettings(**{"gold_percent": 0, "attention_percent": 0, **settings}),
               actor=owner)  # fmt: skip
    return Campaign.objects.get(pk=campaign.pk)


def lease(campaign, user):
    return lease_next_item(campaign=Campaign.objects.select_related("protocol").get(pk=campaign.pk), user=user)


def test_an_item_that_nobody_began_leaves_the_work_and_one_that_was_begun_gets_a_copy(project, owner, ann):
    campaign = campaign_of(project, owner, 2)
    begun = lease(campaign, ann).item
    free = campaign.items.exclude(pk=begun.pk).get()
    assert make_check(item=free, kind="gold", actor=owner).pk == free.pk
    copy = make_check(item=begun, kind="gold", actor=owner)
    assert (copy.source, copy.task_id, copy.position) == (begun, begun.task_id, 3)
    assert list(copy.item_outputs.values_list("output_id", flat=True)) == list(
        begun.item_outputs.values_list("output_id", flat=True)
    )
    campaign.refresh_from_db()
    assert campaign.item_count == 1
    with pytest.raises(AppError, match="Expected one of") as refused:
        make_check(item=begun, kind="work", actor=owner)
    assert refused.value.code == "check_kind"


def test_a_lead_answers_as_gold_on_the_ordinary_page_and_nothing_of_it_counts_as_work(project, owner):
    campaign = campaign_of(project, owner, 2, is_open=False)
    item = make_gold(campaign.items.first(), owner)
    gold = item.gold
    assert (gold.number, gold.origin, gold.created_by) == (1, "answered", owner)
    campaign.refresh_from_db()
    project.refresh_from_db()
    assert (campaign.submitted_count, campaign.checked_count, project.judgment_count) == (0, 0, 0)
    assert not Judgment.objects.exists()
    assert not CheckResult.objects.exists()
    assert not CampaignProgress.objects.exists()
    assert campaign.checks["kinds"] == ["gold"]
    # Answered again: begins from what is in force, and is a version of its own.
    again = answer_as_gold(item=item, user=owner)
    assert again.draft.answer == gold.answer
    answer(again, paris=7, key="second")
    item.refresh_from_db()
    assert (item.gold.number, item.gold_versions.count()) == (2, 2)


def test_gold_comes_once_for_each_person_and_only_its_result_counts(project, owner, ann):
    campaign = campaign_of(project, owner, 3)
    item = make_gold(campaign.items.first(), owner)
    campaign = settle(campaign, owner, gold_percent=100)
    first = lease(campaign, ann)
    assert first.item == item
    done = answer(first, paris=5, other=2)
    result = CheckResult.objects.get()
    # Off by one of six levels and right: (5/6 + 1) / 2; the mark of seven levels is 5/6.
    assert result.scores == {"overall": {"score": pytest.approx(11 / 12), "passed": True}}
    assert (result.kind, result.passed, result.gold, result.user) == ("gold", True, item.gold, ann)
    assert not Judgment.objects.exists()
    campaign.refresh_from_db()
    assert (campaign.submitted_count, campaign.checked_count, campaign.answered_count) == (0, 1, 1)
    assert CampaignProgress.objects.get(user=ann).submitted_count == 1
    assert done.submission.protocol == campaign.protocol
    for _ in range(2):
        work = lease(campaign, ann)
        assert work.item.kind == "work"
        answer(work, key=f"w{work.pk}")
    assert lease(campaign, ann) is None
    assert Judgment.objects.count() == 4


def test_gold_is_not_asked_of_whoever_answered_the_work_it_was_made_from(project, owner, ann):
    campaign = campaign_of(project, owner, 2)
    begun = lease(campaign, ann)
    answer(begun)
    make_gold(begun.item, owner)
    campaign = settle(campaign, owner, gold_percent=100)
    assert lease(campaign, ann).item.kind == "work"


def test_after_the_last_of_the_work_no_check_shows_itself(project, owner, ann):
    campaign = campaign_of(project, owner, 2)
    make_gold(campaign.items.first(), owner)
    campaign = settle(campaign, owner, gold_percent=0)
    answer(lease(campaign, ann))
    settle(campaign, owner, gold_percent=100)
    assert lease(campaign, ann) is None


def test_a_gold_answer_taken_back_has_no_result_and_one_given_again_has_one(project, owner, ann):
    campaign = campaign_of(project, owner, 2)
    make_gold(campaign.items.first(), owner)
    campaign = settle(campaign, owner, gold_percent=100)
    asked = lease(campaign, ann)
    answer(asked, paris=1)
    undo_submission(assignment=assignment_for(ann, asked.pk))
    assert not CheckResult.objects.standing().exists()
    campaign.refresh_from_db()
    assert (campaign.checked_count, CampaignProgress.objects.get(user=ann).submitted_count) == (0, 0)
    answer(asked, paris=6, key="again")
    assert CheckResult.objects.standing().get().passed is True


def test_training_comes_first_stands_and_cannot_be_skipped(project, owner, ann):
    campaign = campaign_of(project, owner, 2)
    trained = make_gold(campaign.items.last(), owner, kind="training")
    asked = lease(campaign, ann)
    assert asked.item == trained
    with pytest.raises(AppError) as refused:
        skip_item(assignment=asked, reason="")
    assert refused.value.code == "not_to_be_skipped"
    answer(asked, paris=1)
    assert CheckResult.objects.get().passed is False
    with pytest.raises(AppError) as refused:
        undo_submission(assignment=assignment_for(ann, asked.pk))
    assert refused.value.code == "answer_stands"
    assert not CampaignProgress.objects.get(user=ann).submitted_count
    assert lease(campaign, ann).item.kind == "work"


def test_who_fails_the_qualification_gets_no_work_and_tries_again_with_other_items(project, owner, ann):
    campaign = campaign_of(project, owner, 5)
    for item in list(campaign.items.all()[:4]):
        make_gold(item, owner, kind="qualification")
    settings = {"qualification_items": 2, "qualification_percent": 50, "qualification_attempts": 2}
    campaign = settle(campaign, owner, **settings)
    seen = []
    for key in ("a", "b"):
        asked = lease(campaign, ann)
        assert asked.item.kind == "qualification"
        seen.append(asked.item_id)
        answer(asked, paris=1, other=7, key=key)
    with pytest.raises(AppError, match="not passed") as refused:
        lease(campaign, ann)
    assert refused.value.code == "not_qualified"
    progress = CampaignProgress.objects.get(user=ann)
    assert (progress.qualification, attempts_left(campaign, ann, progress)) == ("failed", 1)
    [told] = Notification.objects.filter(kind="person.failed")
    assert (told.user, told.data["right"], told.data["n"]) == (owner, 0, 2)

    begin_attempt(campaign=campaign, user=ann)
    # One of two right is half: enough.
    for paris, key in ((6, "c"), (1, "d")):
        asked = lease(campaign, ann)
        assert asked.item_id not in seen
        answer(asked, paris=paris, other=2, key=key)
    assert CampaignProgress.objects.get(user=ann).qualification == "passed"
    assert lease(campaign, ann).item.kind == "work"
    with pytest.raises(AppError) as refused:
        begin_attempt(campaign=campaign, user=ann)
    assert refused.value.code == "no_attempt_left"


def test_failed_attention_checks_pause_a_person_until_a_lead_lets_them_go_on(project, owner, ann):
    campaign = campaign_of(project, owner, 4)
    for item in list(campaign.items.all()[:3]):
        make_gold(item, owner, kind="attention")
    campaign = settle(campaign, owner, attention_percent=100, pause_after=2)
    for key in ("a", "b"):
        assert CampaignProgress.objects.filter(paused_at__isnull=False).count() == 0
        answer(lease(campaign, ann), paris=1, other=7, key=key)
    with pytest.raises(AppError) as refused:
        lease(campaign, ann)
    assert refused.value.code == "person_paused"
    [told] = Notification.objects.filter(kind="person.paused")
    assert (told.user, told.data) == (owner, {"name": campaign.name, "user": str(ann), "n": 2})
    assert line_of(told).endswith("failed attention checks: 2.")
    decide_about(campaign=campaign, user=ann, change="resume", actor=owner)
    # Those two are dealt with: a third one alone pauses nobody.
    answer(lease(campaign, ann), paris=1, other=7, key="c")
    assert lease(campaign, ann).item.kind == "work"


def test_work_is_asked_again_after_enough_others_and_compared_with_the_first_answer(project, owner, ann):
    campaign = campaign_of(project, owner, 5)
    campaign = settle(campaign, owner, repeat_percent=100, repeat_after=2)
    order = []
    for number in range(4):
        asked = lease(campaign, ann)
        order.append((asked.item.kind, asked.item.source_id or asked.item_id))
        answer(asked, paris=6 if asked.item.kind == "work" else 4, key=f"k{number}")
    # Three of work before two lie between; then the first one again.
    assert [kind for kind, _ in order] == ["work", "work", "work", "repeat"]
    assert order[3][1] == order[0][1]
    result = CheckResult.objects.get()
    assert (result.gold, result.earlier.assignment.item_id) == (None, order[0][1])
    # Off by two of six levels and the same: (2/3 + 1) / 2 = 5/6, just the mark.
    assert result.scores["overall"] == {"score": pytest.approx(5 / 6), "passed": True}
    assert Judgment.objects.count() == 6


def test_an_agreed_answer_becomes_gold_and_a_disagreement_names_its_question(project, owner, ann):
    campaign = campaign_of(project, owner, 2, overlap=2)
    other = make_user("ben")
    project.memberships.create(user=other, role="annotator")
    first, second = lease(campaign, ann), lease(campaign, ann)
    assert first == second
    answer(first, key="a")
    item = first.item
    check = make_check(item=item, kind="gold", actor=owner)
    with pytest.raises(AppError, match="two answers"):
        take_agreed_answer(item=check, actor=owner)
    theirs = next(found for _ in range(2) if (found := _on(campaign, other, item)))
    answer(theirs, key="b")
    gold = take_agreed_answer(item=check, actor=owner)
    assert (gold.origin, gold.order) == ("agreed", first.order)
    undo_submission(assignment=assignment_for(other, theirs.pk))
    answer(theirs, paris=5, key="c")
    with pytest.raises(AppError, match="overall"):
        take_agreed_answer(item=check, actor=owner)


def _on(campaign, user, item):
    """The person's lease on `item`, or None after giving another one back for good."""
    found = lease(campaign, user)
    if found.item_id == item.pk:
        return found
    skip_item(assignment=found, reason="")
    return None


def test_a_right_answer_is_changed_by_a_new_version_and_can_be_withdrawn(project, owner, ann):
    campaign = campaign_of(project, owner, 2)
    item = make_gold(campaign.items.first(), owner)
    version = revise_gold(item=item, actor=owner, explanation="Lyon is wrong.", pass_marks={"overall": 1.0})
    assert (version.number, version.explanation) == (2, "Lyon is wrong.")
    assert revise_gold(item=item, actor=owner, explanation="Lyon is wrong.", pass_marks={"overall": 1.0}) == version
    campaign = settle(campaign, owner, gold_percent=100)
    asked = lease(campaign, ann)
    answer(asked, paris=5)
    assert CheckResult.objects.get().passed is False
    withdraw_gold(item=item, actor=owner)
    campaign.refresh_from_db()
    assert campaign.checks["kinds"] == []
    assert CheckResult.objects.count() == 1
    with pytest.raises(AppError) as refused:
        return_to_work(item=item, actor=owner)
    assert refused.value.code == "asked_already"


def test_a_check_that_nobody_was_asked_goes_back_to_the_work(project, owner, ann):
    campaign = campaign_of(project, owner, 1, is_open=True)
    item = make_gold(campaign.items.get(), owner)
    return_to_work(item=item, actor=owner)
    campaign.refresh_from_db()
    assert (campaign.item_count, campaign.checks["kinds"]) == (1, [])
    assert lease(campaign, ann).item == item


def test_a_lead_who_was_asked_an_item_does_not_say_what_is_right(project, owner):
    campaign = campaign_of(project, owner, 2)
    item = make_gold(campaign.items.first(), owner)
    other = make_user("otto")
    project.memberships.create(user=other, role="manager")
    campaign = settle(campaign, owner, gold_percent=100)
    asked = lease(campaign, other)
    release_item(assignment=asked)
    with pytest.raises(AppError) as refused:
        answer_as_gold(item=item, user=other)
    assert refused.value.code == "answered_as_annotator"


def test_the_share_of_checks_is_the_one_that_was_asked_for():
    campaign = Campaign(seed=3, checks={"gold_percent": 20, "attention_percent": 10, "kinds": ["attention", "gold"]})
    drawn = [drawn_kind(campaign, 1, n) for n in range(2000)]
    # Standard errors are sqrt(0.2 * 0.8 / 2000) = 0.9 % and 0.7 %; three of them.
    assert drawn.count("gold") / 2000 == pytest.approx(0.2, abs=0.027)
    assert drawn.count("attention") / 2000 == pytest.approx(0.1, abs=0.021)
    assert drawn.count("repeat") == 0
    assert drawn_kind(campaign, 2, 0) == drawn_kind(campaign, 2, 0)


def test_a_campaign_without_checks_asks_nothing_more_of_the_database(project, owner, ann, django_assert_num_queries):
    from annotations.actions.check_gate import due_checks

    campaign = campaign_of(project, owner, 1)
    with django_assert_num_queries(0):
        assert due_checks(campaign=campaign, user=ann) is None
    assert Submission.objects.count() == 0
    assert CampaignItem.objects.get().kind == "work"
