"""What a source gives is stored as judgments, one a kind, with replies and usage; what it must not give is refused."""

from dataclasses import replace

import pytest

from rewards.models import Judgment, JudgmentTrace
from rewards.segmentation import sentences
from tests.factories import make_output, make_project, make_task
from tests.workers.counting_source import CountingSource, counting_scorer, registered, start
from workers.models import Attempt, RunItem
from workers.scoring import work_once
from workers.sources.contract import Estimate
from workers.sources.replies import ParseState
from workers.sources.results import (
    ComparisonResult,
    CritiqueResult,
    Gives,
    RankingResult,
    RatingResult,
    Reply,
    Scored,
    SpanResult,
    StepsResult,
    Unscored,
)

pytestmark = pytest.mark.django_db

TEXT = "Good. Bad \N{PILE OF POO}."
PARSED = Reply("all", "h", ParseState.PARSED, text='{"score": 3}\x00', prompt_tokens=20, reply_tokens=5, cost=0.5)
UNREAD = Reply("all", "h", ParseState.OFF_MENU, text="Maybe", detail="expected Yes or No", reply_tokens=1)


class GivingSource(CountingSource):
    """Gives what the test says, for every item."""

    def __init__(self, *results, reads_group=False):
        super().__init__()
        self.results = list(results)
        self.declaration = replace(CountingSource.declaration, gives=frozenset(Gives), reads_group=reads_group)

    def estimate(self, items, parameters):
        return Estimate(len(items), 0)

    def score(self, items, engines, parameters):
        return [self.results.pop(0) for _ in items]


@pytest.fixture
def project():
    return make_project("giving")


def run(project, source, **fields):
    with registered(source):
        made = start(project, counting_scorer(project), **fields)
        while work_once("cpu", run=made):
            pass
    made.refresh_from_db()
    return made


def test_every_kind_of_answer_about_an_output_is_a_judgment_with_the_replies_behind_it(project):
    make_output(make_task(project), TEXT)
    scored = Scored(
        ratings=(RatingResult("overall", 3, 1, 5, {"3": 1.0}), RatingResult("style", None, 1, 5)),
        critiques=(CritiqueResult("summary", "short\x00"),),
        spans=(SpanResult(0, 6, 11, "bad", severity="major", value=-5.0),),
        steps=StepsResult(sentences([TEXT]), (1, -1), first_error=1),
        replies=(PARSED,),
    )
    made = run(project, GivingSource(scored))
    assert made.scored_count == 1
    kinds = {judgment.kind: judgment for judgment in Judgment.objects.filter(project=project)}
    assert set(kinds) == {"rating", "critique", "spans", "steps"}
    assert {judgment.act for judgment in kinds.values()} == {kinds["rating"].act}
    assert list(kinds["rating"].ratings.order_by("question").values_list("question", "value", "probabilities")) == [
        ("overall", 3, {"3": 1.0}),
        ("style", None, None),
    ]
    assert kinds["critique"].critiques.get().text == "short\N{REPLACEMENT CHARACTER}"
    span = kinds["spans"].spans.get()
    assert (span.quote, span.severity, span.value) == ("Bad \N{PILE OF POO}", "major", -5)
    labels = kinds["steps"].steps.order_by("step").values_list("step", "label", "is_first_error")
    assert list(labels) == [(0, 1, False), (1, -1, True)]
    trace = JudgmentTrace.objects.get(judgment=kinds["rating"])
    assert (trace.parse_state, trace.prompt_tokens, trace.reply_tokens, trace.cost) == ("parsed", 20, 5, 0.5)
    assert trace.replies[0]["text"] == '{"score": 3}\N{REPLACEMENT CHARACTER}'
    assert (made.reply_count, made.understood_count) == (1, 1)
    project.refresh_from_db()
    assert project.judgment_count == 4


def test_spans_that_were_looked_for_and_not_found_are_a_judgment_too(project):
    make_output(make_task(project), TEXT)
    run(project, GivingSource(Scored(spans=())))
    assert Judgment.objects.get(project=project).spans.count() == 0


