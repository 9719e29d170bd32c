"""The page of one task: outputs side by side, a signal over them, marks, verdicts, and where numbers come from."""

import json

import numpy as np
import pytest
from django.urls import reverse

from rewards import signal_store
from rewards.models import (
    Comparison,
    Critique,
    Judgment,
    RankedOutput,
    Ranking,
    Rater,
    Rating,
    SpanMark,
    StepLabel,
    Verdict,
)
from rewards.segmentation import Segmentation, sentences, steps, whole
from rewards.signals import RewardSignal
from rewards.text import sha256_text
from tests.factories import (
    make_comparison,
    make_judgment,
    make_output,
    make_rater,
    make_rating,
    make_rubric,
    make_task,
    make_user,
)
from tests.rewards.paint import unpack

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=\"alert('2')\"> {{ 7 }} {% now %}"


@pytest.fixture
def task(cast):
    return make_task(cast.project)


def page_of(client, task, **query):
    return client.get(reverse("rewards:task-detail", args=[task.project.slug, task.pk]), query)


def store(output, rater, spans, values, channel="score", segmenter="tokenizer:x"):
    cut = Segmentation(segmenter, np.array(spans))
    signal = RewardSignal(cut, np.array(values))
    [pk] = signal_store.save_many([signal_store.NewSignal(output, rater, channel, signal, "h")])
    return pk


def mark(rater, output, start, end, **fields):
    text = output.messages[0]["text"]
    judgment = make_judgment(rater, Judgment.Kind.SPANS, output.task, output)
    values = {"type": "Irrelevant", "quote": text[start:end], "text_sha256": sha256_text(text), "message": 0}
    return SpanMark.objects.create(judgment=judgment, output=output, start=start, end=end, **(values | fields))


def panel_of(response, index=0):
    return response.context["page"].panels[index]


def test_the_first_four_outputs_stand_side_by_side_unless_others_are_chosen(cast, browse, task):
    outputs = [make_output(task, policy=f"policy-{n}") for n in range(6)]
    client = browse(cast.viewer)

    shown = [panel.output for panel in page_of(client, task).context["page"].panels]
    chosen = page_of(client, task, output=[outputs[5].pk, outputs[1].pk, 10**30, "x"]).context["page"].panels

    assert shown == outputs[:4]
    assert [panel.output for panel in chosen] == [outputs[1], outputs[5]]


def test_outputs_of_other_tasks_cannot_be_smuggled_in(cast, browse, task):
    mine, other = make_output(task), make_output(make_task(cast.other))

    panels = page_of(browse(cast.viewer), task, output=[other.pk]).context["page"].panels

    assert [panel.output for panel in panels] == [mine]


def test_a_signal_comes_with_its_sum_its_count_and_one_scale(cast, browse, task):
    rater = make_rater(cast.project)
    first, second = make_output(task, "ab"), make_output(task, "ab")
    store(first, rater, [[0, 0, 1], [0, 1, 2]], [0.5, np.nan])
    store(second, rater, [[0, 0, 1], [0, 1, 2]], [-2.0, 1.0])

    response = page_of(browse(cast.viewer), task, signal=f"{rater.pk}:score:tokenizer:x")

    panel = panel_of(response)
    assert (panel.overlay.total, panel.overlay.n_scored, panel.overlay.n_total) == (0.5, 1, 2)
    assert unpack(panel.paint) == {
        "layers": [{"limit": 2.0, "spans": [[(0, 1), (1, 2)]], "values": [0.5, None], "merged": {}}],
        "marks": [],
    }
    assert "1 of 2 scored" in response.content.decode()


def test_tokens_inside_one_character_are_summed_and_the_page_says_so(cast, browse, task):
    rater = make_rater(cast.project)
    store(make_output(task, "🙂!"), rater, [[0, 0, 1], [0, 0, 1], [0, 1, 2]], [0.25, 0.5, 1.0])

    response = page_of(browse(cast.viewer), task, signal=f"{rater.pk}:score:tokenizer:x")

    # The emoji is one code point and two UTF-16 units; its two tokens stand as one with 0.25 + 0.5.
    [layer] = unpack(panel_of(response).paint)["layers"]
    assert layer["spans"] == [[(0, 2), (2, 3)]]
    assert layer["values"] == [0.75, 1]
    assert "1 character made of several tokens" in response.content.decode()


