"""Live campaigns rank what to ask next: each strategy over a small campaign, when it runs, and its fall-back."""

import pytest

from annotations.actions.lease import lease_next_item
from annotations.actions.plan import change_plan
from annotations.actions.reranking import rerank, rerank_due_campaigns
from annotations.actions.submission import submit_answer
from annotations.models import Campaign, Reranking
from annotations.protocols.presets import PRESETS
from rewards.models import Rater, Task
from tests.annotations.campaigns import make_campaign, shown_outputs
from tests.factories import make_output, make_project, make_rating, make_task, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def project(owner):
    return make_project("lab", owner=owner)


def campaign_over(project, owner, pairs, *, preset="comparison", **plan):
    """An actively ranked campaign with one item for each pair of policies, in that order."""
    for number, policies in enumerate(pairs):
        task = make_task(project, f"t{number}", prompt=f"prompt {number} of the lot")
        for policy in policies:
            make_output(task, f"{policy} says {number}", policy=policy)
        Task.objects.filter(pk=task.pk).update(output_count=len(policies))
    campaign = make_campaign(project, owner, items=0, questions=PRESETS[preset].questions)
    change_plan(campaign=campaign, actor=owner, order="active", **plan)
    return reloaded(campaign)


def reloaded(campaign):
    return Campaign.objects.select_related("plan", "protocol", "project").get(pk=campaign.pk)


def answer_next(campaign, better=None, ratings=None):
    """One person's answer to the next item: `better` is the policy preferred, or `ratings` by policy."""
    held = lease_next_item(campaign=campaign, user=make_user())
    shown = {label: output.policy.name for label, output in shown_outputs(held).items()}
    if ratings is not None:
        answer = {"overall": {label: ratings[policy] for label, policy in shown.items()}}
    else:
        answer = {"preference": {"A-B": next(label for label, policy in shown.items() if policy == better)}}
    submit_answer(assignment=held, key=f"k{held.pk}", answer=answer)


def scorer(project, name, number):
    return Rater.objects.create(project=project, kind="scorer", name=name, pseudonym=name, scorer_hash=f"{number}" * 64)


def judged(campaign, judge, values):
    """The judge's rating of each output, by the item's position: a list of one number an output."""
    for item in campaign.items.order_by("position"):
        for row, value in zip(item.item_outputs.order_by("position"), values[item.position], strict=True):
            make_rating(judge, row.output, value)


def queue(campaign):
    items = campaign.items.filter(granted_count=0).order_by("rank", "position")
    return [(item.position, item.why) for item in items]


def test_the_pair_of_policies_that_nobody_has_compared_comes_next(project, owner):
    pairs = [("a", "b")] * 3 + [("a", "c")] * 3 + [("b", "c")] * 2
    campaign = campaign_over(project, owner, pairs, strategy="uncertainty")
    campaign.items.filter(position__in=[3, 6, 7, 8]).update(rank=10)
    for _ in range(4):
        answer_next(campaign, better="a")
    stored = rerank(reloaded(campaign), seed=3)
    assert (stored.failure, stored.seen_count, stored.item_count, stored.answer_count) == ("", 4, 4, 4)
    # a won 2 of 2 against b and against c; b and c never met.
    assert stored.details == {"policies": ["a", "b", "c"], "wins": [[0, 2, 2], [0, 0, 0], [0, 0, 0]]}
    position, why = queue(campaign)[0]
    assert (position, why) in [(7, "b against c: 0 of 0 won so far"), (8, "b against c: 0 of 0 won so far")]
    assert lease_next_item(campaign=reloaded(campaign), user=make_user()).item.position == position


def test_every_pending_item_keeps_a_place_of_its_own(project, owner):
    campaign = campaign_over(project, owner, [("a", "b")] * 2 + [("a", "c")] * 4, strategy="rucb")
    answer_next(campaign, better="a")
    assert rerank(reloaded(campaign)).item_count == 5
    ranks = list(campaign.items.filter(granted_count=0).values_list("rank", flat=True))
    assert sorted(ranks) == [-5, -4, -3, -2, -1]


def test_without_answers_the_order_is_random_and_the_reason_is_kept(project, owner):
    campaign = campaign_over(project, owner, [("a", "b")] * 2, strategy="rucb")
    stored = rerank(campaign)
    assert stored.failure == "Nobody has compared, ranked or rated outputs of two of these policies yet."
    assert [why for _, why in queue(campaign)] == ["At random", "At random"]


