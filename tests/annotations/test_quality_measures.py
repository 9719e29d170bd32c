"""Agreement by kind of question: every figure against a loop over all pairs of people, on small sets made by hand."""

from itertools import combinations, permutations
from types import SimpleNamespace
from typing import Any

import krippendorff
import numpy as np
import pytest

from annotations.protocols import KINDS, parse_questions
from annotations.quality.measures import MEASURES, Answers, measure_of
from annotations.quality.measures.texts import edited_alike
from annotations.quality.reading import Spans
from annotations.quality.said import said
from annotations.studies.inputs import Triples
from rewards.statistics.concordance import Place
from rewards.statistics.pair_agreement import Given
from rewards.statistics.rank import kendall_tau

# Outputs 10 to 15, two of each item.
TEXTS = SimpleNamespace(item_of={pk: pk // 2 for pk in range(10, 16)}, length=lambda output: 100)
LEVELS = [{"label": "No", "value": 0, "anchor": ""}, {"label": "Yes", "value": 1, "anchor": ""}]
CHECKLIST: dict[str, Any] = {
    "kind": "checklist",
    "criteria": [
        {"criterion": 7, "key": "true", "text": "It is true.", "levels": LEVELS, "allow_na": True},
        {"criterion": 8, "key": "kind", "text": "It is kind.", "levels": LEVELS, "allow_na": True},
    ],
}


def measure(question, **answers):
    [asked] = parse_questions([{"key": "q", "prompt": "?", **question}])
    shapes: dict[str, Any] = {"values": {}, "places": {}, "spans": {}, "edits": {}, "words": {}}
    given = {name: {"q": found} for name, found in answers.items()}
    return measure_of(asked, Answers(**(shapes | given), texts=TEXTS))


def columns_of(rows):
    return Triples(*(list(column) for column in zip(*rows, strict=True)))


def parts_of(row):
    return {part["name"]: part for part in row["parts"]}


def mean_over_pairs(given, likeness):
    """By unit and then by every two people."""
    pairs = [
        likeness(one[2], other[2]) for one, other in combinations(given, 2) if one[0] == other[0] and one[1] != other[1]
    ]
    return np.mean(pairs)


def test_there_is_a_measure_for_every_kind_of_question():
    assert MEASURES.keys() == KINDS.keys()


def test_each_criterion_has_an_alpha_of_its_own_beside_how_often_it_is_met():
    # One row a person, outputs 10 to 15; 9 is no answer.
    true = np.array([[1, 1, 0, 1, 0, 1], [1, 0, 0, 1, 0, 1], [1, 1, 0, 9, 1, 1]])
    kind = np.array([[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
    rows = [
        (f"{output}/{criterion}", rater, float(value) if value != 9 else None)
        for criterion, table in ((7, true), (8, kind))
        for rater, line in enumerate(table.tolist(), 1)
        for output, value in zip(range(10, 16), line, strict=True)
    ]
    columns = columns_of(rows)
    row = measure(CHECKLIST, values=columns).row(0)
    expected = [
        krippendorff.alpha(reliability_data=np.where(table == 9, np.nan, table), level_of_measurement="nominal")
        for table in (true, kind)
    ]
    parts = parts_of(row)
    assert [parts[text]["value"] for text in ("It is true.", "It is kind.")] == pytest.approx(expected)
    # 11 of 17 and 17 of 18: nearly everything is kind, so that its alpha is low though 16 of 18 pairs are equal.
    assert said(parts["It is true."]["note"]) == "met in 65% of 17 verdicts"
    assert (said(parts["It is kind."]["note"]), parts["It is kind."]["value"] < 0.1) == (
        "met in 94% of 18 verdicts",
        True,
    )
    assert all(part["low"] <= part["value"] <= part["high"] for part in row["parts"])


def picks(best_and_worst):
    """Places of best and worst among three outputs; by item and person."""
    return [
        Place(item, rater, output, 1 if output == best else 3 if output == worst else 2)
        for (item, rater), (best, worst) in best_and_worst.items()
        for output in "abc"
    ]


def test_best_and_worst_agree_each_by_themselves_and_by_the_orders_they_imply():
    given = {
        (1, 1): "ac", (1, 2): "ab", (1, 3): "ac",
        (2, 1): "ba", (2, 2): "ba", (2, 3): "ca",
        (3, 1): "ab", (3, 2): "cb",
    }  # fmt: skip
    row = measure({"kind": "best_worst"}, places=picks(given)).row(0)
    best, worst = ([(item, rater, pick[end]) for (item, rater), pick in given.items()] for end in (0, 1))
    parts = parts_of(row)
    assert parts["The same best"]["value"] == pytest.approx(mean_over_pairs(best, lambda a, b: a == b))
    assert parts["The same worst"]["value"] == pytest.approx(mean_over_pairs(worst, lambda a, b: a == b))
    assert said(parts["The same best"]["note"]) == "33% by lot"
    orders = [(item, rater, [1 if c == pick[0] else 3 if c == pick[1] else 2 for c in "abc"])
              for (item, rater), pick in given.items()]  # fmt: skip
    assert row["value"] == pytest.approx(mean_over_pairs(orders, lambda a, b: kendall_tau(a, b).value))


def test_ranked_first_places_are_the_same_where_the_tied_ones_are():
    tiers = {1: [1, 1, 2], 2: [1, 2, 3], 3: [1, 1, 2]}
    places = [Place(1, who, output, tier) for who, given in tiers.items() for output, tier in enumerate(given)]
    # 1 and 3 put the same two first; 2 one of them.
    assert parts_of(measure({"kind": "ranking"}, places=places).row(0))["The same first place"]["value"] == 1 / 3


def test_ticks_agree_output_by_output_even_where_somebody_ticks_all():
    ticked = np.array([[1, 1, 1, 0, 0, 1], [1, 0, 0, 0, 0, 1], [1, 1, 0, 0, 1, 1]])
    places = [
        Place(output // 2, rater, output, 1 if tick else 2)
        for rater, line in enumerate(ticked.tolist(), 1)
        for output, tick in enumerate(line)
    ]
    row = measure({"kind": "tick"}, places=places).row(0)
    assert row["value"] == pytest.approx(
        krippendorff.alpha(reliability_data=ticked.astype(float), level_of_measurement="nominal")
    )
    assert said(row["parts"][0]["note"]) == "56% of 18 are ticked"


def test_edits_are_as_like_as_the_words_that_both_changed():
    before = ["it", "is", "lyon", "they", "say"]

    def edit(text):
        return tuple(before), tuple(text.split())

    # One word cut out and one put in by each: 2 + 2, and nothing between them; against "rome" 4 apart: 1 - 4 / 4.
    paris, rome, as_it_was = edit("it is paris they say"), edit("it is rome they say"), edit("it is lyon they say")
    assert edited_alike(paris, paris) == 1
    # Both cut "lyon" out, and put another word in: 1 - 2 / 4.
    assert edited_alike(paris, rome) == 0.5
    assert edited_alike(paris, as_it_was) == 0
    assert np.isnan(edited_alike(as_it_was, as_it_was))
    observers = {10: {1, 2, 3}, 11: {1, 2}}
    edits = [Given(10, 1, paris), Given(10, 2, rome), Given(10, 3, paris), Given(11, 1, as_it_was), Given(11, 2, rome)]
    found = measure({"kind": "edit"}, spans=Spans([], observers), edits=edits)
    # 10: one half, one, one half; 11: one changed it and one did not.
    assert found.parts(None, 0)[1]["value"] == pytest.approx((0.5 + 1 + 0.5 + 0) / 4)


def test_critiques_of_one_answer_are_set_against_critiques_of_any():
    written = [
        ("10/user_voice", 1, "too long by far"), ("10/user_voice", 2, "far too long"),
        ("11/user_voice", 1, "the city is wrong"), ("11/user_voice", 2, "wrong city"), ("11/user_voice", 3, "fine"),
    ]  # fmt: skip

    def apart(one, other):
        a, b = one.split(), other.split()
        return 1 - 2 * len(set(a) & set(b)) / (len(a) + len(b))

    sizes = {"10/user_voice": 2, "11/user_voice": 3}
    ordered = [(a[0], b[0], apart(a[2], b[2])) for a, b in permutations(written, 2)]
    within = sum(d / (sizes[a] - 1) for a, b, d in ordered if a == b) / 5
    among = sum(d for _, _, d in ordered) / 20
    row = measure({"kind": "critique", "voices": ["user"]}, words=[Given(*one) for one in written]).row(0)
    assert row["value"] == pytest.approx(1 - within / among)
    assert (row["n_units"], row["n_values"], said(row["note"])) == (2, 5, "5 written.")


def test_steps_tell_whether_two_people_see_the_same_first_error():
    labels = {1: [1, -1, -1], 2: [1, -1, 1], 3: [1, 1, 1]}
    rows = [(f"10/4/{step}", rater, float(label)) for rater, line in labels.items() for step, label in enumerate(line)]
    rows += [(f"12/5/{step}", rater, 1.0) for rater in labels for step in range(2)]
    columns = columns_of(rows)
    row = measure({"kind": "steps", "segmenter": "sentence"}, values=columns).row(0)
    # Of 10 one pair of three; of 12 nobody sees one.
    assert parts_of(row)["The same first wrong step, or none"]["value"] == pytest.approx(4 / 6)


def test_ratings_and_comparisons_are_told_without_how_far_as_well():
    rows = [("10", 1, 4.0), ("10", 2, 5.0), ("11", 1, 1.0), ("11", 2, 3.0), ("12", 1, 2.0), ("12", 2, 2.0)]
    columns = columns_of(rows)
    near = measure({"kind": "rating", "scale_low": 1, "scale_high": 5}, values=columns).row(0)
    assert parts_of(near)["At most one level apart"]["value"] == pytest.approx(2 / 3)
    pairs = [("10-11", 1, 2.0), ("10-11", 2, 1.0), ("12-13", 1, -1.0), ("12-13", 2, 0.0), ("14-15", 1, -2.0),
             ("14-15", 2, -1.0)]  # fmt: skip
    row = measure({"kind": "comparison", "steps": 5}, values=columns_of(pairs)).row(0)
    sides = np.array([[1, -1, -1], [1, 0, -1]], dtype=float)
    side = parts_of(row)["By side alone: alpha, nominal"]
    assert side["value"] == pytest.approx(krippendorff.alpha(reliability_data=sides, level_of_measurement="nominal"))
    assert said(side["note"]) == "17% of answers are ties"


def test_a_coefficient_over_some_items_is_that_of_these_alone():
    rows = [
        (str(output), rater, float((output + rater * (output > 12)) % 3))
        for output in range(10, 16)
        for rater in (1, 2)
    ]
    found = measure({"kind": "rating"}, values=columns_of(rows))
    assert found.items() == {5, 6, 7}
    assert found.over(frozenset({5, 6, 7})) == found.row(0)["value"] < 1
    assert found.over(frozenset({5})) == 1
