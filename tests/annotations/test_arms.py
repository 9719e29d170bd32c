"""Study arms: balanced, the same on every look, kept with the assignment, seen on the page and in every judgment."""

from collections import Counter

import pytest

from annotations.access import assignment_for
from annotations.actions.draft import save_draft
from annotations.actions.lease import lease_next_item, release_item
from annotations.actions.plan import change_plan
from annotations.actions.submission import submit_answer
from annotations.arms import arm_of_item, arm_of_person, arms_of, in_sequence, read_arms, second_part
from annotations.models import Campaign
from annotations.page_data import assignment_data
from annotations.plan_page import arm_rows
from annotations.protocols import parse_questions
from projects.errors import AppError
from projects.models import Membership, Role
from rewards.models import Judgment
from tests.annotations.campaigns import FULL, full_answer, make_campaign
from tests.factories import make_project, make_user

pytestmark = pytest.mark.django_db

BOTH = {
    "sequence": ["sparse_first", "dense_first"],
    "guidelines": [{"name": "short", "text": "Be brief."}, {"name": "long", "text": "Take your time."}],
}


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def project(owner):
    return make_project("lab", owner=owner)


def annotator(project, name=""):
    person = make_user(name)
    Membership.objects.create(project=project, user=person, role=Role.ANNOTATOR)
    return person


def with_arms(project, owner, arms, *, unit="person", **fields):
    campaign = make_campaign(project, owner, **fields)
    change_plan(campaign=campaign, actor=owner, arms=arms, arm_unit=unit)
    return Campaign.objects.select_related("plan", "protocol", "project").get(pk=campaign.pk)


def test_arms_are_every_combination_of_levels():
    assert arms_of(read_arms(BOTH)) == [
        {"sequence": "sparse_first", "guidelines": "short"},
        {"sequence": "sparse_first", "guidelines": "long"},
        {"sequence": "dense_first", "guidelines": "short"},
        {"sequence": "dense_first", "guidelines": "long"},
    ]
    assert arms_of({}) == []


def test_a_factor_with_one_level_or_two_of_a_name_is_refused():
    for config, field in (
        ({"sequence": ["dense_first"]}, "arms.sequence"),
        ({"guidelines": [{"name": "a", "text": "x"}, {"name": "a", "text": "y"}]}, "arms.guidelines"),
        ({"overlay": ["on", "off"]}, "arms.overlay"),
    ):
        with pytest.raises(AppError) as refused:
            read_arms(config)
        assert field in refused.value.fields


def test_any_run_of_items_has_each_arm_once_in_an_order_of_the_persons_own():
    arms = arms_of(BOTH)

    def drawn(user):
        return [arms.index(arm_of_item(arms, seed=7, user_id=user, position=place)) for place in range(1, 401)]

    for start in range(0, 400, 4):
        assert sorted(drawn(1)[start : start + 4]) == [0, 1, 2, 3]
    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_who_starts_gets_an_arm_with_the_fewest_people():
    arms = arms_of(BOTH)
    assert arm_of_person(arms, [2, 1, 2, 2], seed=1, user_id=9) == arms[1]
    chosen = Counter(arms.index(arm_of_person(arms, [1, 1, 1, 1], seed=1, user_id=user)) for user in range(400))
    # 100 each expected; 5 standard deviations of a binomial with p = 1/4 are 43.
    assert all(57 <= chosen[place] <= 143 for place in range(4))


def test_people_keep_their_arm_and_arms_have_equally_many_people(project, owner):
    campaign = with_arms(project, owner, BOTH, items=3, overlap=8)
    people = [annotator(project) for _ in range(8)]
    first = [lease_next_item(campaign=campaign, user=person) for person in people]
    assert set(Counter(str(held.arm) for held in first).values()) == {2}
    save_draft(assignment=first[0], answer={}, revision=0, first_finished=True)
    submit_answer(assignment=first[0], key="k", answer=full_answer(first[0]))
    assert lease_next_item(campaign=campaign, user=people[0]).arm == first[0].arm
    rows = arm_rows(campaign)
    assert [row.people for row in rows] == [2, 2, 2, 2]
    assert sum(row.submitted for row in rows) == 1


def test_the_arm_is_in_what_the_person_sees_and_in_every_judgment(project, owner):
    campaign = with_arms(project, owner, BOTH, items=1, overlap=4)
    for _ in range(4):
        held = lease_next_item(campaign=campaign, user=annotator(project))
        data = assignment_data(assignment_for(held.user, held.pk))
        text = {"short": "Be brief.", "long": "Take your time."}[held.arm["guidelines"]]
        assert data["guidelines"] == f"Read both answers first.\n\n{text}"
        keys = [question["key"] for question in data["questions"]]
        dense_first = held.arm["sequence"] == "dense_first"
        assert keys == (["errors", "overall", "preference"] if dense_first else ["overall", "preference", "errors"])
        save_draft(assignment=held, answer={}, revision=0, first_finished=True)
        submit_answer(assignment=held, key="k", answer=full_answer(held))
        shown = Judgment.objects.filter(presentation__assignment=held.pk).values_list("presentation__arm", flat=True)
        assert [arm == held.arm for arm in shown] == [True] * 5


def test_what_is_asked_second_waits_on_the_page_where_there_is_a_first():
    questions = parse_questions(FULL)
    assert second_part(questions, {"sequence": "sparse_first"}) == ["errors"]
    assert second_part(questions, {"sequence": "dense_first"}) == ["overall", "preference"]
    assert second_part(questions, {"guidelines": "short"}) == []
    assert second_part(questions[:1], {"sequence": "sparse_first"}) == []


def test_without_a_study_nothing_is_drawn_and_questions_stand_as_the_protocol_has_them(project, owner):
    held = lease_next_item(campaign=make_campaign(project, owner), user=make_user())
    assert held.arm == {}
    questions = parse_questions(FULL)
    assert in_sequence(questions, {}) == questions


def test_arms_are_fixed_from_the_first_item_on(project, owner):
    campaign = with_arms(project, owner, BOTH)
    release_item(assignment=lease_next_item(campaign=campaign, user=annotator(project)))
    with pytest.raises(AppError) as refused:
        change_plan(campaign=campaign, actor=owner, arms={})
    assert refused.value.code == "arms_fixed"


def test_variants_of_guidelines_are_for_people_and_not_for_items(project, owner):
    with pytest.raises(AppError) as refused:
        with_arms(project, owner, BOTH, unit="item")
    assert list(refused.value.fields) == ["arm_unit"]