def test_an_unknown_signal_shows_none(cast, browse, task):
    make_output(task)

    assert page_of(browse(cast.viewer), task, signal="1:no:such").context["page"].choice is None


def test_the_main_channel_lies_over_the_texts_until_another_is_chosen(cast, browse, task):
    rater, output = make_rater(cast.project), make_output(task, "ab")
    store(output, rater, [[0, 0, 1], [0, 1, 2]], [1.0, 1.0], channel="log_prob")
    store(output, rater, [[0, 0, 1], [0, 1, 2]], [1.0, 2.0], channel="log_ratio")
    by_step = RewardSignal(steps(["ab"]), np.array([3.0]))
    signal_store.save_many([signal_store.NewSignal(output, rater, "log_ratio", by_step, "h")])
    client = browse(cast.viewer)

    # The source sums up its log-ratio by step as well: that is what it is about.
    assert page_of(client, task).context["page"].choice.choice.key == f"{rater.pk}:log_ratio:tokenizer:x"
    assert page_of(client, task, signal="").context["page"].choice is None


def test_the_page_does_not_open_on_a_diagnostic_and_on_one_number_for_all_only_where_there_is_no_other(
    cast, browse, task
):
    rater, output = make_rater(cast.project), make_output(task, "ab. c")
    client = browse(cast.viewer)

    def store_whole(channel, cut):
        signal = RewardSignal(cut(["ab. c"]), np.ones(len(cut(["ab. c"]))))
        signal_store.save_many([signal_store.NewSignal(output, rater, channel, signal, "h")])

    store_whole("dispersion", whole)
    assert page_of(client, task).context["page"].choice is None
    store_whole("reward", whole)
    assert page_of(client, task).context["page"].choice.choice.channel == "reward"
    store_whole("by_sentence", sentences)
    assert page_of(client, task).context["page"].choice.choice.channel == "by_sentence"


def test_an_output_without_the_signal_says_so(cast, browse, task):
    rater = make_rater(cast.project)
    store(make_output(task, "a"), rater, [[0, 0, 1]], [1.0])
    make_output(task, "b")

    page = page_of(browse(cast.viewer), task, signal=f"{rater.pk}:score:tokenizer:x").content.decode()

    assert "not stored for this output" in page


def test_step_labels_of_people_lie_over_the_text_as_a_signal(cast, browse, task):
    rater, output = make_rater(cast.project), make_output(task, "Step 1: a\nStep 2: b")
    cut = signal_store.segmentation_for(output, "step/1", steps(["Step 1: a\nStep 2: b"]).spans)
    judgment = make_judgment(rater, Judgment.Kind.STEPS, task, output)
    StepLabel.objects.create(judgment=judgment, segmentation=cut, step=1, label=-1)

    response = page_of(browse(cast.viewer), task, signal=f"{rater.pk}:(step labels):step/1")

    # Only the second step was labelled: the first is unscored, not 0.
    assert unpack(panel_of(response).paint)["layers"][0]["values"] == [None, -1]


def test_marks_come_in_utf16_with_lanes_and_a_list_in_words(cast, browse, task):
    rater, output = make_rater(cast.project), make_output(task, "🙂 abc")
    first = mark(rater, output, 2, 5, explanation="off topic", severity="major")
    second = mark(rater, output, 0, 3, type="Wrong")

    response = page_of(browse(cast.viewer), task)

    # In code points 0-3 and 2-5; the emoji takes two UTF-16 units, so 0-4 and 3-6. Styles go by the types' names.
    assert unpack(panel_of(response).paint)["marks"] == [[0, 0, 4, 1, 2, second.pk], [0, 3, 6, 2, 1, first.pk]]
    page = response.content.decode()
    assert "off topic" in page
    assert f"Irrelevant · major · {rater.label}" in page