def test_a_strategy_that_breaks_leaves_people_at_work_and_says_so(project, owner, monkeypatch, caplog):
    campaign = campaign_over(project, owner, [("a", "b")], strategy="rucb")
    monkeypatch.setattr("annotations.active.evidence.Evidence.policies", property(lambda self: 1 / 0))
    assert rerank(campaign).failure.startswith("The strategy failed unexpectedly")
    assert lease_next_item(campaign=campaign, user=make_user()) is not None


def test_campaigns_are_ranked_at_once_and_then_after_so_many_answers(project, owner):
    campaign = campaign_over(project, owner, [("a", "b")] * 5, strategy="borda", rerank_every=2)
    assert rerank_due_campaigns() == 1
    answer_next(campaign, better="a")
    assert rerank_due_campaigns() == 0
    answer_next(campaign, better="a")
    assert rerank_due_campaigns() == 1
    assert Reranking.objects.filter(campaign=campaign).count() == 2
    Campaign.objects.update(status="paused")
    Reranking.objects.all().delete()
    assert rerank_due_campaigns() == 0


def test_the_smallest_margin_of_the_judge_comes_first_and_what_is_not_scored_last(project, owner):
    campaign = campaign_over(project, owner, [("a", "b")] * 3, strategy="margin", scorer="1:rating, overall")
    judge = scorer(project, "judge", 1)
    judged(campaign, judge, {1: [7, 1], 2: [4, 3.5], 3: [2, 2.1]})
    make_output(campaign.items.get(position=1).task, "new", policy="late")
    change_plan(campaign=campaign, actor=owner, scorer=f"{judge.pk}:rating, overall")
    rerank(reloaded(campaign))
    assert [position for position, _ in queue(campaign)] == [3, 2, 1]
    assert queue(campaign)[0][1] == "rating, overall: 0.1 between the best two"


def test_items_on_which_scorers_differ_most_come_first(project, owner):
    campaign = campaign_over(project, owner, [("a", "b")] * 3, strategy="ensemble_variance")
    judged(campaign, scorer(project, "one", 1), {1: [1, 7], 2: [4, 4], 3: [1, 7]})
    # The two agree on items 1 and 2 after standardising, and are opposed on item 3.
    judged(campaign, scorer(project, "two", 2), {1: [2, 6], 2: [4, 4], 3: [6, 2]})
    rerank(campaign)
    assert queue(campaign)[0][0] == 3


def test_people_are_asked_where_the_judge_errs_and_the_rest_may_be_left_to_it(project, owner):
    pairs = [("a", "b")] * 18
    campaign = campaign_over(
        project, owner, pairs, preset="rating", strategy="judge_or_people", scorer="1:rating, overall"
    )
    judge = scorer(project, "judge", 1)
    # The judge gives 2 to what policy a writes and 6 to what b writes.
    judged(campaign, judge, {item.position: [2, 6] for item in campaign.items.all()})
    change_plan(campaign=campaign, actor=owner, scorer=f"{judge.pk}:rating, overall")
    assert rerank(reloaded(campaign)).failure.startswith("0 ratings of people")
    for turn in range(12):
        # People agree about a, up to a constant; about b they say 1 or 7, whatever the judge says.
        answer_next(reloaded(campaign), ratings={"a": 3, "b": 1 + 6 * (turn % 2)})
    stored = rerank(reloaded(campaign), seed=1)
    assert (stored.failure, stored.seen_count) == ("", 24)
    low, high = stored.details["strata"]
    # On a scale from 0 to 1, the judge's lowest at 0: a is at 0 to the judge and at 1/3 to people, 12 times.
    assert low["judged_by_both"] == high["judged_by_both"] == 12
    assert low["bias"] == pytest.approx(-(12 / 3) / 13)
    assert low["error"] < 0.15 < high["error"]
    assert (stored.details["to_people"], stored.details["to_judge"]) == (6, 0)


def test_a_sample_by_clusters_and_one_by_difficulty_rank_every_item_once(project, owner):
    campaign = campaign_over(project, owner, [("a", "b")] * 6, strategy="difficulty", scorer="1:rating, overall")
    judge = scorer(project, "judge", 1)
    judged(campaign, judge, {position: [1, 7] for position in range(1, 7)})
    for strategy in ("difficulty", "cluster_sensitivity"):
        change_plan(campaign=campaign, actor=owner, strategy=strategy, scorer=f"{judge.pk}:rating, overall")
        stored = rerank(reloaded(campaign), seed=1)
        if strategy == "difficulty":
            assert stored.failure == "rating, overall goes from 1 to 7: expected 0 to 1."
        else:
            assert stored.failure == ""
        assert sorted(position for position, _ in queue(campaign)) == [1, 2, 3, 4, 5, 6]