def test_a_reply_that_cannot_be_read_is_kept_with_the_attempt_and_counted(project):
    make_output(make_task(project), TEXT)
    made = run(project, GivingSource(Unscored("off_menu", "expected Yes or No", (UNREAD,))))
    attempt = Attempt.objects.get(project=project)
    assert (attempt.status, attempt.reason) == ("unscored", "off_menu")
    assert attempt.replies == [
        {
            "purpose": "all",
            "prompt_sha256": "h",
            "parse_state": "off_menu",
            "text": "Maybe",
            "detail": "expected Yes or No",
            "reply_tokens": 1,
        }
    ]
    assert (made.reply_count, made.understood_count, made.unscored_count) == (1, 0, 1)
    assert not Judgment.objects.filter(project=project).exists()


def test_a_group_is_one_item_and_its_answers_name_its_members(project):
    task = make_task(project)
    outputs = [make_output(task, text) for text in ("a", "b", "c")]
    lone = make_output(make_task(project), "alone")
    scored = Scored(
        comparisons=(
            ComparisonResult(0, 2, "a", order_choices=("a", "a"), replies=(PARSED, PARSED)),
            ComparisonResult(1, 2, "tie", "flip", order_choices=("a", "b"), replies=(PARSED,)),
        ),
        ranking=RankingResult((1, 2, 2)),
    )
    made = run(project, GivingSource(scored, reads_group=True))
    assert (made.item_count, made.scored_count, made.unscored_count) == (2, 1, 1)
    items = {item.output_id: item for item in RunItem.objects.filter(run=made)}
    assert items[outputs[0].pk].members == [output.pk for output in outputs]
    assert items[lone.pk].reason == "too_few_outputs"
    compared = Judgment.objects.filter(project=project, kind="comparison").order_by("id")
    assert [
        (one.comparison.output_a_id, one.comparison.output_b_id, one.comparison.choice, one.comparison.tie_kind)
        for one in compared
    ] == [(outputs[0].pk, outputs[2].pk, "a", ""), (outputs[1].pk, outputs[2].pk, "tie", "flip")]
    assert [one.presentation["choices"] for one in compared] == [["a", "a"], ["a", "b"]]
    ranking = Judgment.objects.get(project=project, kind="ranking").ranking
    assert dict(ranking.places.values_list("output_id", "tier")) == {
        outputs[0].pk: 1,
        outputs[1].pk: 2,
        outputs[2].pk: 2,
    }
    assert (made.reply_count, made.understood_count) == (3, 3)


def test_a_group_that_has_changed_is_judged_anew_and_one_that_has_not_is_taken_over(project):
    task = make_task(project)
    make_output(task, "a"), make_output(task, "b")
    ranked = Scored(ranking=RankingResult((1, 2)))
    source = GivingSource(ranked, reads_group=True)
    assert run(project, source).reused_count == 0
    assert run(project, source).reused_count == 1
    make_output(task, "c")
    source.results = [Scored(ranking=RankingResult((1, 2, 3)))]
    assert run(project, source).reused_count == 0
    assert Judgment.objects.filter(project=project, kind="ranking").count() == 2


@pytest.mark.parametrize(
    "wrong",
    [
        Scored(ratings=(RatingResult("overall", 9, 1, 5),)),
        Scored(spans=(SpanResult(0, 3, 99, "bad"),)),
        Scored(spans=(SpanResult(1, 0, 1, "bad"),)),
        Scored(steps=StepsResult(sentences([TEXT]), (1,))),
        Scored(comparisons=(ComparisonResult(0, 1, "a"),)),
        Scored(ranking=RankingResult((1,))),
        Scored(),
    ],
    ids=["rating off its scale", "span outside", "no such message", "labels missing", "no member", "no group", "empty"],
)
def test_what_a_source_must_not_give_fails_and_nothing_of_it_is_stored(project, wrong):
    make_output(make_task(project), TEXT)
    made = run(project, GivingSource(wrong))
    assert made.failed_count == 1
    assert not Judgment.objects.filter(project=project).exists()
    assert "ValueError" in Attempt.objects.get(project=project).detail