def test_people_stand_behind_their_pseudonym(cast, browse, task):
    person = make_rater(cast.project, "Berta Benz", user=make_user("berta"))
    Rater.objects.filter(pk=person.pk).update(pseudonym="rater-9")
    make_rating(person, make_output(task), 5)

    page = page_of(browse(cast.viewer), task).content.decode()

    assert "Berta" not in page
    assert "rater-9" in page


def test_ratings_say_of_how_many_they_are_made(cast, browse, task):
    output = make_output(task)
    for value in (4, 5, None):
        judgment = make_judgment(make_rater(cast.project), Judgment.Kind.RATING, task, output)
        Rating.objects.create(judgment=judgment, question="overall", value=value)

    [rating] = panel_of(page_of(browse(cast.viewer), task)).summary.ratings

    assert (rating.mean, rating.n_scored, rating.n_total) == (4.5, 2, 3)


def test_comparisons_and_rankings_count_for_each_side(cast, browse, task):
    rater = make_rater(cast.project)
    a, b = make_output(task, policy="a"), make_output(task, policy="b")
    make_comparison(rater, a, b, "a")
    make_comparison(rater, b, a, "b")
    make_comparison(rater, a, b, "tie", Comparison.TieKind.BOTH_BAD)
    ranking = Ranking.objects.create(judgment=make_judgment(rater, Judgment.Kind.RANKING, task))
    RankedOutput.objects.create(ranking=ranking, output=a, tier=2)
    RankedOutput.objects.create(ranking=ranking, output=b, tier=1)

    first, second = page_of(browse(cast.viewer), task).context["page"].panels

    counts = first.summary.comparisons
    # a won the first; in the second b stood as A and a, as B, won; the third is a tie.
    assert (counts.wins, counts.ties, counts.losses) == (2, 1, 0)
    assert [answer.value for answer in counts.answers] == ["better than b", "better than b", "tie with b (both bad)"]
    assert second.summary.comparisons.losses == 2
    assert (first.summary.rankings.mean, second.summary.rankings.mean) == (2, 1)


def judge(rater, output, version, repeat=0, **verdicts):
    judgment = make_judgment(rater, Judgment.Kind.VERDICTS, output.task, output, repeat=repeat)
    for criterion in version.criteria.all():
        Verdict.objects.create(judgment=judgment, criterion=criterion, **verdicts[criterion.key])
    return judgment


def test_hostile_words_are_text_wherever_they_stand(cast, browse):
    task = make_task(cast.project, prompt=HOSTILE, reference=HOSTILE, context=HOSTILE, tags=[HOSTILE[:90]])
    rater = make_rater(cast.project)
    Rater.objects.filter(pk=rater.pk).update(name=HOSTILE)
    output = make_output(task, HOSTILE, policy=HOSTILE, generation={HOSTILE: HOSTILE})
    store(output, rater, [[0, 0, 9], [0, 9, len(HOSTILE)]], [1.0, -1.0], channel=HOSTILE[:40])
    mark(rater, output, 0, 20, type=HOSTILE[:80], explanation=HOSTILE)
    version = make_rubric(cast.project, HOSTILE, [{"key": "k", "text": HOSTILE, "title": HOSTILE}])
    judge(rater, output, version, k={"value": 1.0, "label": HOSTILE, "explanation": HOSTILE})
    critique = make_judgment(rater, Judgment.Kind.CRITIQUE, task, output)
    Critique.objects.create(judgment=critique, kind="comment", text=HOSTILE)

    response = page_of(browse(cast.viewer), task, signal=f"{rater.pk}:{HOSTILE[:40]}:tokenizer:x")

    page = response.content.decode()
    assert panel_of(response).overlay is not None
    assert "<script>alert" not in page
    assert "<img src" not in page
    assert 'onerror="' not in page
    assert "{{ 7 }}" in page


def test_a_carriage_return_reaches_the_browser_as_it_is_stored(cast, browse, task):
    make_output(task, "one\r\ntwo\rthree")

    # An HTML parser would turn a bare CR into LF and move every offset after it.
    assert "one&#13;\ntwo&#13;three" in page_of(browse(cast.viewer), task).content.decode()


