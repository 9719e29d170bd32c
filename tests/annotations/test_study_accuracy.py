"""Scores against the comparisons that people decided: worked out by hand, and on public data."""

from pathlib import Path

import numpy as np
import pytest

from annotations.actions.study import run_study
from rewards import signal_store
from rewards.actions.imports import import_files
from rewards.formats.sources import SourceFile
from rewards.models import Comparison, Judgment, Output, Rater
from rewards.segmentation import steps, whole
from rewards.signals import RewardSignal
from tests.factories import (
    make_comparison,
    make_judgment,
    make_output,
    make_project,
    make_rater,
    make_rating,
    make_task,
    make_user,
)

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "fine_grained_rlhf"
pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_user("olga")


@pytest.fixture
def project(owner):
    return make_project("trusted", owner=owner)


@pytest.fixture
def pairs(project):
    """Three tasks with two outputs each, of which people prefer the first; the second is longer."""
    person = make_rater(project, "ann")
    found = []
    for number in range(3):
        task = make_task(project, f"t{number}")
        pair = make_output(task, "One.\nTwo."), make_output(task, "One two three.\nFour.")
        make_comparison(person, *pair, "a")
        found.append(pair)
    tied = make_task(project, "tied")
    make_comparison(person, make_output(tied, "x"), make_output(tied, "y"), "tie", tie_kind="equal")
    return found


def scorer(project, name):
    return Rater.objects.create(
        project=project, kind=Rater.Kind.SCORER, name=name, pseudonym=name, scorer_hash=name.ljust(64, "0")
    )


def signal(rater, output, values, *, cut=whole):
    texts = [message["text"] for message in output.messages]
    signal_store.save_many(
        [signal_store.NewSignal(output, rater, "reward", RewardSignal(cut(texts), np.array(values, "f4")), "h")]
    )


def rows_of(project, **parameters):
    result = run_study(project, kind="accuracy", parameters=parameters).result
    return {(row["name"], row["scalar"]): row for row in result["rows"]}, result


def test_a_number_on_the_whole_output_is_right_wrong_equal_or_missing(project, pairs):
    rater = scorer(project, "rm")
    for (better, worse), (high, low) in zip(pairs[:2], [(1, 0), (2, 2)], strict=True):
        signal(rater, better, [high])
        signal(rater, worse, [low])
    signal(rater, pairs[2][0], [9])
    rows, result = rows_of(project)
    row = rows["rm", "reward"]
    # One right, one equal, one half scored: (1 + 1/2) / 2 of 2 pairs, of 3; the tie between people is no preference.
    assert (row["right"], row["wrong"], row["equal"], row["n"], row["n_total"]) == (1, 0, 1, 2, 3)
    assert row["value"] == pytest.approx(0.75)
    assert (result["decided"], result["comparisons"], result["tasks"]) == (3, 4, 3)


def test_numbers_on_parts_count_by_their_sum_and_by_their_mean(project, pairs):
    rater = scorer(project, "dense")
    for better, worse in pairs:
        # Sums 3 and 4, means over two steps 1.5 and 2: turned by an unscored step in the worse one.
        signal(rater, better, [1, 2], cut=steps)
        signal(rater, worse, [float("nan"), 2], cut=steps)
    rows, _ = rows_of(project)
    assert rows["dense", "reward, sum by step"]["value"] == 1
    assert rows["dense", "reward, mean by step"]["value"] == 0


def test_the_length_of_the_answer_stands_among_them_as_the_baseline(project, pairs):
    rows, _ = rows_of(project)
    [row] = rows.values()
    assert row["name"] == "Baseline"
    assert (row["value"], row["wrong"]) == (0, 3)


def test_ratings_and_rubric_scores_of_scorers_are_scalars_and_those_of_people_are_not(project, pairs):
    rater, person = scorer(project, "judge"), make_rater(project, "ben")
    for better, worse in pairs:
        make_rating(rater, better, 7)
        make_rating(rater, worse, 2)
        make_rating(person, better, 1)
    rows, _ = rows_of(project)
    assert rows["judge", "rating, overall"]["value"] == 1
    assert not any(name == "ben" for name, _ in rows)