@pytest.mark.parametrize("n_signals", [1, 3])
def test_four_outputs_of_1500_tokens_stay_under_150_kilobytes(cast, browse, task, n_signals):
    rater = make_rater(cast.project)
    rng = np.random.default_rng(0)
    text = "word " * 1500
    # Three tokenizers that cut differently: nothing of one can stand for another.
    cuts = [[[0, 5 * n + shift, 5 * n + 5 + shift] for n in range(1499)] for shift in (0, 1, 2)]
    for _ in range(4):
        output = make_output(task, text)
        for number, spans in enumerate(cuts):
            store(output, rater, spans, rng.normal(size=1499), segmenter=f"tokenizer:{number}")
        for n in range(20):
            mark(rater, output, 40 * n, 40 * n + 60, explanation="does not follow from the text before")

    keys = [f"{rater.pk}:score:tokenizer:{number}" for number in range(n_signals)]
    response = page_of(browse(cast.viewer), task, signal=keys)

    assert [len(panel.overlays) for panel in response.context["page"].panels] == [n_signals] * 4
    assert len(response.content) < 150_000


def test_up_to_three_signals_lie_over_one_text_each_on_its_own_scale(cast, browse, task):
    rater, output = make_rater(cast.project), make_output(task, "ab")
    other = make_output(task, "ab")
    for channel, values in {"a": [1.0, 2.0], "b": [-30.0, np.nan], "c": [0.0, 0.0], "d": [1.0, 1.0]}.items():
        store(output, rater, [[0, 0, 1], [0, 1, 2]], values, channel=channel)
    store(other, rater, [[0, 0, 1], [0, 1, 2]], [5.0, 5.0], channel="b")
    keys = [f"{rater.pk}:{channel}:tokenizer:x" for channel in ("b", "a", "b", "c", "d")]

    response = page_of(browse(cast.viewer), task, signal=["", *keys])

    page = response.context["page"]
    # What is empty or said twice is no choice; the fourth one is too many.
    assert [(layer.name, layer.limit) for layer in page.layers] == [("b", 30.0), ("a", 2.0), ("c", 1.0)]
    first, second = (unpack(panel.paint)["layers"] for panel in page.panels)
    assert [layer["values"] for layer in first] == [[-30, None], [1, 2], [0, 0]]
    assert [layer and layer["values"] for layer in second] == [[5, 5], None, None]
    assert response.content.decode().count("not stored for this output") == 2


def test_signals_of_one_channel_are_named_by_what_tells_them_apart(cast, browse, task):
    one, two = make_rater(cast.project, "one"), make_rater(cast.project, "two")
    output = make_output(task, "ab")
    for rater, segmenter in ((one, "tokenizer:x"), (one, "tokenizer:y"), (two, "tokenizer:x")):
        store(output, rater, [[0, 0, 2]], [1.0], segmenter=segmenter)
    keys = [f"{one.pk}:score:tokenizer:x", f"{one.pk}:score:tokenizer:y", f"{two.pk}:score:tokenizer:x"]
    client = browse(cast.viewer)

    names = [
        [layer.name for layer in page_of(client, task, signal=chosen).context["page"].layers]
        for chosen in (keys[:1], keys[:2], keys[::2])
    ]

    assert names == [
        ["score"],
        ["score by tokenizer:x", "score by tokenizer:y"],
        ["one · score", "two · score"],
    ]


def test_the_page_ranks_where_signals_and_people_disagree(cast, browse, task):
    rater, text = make_rater(cast.project), "🙂 abc"
    first, second = make_output(task, text), make_output(task, text)
    cut = [[0, 0, 1], [0, 1, 3], [0, 3, 5]]
    for output in (first, second):
        store(output, rater, cut, [1.0, 0.5, -1.0], channel="a")
    store(first, rater, cut, [1.0, -0.5, 0.0], channel="b")
    mark(rater, first, 1, 3)
    keys = [f"{rater.pk}:{channel}:tokenizer:x" for channel in ("a", "b")]

    found = page_of(browse(cast.viewer), task, signal=keys).context["page"].disagreements

    # The limits are 1 each. Between a and b: 0; (0.5 + 0.5) / 2; 1 / 2, equal, so in reading order; the emoji takes two
    # UTF-16 units, so places start at 0, 2 and 4. Against the span 1-3 on the first output, the only one that people
    # were asked about: a is at 0.5 inside, (1 + 0.5) / 2, and at -1 outside; b is at -0.5 inside, (1 - 0.5) / 2.
    assert [(one.label, json.loads(one.places)) for one in found] == [
        ("a and b", [[0, 0, 2, 500], [0, 0, 4, 500]]),
        ("a and people’s spans", [[0, 0, 4, 1000], [0, 0, 2, 750]]),
        ("b and people’s spans", [[0, 0, 2, 250]]),
    ]


@pytest.mark.parametrize("n", [1, 3])
def test_the_page_costs_the_same_whatever_was_said(cast, browse, task, django_assert_num_queries, n):
    version = make_rubric(cast.project)
    for _ in range(n):
        rater, output = make_rater(cast.project), make_output(task)
        store(output, rater, [[0, 0, 6]], [1.0])
        judge(rater, output, version, correct={"value": 1.0})
        make_rating(rater, output, 3)
        make_comparison(rater, output, output, "a")
        mark(rater, output, 0, 3)
        cut = signal_store.segmentation_for(output, "step/1", steps(["Paris."]).spans)
        steps_judgment = make_judgment(rater, Judgment.Kind.STEPS, task, output)
        StepLabel.objects.create(judgment=steps_judgment, segmentation=cut, step=0, label=1)
        Critique.objects.create(
            judgment=make_judgment(rater, Judgment.Kind.CRITIQUE, task, output), kind="comment", text="!"
        )
        ranking = Ranking.objects.create(judgment=make_judgment(rater, Judgment.Kind.RANKING, task))
        RankedOutput.objects.create(ranking=ranking, output=output, tier=1)
    client = browse(cast.viewer)

    # session, user, project, task; outputs to choose, outputs shown; judgments and their answers (verdicts, criteria,
    # ratings, comparisons, rankings, places, spans, steps, segmentations, critiques); signal choices and their raters;
    # signals, raters, segmentations; rubric versions, criteria; versions of the task, its own rubric; what the
    # workers know of the raters and of the signals.
    with django_assert_num_queries(28):
        page_of(client, task, signal=f"{rater.pk}:score:tokenizer:x")


def test_the_numbers_page_lists_every_segment_without_colours(cast, browse, task):
    pk = store(
        make_output(task, "a🙂<b>"),
        make_rater(cast.project),
        [[0, 0, 1], [0, 1, 2], [0, 2, 5], [0, 5, 5]],
        [0.5, -1, np.nan, 2],
    )

    page = browse(cast.viewer).get(reverse("rewards:signal-detail", args=["quill", pk])).content.decode()

    for words in ("+0.5", "−1", "unscored", "no character", "🙂", "&lt;b&gt;"):
        assert words in page


def test_an_output_without_segments_or_words_still_opens(cast, browse, task):
    rater, output = make_rater(cast.project), make_output(task, "")
    store(output, rater, np.zeros((0, 3), dtype=int), [])

    response = page_of(browse(cast.viewer), task, signal=f"{rater.pk}:score:tokenizer:x")

    assert "The text is empty" in response.content.decode()


def test_a_task_without_outputs_says_what_is_missing(cast, browse, task):
    assert b"No output yet" in page_of(browse(cast.viewer), task).content


def test_versions_are_listed_and_their_difference_shown_word_by_word(cast, browse):
    old = make_task(cast.project, "t", prompt="Name the <b>river</b>.", is_current=False)
    new = make_task(cast.project, "t", prompt="Name one <b>river</b>.", version=2)
    client = browse(cast.viewer)

    assert b"2 versions" in page_of(client, new).content
    assert b"older version" in page_of(client, old).content
    diff = client.get(reverse("rewards:task-diff", args=["quill", new.pk, old.pk])).content.decode()
    assert "<del>the</del><ins>one</ins> &lt;b&gt;river" in diff


def test_an_outputs_address_leads_to_its_task(cast, browse, task):
    output = make_output(task)

    response = browse(cast.viewer).get(reverse("rewards:output-detail", args=["quill", output.pk]))

    assert response.url == f"/p/quill/tasks/{task.pk}/?output={output.pk}"