def test_a_judge_that_compares_is_measured_by_pair_and_its_position_bias_with_it(project, pairs):
    judge = scorer(project, "pairwise")
    answers = [("a", ["a", "a"]), ("b", ["b", "b"]), ("tie", ["a", "b"])]
    for (better, worse), (choice, choices) in zip(pairs, answers, strict=True):
        # Asked with the worse output as A, as a judge may have met them.
        turned = {"a": "b", "b": "a", "tie": "tie"}
        judgment = make_judgment(
            judge, "comparison", better.task, presentation={"choices": [turned[one] for one in choices]}
        )
        Comparison.objects.create(
            judgment=judgment,
            output_a=worse,
            output_b=better,
            choice=turned[choice],
            tie_kind="flip" if choice == "tie" else "",
        )
    rows, result = rows_of(project)
    row = rows["pairwise", "comparison"]
    # Right, wrong, and a flip that counts as half.
    assert (row["right"], row["wrong"], row["equal"], row["value"]) == (1, 1, 1, 0.5)
    [bias] = result["position_bias"]
    # (b, b) and (a, a) are steady; (b, a) chose the second place both times: of six answers a is chosen first ...
    assert (bias["consistent"], bias["flipped_first"], bias["flipped_second"], bias["n"]) == (2, 0, 1, 3)
    # b b | a a | b a: with a first: second, first, second; with b first: first, second, second. 2 of 6.
    assert bias["first"]["value"] == pytest.approx(2 / 6)


def test_only_the_named_people_count(project, pairs):
    other = make_rater(project, "cat")
    for better, worse in pairs:
        make_comparison(other, worse, better, "a")
    _, result = rows_of(project, comparison_raters=[other.pk])
    assert result["decided"] == 3
    [row] = result["rows"]
    assert row["value"] == 1


def test_the_page_shows_every_score_and_what_it_means(
    client, owner, project, pairs, django_capture_on_commit_callbacks
):
    rater = scorer(project, "rm <b>")
    for better, worse in pairs:
        signal(rater, better, [1])
        signal(rater, worse, [0])
    client.force_login(owner)
    with django_capture_on_commit_callbacks(execute=True):
        address = client.post(f"/p/{project.slug}/compare/new/accuracy/", {"seed": "0"}).url
    page = client.get(address).content.decode()
    assert "rm &lt;b&gt;" in page
    assert "better than chance" in page
    assert "worse than chance" in page
    assert "No judge has compared outputs in both orders yet" in page


def test_without_a_decided_comparison_the_page_says_what_to_do(
    client, owner, project, django_capture_on_commit_callbacks
):
    client.force_login(owner)
    with django_capture_on_commit_callbacks(execute=True):
        address = client.post(f"/p/{project.slug}/compare/new/accuracy/", {"seed": "0"}).url
    assert "Nobody has decided a comparison yet" in client.get(address).content.decode()


@pytest.mark.skipif(not DATA.exists(), reason="the public data folder is not here")
def test_the_public_data_hold_2616_decided_preferences_and_the_longer_answer_wins_as_counted(owner):
    project = make_project("public", owner=owner)
    file = next(DATA.glob("*.json"))
    with file.open("rb") as opened:
        import_files(project, by=owner, format_name="fine_grained_rlhf", files=[SourceFile(file.name, opened)])
    _, result = rows_of(project)
    assert result["decided"] == 2616
    # Counted apart from the study, over the stored texts.
    words = {
        pk: len(" ".join(message["text"] for message in messages).split())
        for pk, messages in Output.objects.filter(project=project).values_list("pk", "messages")
    }
    longer = 0.0
    for a, b, choice in (
        Judgment.objects.filter(project=project, kind="comparison")
        .exclude(comparison__choice="tie")
        .values_list("comparison__output_a", "comparison__output_b", "comparison__choice")
    ):
        better, worse = (a, b) if choice == "a" else (b, a)
        longer += (words[better] > words[worse]) + 0.5 * (words[better] == words[worse])
    [row] = result["rows"]
    assert row["value"] == pytest.approx(longer / 2616)
