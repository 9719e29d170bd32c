"""The quality of a campaign: figures equal to independent ones on answers that people submitted, and who sees them."""

import itertools
from typing import Any

import krippendorff
import numpy as np
import pytest
from django.core.management import call_command

from annotations.access import assignment_for
from annotations.actions.lease import lease_next_item
from annotations.actions.study import run_study
from annotations.actions.submission import submit_answer, undo_submission
from annotations.models import Study
from annotations.quality import people as people_module
from annotations.quality.pictures import question_rows
from annotations.quality.reading import changed_spans
from annotations.quality.said import said, worded
from annotations.selection import Selection
from rewards.models import Rater
from rewards.statistics import dawid_skene, mace
from rewards.statistics.rank import kendall_tau
from rewards.statistics.unitising import Unit, unitising_alpha
from tests.annotations.campaigns import make_campaign, shown_outputs, span
from tests.factories import make_project, make_rater, make_rating, make_user

pytestmark = pytest.mark.django_db

TEXTS = ["Paris is the capital of France.", "It is Lyon, they say.", "The capital? It is Paris, on the Seine."]
QUESTIONS: list[dict[str, Any]] = [
    {"kind": "rating", "key": "overall", "prompt": "How good?", "scale_low": 1, "scale_high": 5, "allow_na": True},
    {"kind": "comparison", "key": "better", "prompt": "Which is better?", "pairs": "consecutive"},
    {"kind": "ranking", "key": "order", "prompt": "Rank them."},
    {"kind": "spans", "key": "errors", "prompt": "Mark errors.", "types": [{"key": "factual", "label": "Factual"}]},
    {"kind": "steps", "key": "steps", "prompt": "Each sentence?", "segmenter": "sentence"},
    {"kind": "stop", "key": "halt", "prompt": "Where to stop?"},
    {"kind": "edit", "key": "fix", "prompt": "Fix it."},
    {"kind": "critique", "key": "words", "prompt": "Say it.", "voices": ["user"]},
]
# By output text: what each person says of it. Nobody agrees on everything.
STARS = {"ann": [5, 1, 4], "ben": [4, 1, 4], "cat": [5, 2, 2]}
PLACES = {"ann": [1, 3, 2], "ben": [2, 3, 1], "cat": [1, 3, 2]}
MARKED: dict[str, tuple[int, int] | None] = {"ann": (6, 10), "ben": (6, 12), "cat": None}
STOPS = {"ann": 6, "ben": None, "cat": 6}
EDITS = {"ann": "It is Paris, they say.", "ben": "It is Paris, they say.", "cat": None}


@pytest.fixture(autouse=True)
def _short_chains(monkeypatch):
    """These tests ask which figures there are, not how exact the bounds of people's are."""
    monkeypatch.setattr(people_module, "DRAWS", 20)
    monkeypatch.setattr(people_module, "STARTS", 1)
    for module in (dawid_skene, mace):
        monkeypatch.setattr(module, "BURN_IN", 2)


@pytest.fixture
def people():
    return {name: make_user(name) for name in ("olga", *STARS)}


@pytest.fixture
def project(people):
    project = make_project("lab", owner=people["olga"])
    for name in STARS:
        project.memberships.create(user=people[name], role="annotator")
    return project


def answer_of(name, assignment):
    shown = shown_outputs(assignment)
    index = {label: TEXTS.index(output.messages[0]["text"]) for label, output in shown.items()}
    lyon = next(label for label, which in index.items() if which == 1)
    stars = {label: STARS[name][which] for label, which in index.items()}
    tiers = {label: PLACES[name][which] for label, which in index.items()}
    place = MARKED[name]
    marks = [span(lyon, TEXTS[1], *place, severity="")] if place else []
    cut: Any = "none"
    if STOPS[name] is not None:
        halted = span(lyon, TEXTS[1], STOPS[name], STOPS[name] + 4)
        cut = {part: halted[part] for part in ("message", "start", "end", "quote", "text_sha256")}
    # Every output is one sentence but the third, which is two.
    return {
        "overall": stars,
        "better": {
            f"{one}-{other}": one if stars[one] > stars[other] else other if stars[other] > stars[one] else "both_good"
            for one, other in itertools.pairwise(sorted(index))
        },
        "order": {"order": [[label] for label in sorted(index, key=tiers.get)]},
        "errors": marks,
        "steps": {
            f"{label}/{step}": -1 if which == 1 and name != "cat" else 1
            for label, which in index.items()
            for step in range(2 if which == 2 else 1)
        },
        "halt": {label: cut if label == lyon else "none" for label in index},
        "fix": {
            label: EDITS[name] if label == lyon and EDITS[name] else TEXTS[which] for label, which in index.items()
        },
        "words": {f"{label}/user": "Fine." for label in index},
    }


def submit_all(campaign, user, make=answer_of, *, seconds=30):
    """Answer every item; returns the assignments."""
    done = []
    while (assignment := lease_next_item(campaign=campaign, user=user)) is not None:
        answer = make(user.username, assignment)
        one = assignment_for(user, assignment.pk)
        submit_answer(assignment=one, key=f"k{one.pk}", answer=answer, active_ms=1000 * seconds)
        done.append(one)
    return done


@pytest.fixture
def campaign(project, people):
    campaign = make_campaign(
        project,
        people["olga"],
        items=2,
        texts=TEXTS,
        questions=QUESTIONS,
        overlap=3,
        selection=Selection(outputs_per_item=3),
    )
    for name in STARS:
        submit_all(campaign, people[name])
    return campaign


def report(campaign, **parameters):
    study = run_study(campaign.project, kind="quality", parameters={"campaign": campaign.pk, **parameters})
    assert study.status == Study.Status.READY, study.failure
    return study.result


def row(result, key):
    return next(found for found in result["questions"] if found["key"] == key)


def test_every_protocols_agreement_equals_an_independent_figure(campaign):
    result = report(campaign)
    stars = np.tile(np.array(list(STARS.values()), dtype=float), 2)
    expected = krippendorff.alpha(reliability_data=stars, level_of_measurement="ordinal")
    assert row(result, "overall")["value"] == pytest.approx(expected)
    assert (row(result, "overall")["n_units"], row(result, "overall")["n_raters"]) == (6, 3)
    # Pairs of people: ann and ben differ in 1 of 3 places, ann and cat in none.
    taus = [kendall_tau(one, other).value for one, other in itertools.combinations(PLACES.values(), 2)]
    assert row(result, "order")["value"] == pytest.approx(np.mean(taus))
    # Steps: 4 an item, of which one divides the people 2 to 1.
    steps = np.tile(np.array([[1, -1, 1, 1], [1, -1, 1, 1], [1, 1, 1, 1]], dtype=float), 2)
    expected = krippendorff.alpha(reliability_data=steps, level_of_measurement="ordinal")
    assert row(result, "steps")["value"] == pytest.approx(expected)
    # Where to stop: characters before it over all characters; to the end is 1.
    halts = np.tile([[1, 6 / 21, 1], [1, 1, 1], [1, 6 / 21, 1]], 2)
    expected = krippendorff.alpha(reliability_data=halts, level_of_measurement="interval")
    assert row(result, "halt")["value"] == pytest.approx(expected)
    assert said(row(result, "words")["note"]) == "18 written."


def test_spans_and_edits_agree_by_the_characters_that_people_touched(campaign):
    result = report(campaign)
    outputs = [(item, which) for item in range(2) for which in range(3)]
    lengths = {output: len(TEXTS[output[1]]) for output in outputs}
    everyone = {output: list(STARS) for output in outputs}
    marked = [Unit((item, 1), name, "factual", *place) for item in range(2) for name, place in MARKED.items() if place]
    expected = unitising_alpha(marked, lengths=lengths, observers=everyone)
    found = row(result, "errors")
    assert found["value"] == pytest.approx(expected.value)
    assert [(part["name"], part["n"]) for part in found["parts"]] == [
        ("factual", 4),
        # Three pairs of people on the one text of each item in which anything is marked.
        ("Characters that both marked, F1", 6),
    ]
    # ann marks 6 to 10, ben 6 to 12, cat nothing: 2 * 4 / 10 for one pair, 0 for two.
    assert found["parts"][1]["value"] == pytest.approx(0.8 / 3)
    # The edit puts "Paris," in the place of "Lyon,": characters 6 to 11.
    edited = [Unit((item, 1), name, "c", 6, 11) for item in range(2) for name, text in EDITS.items() if text]
    expected = unitising_alpha(edited, lengths=lengths, observers=everyone)
    found = row(result, "fix")
    assert found["value"] == pytest.approx(expected.value)
    # ann and ben make the same of it and cat leaves it: 1 for one pair, 0 for two.
    whether, alike = found["parts"]
    assert alike["value"] == pytest.approx(1 / 3)
    changed = np.tile([[0, 1, 0], [0, 1, 0], [0, 0, 0]], 2)
    assert whether["value"] == pytest.approx(
        krippendorff.alpha(reliability_data=changed, level_of_measurement="nominal")
    )
    assert said(whether["note"]) == "22% of 18 answers change something"


@pytest.mark.parametrize(
    ("after", "spans"),
    [
        ("one two three", []),
        ("one 2 three", [(4, 7)]),
        ("one three", [(4, 7)]),
        ("one new two three", [(0, 3)]),
        ("new one two three", [(0, 3)]),
        ("one two three four", [(8, 13)]),
        ("gone", [(0, 13)]),
    ],
)
def test_an_edit_marks_what_it_replaced_cut_out_or_put_something_behind(after, spans):
    assert changed_spans("one two three", after) == spans


def test_comparisons_agree_whichever_side_an_output_stood_on(project, people):
    question = {"kind": "comparison", "key": "better", "prompt": "Which?", "steps": 5}
    campaign = make_campaign(project, people["olga"], items=4, texts=TEXTS[:2], questions=[question], overlap=3)

    def prefers_paris(name, assignment):
        shown = shown_outputs(assignment)
        best = next(label for label, output in shown.items() if output.messages[0]["text"] == TEXTS[0])
        return {"better": {"A-B": f"{best}+{2 if name == 'ann' else 1}"}}

    for name in STARS:
        submit_all(campaign, people[name], prefers_paris)
    found = row(report(campaign), "better")
    # Two steps by ann and one by the others on every pair: all differ within a pair as between pairs.
    values = np.tile([[2.0], [1.0], [1.0]], 4)
    assert found["value"] == pytest.approx(krippendorff.alpha(reliability_data=values, level_of_measurement="ordinal"))
    assert found["equal"] == pytest.approx(1 / 3)


def test_what_was_taken_back_counts_no_longer_and_what_does_not_apply_is_missing(project, people):
    question = {**QUESTIONS[0], "key": "overall"}
    campaign = make_campaign(project, people["olga"], items=2, texts=TEXTS[:2], questions=[question], overlap=2)
    done = {
        name: submit_all(campaign, people[name], lambda _, one: {"overall": {"A": 3, "B": "na"}})
        for name in ("ann", "ben")
    }
    undo_submission(assignment=assignment_for(people["ann"], done["ann"][0].pk))
    result = report(campaign)
    found = row(result, "overall")
    assert result["answers"] == 3
    assert found["n_missing"] == 3
    assert {one["name"]: one["answered"] for one in result["people"]} == {"ann": 1, "ben": 2}


def test_known_answers_measure_everybody_else(campaign, project):
    expert = make_rater(project, "gold <b>")
    outputs = {output.pk: output for item in campaign.items.all() for output in item.outputs.all()}
    for output in outputs.values():
        make_rating(expert, output, [5, 1, 4][TEXTS.index(output.messages[0]["text"])], question="overall")
    result = report(campaign, known_rater=expert.pk)
    known = {one["name"]: one["known"] for one in result["people"]}
    # ann gave just these; ben 4 for the first of each item, cat 2 and 2 for the others.
    assert known == {"ann": {"right": 6, "n": 6}, "ben": {"right": 4, "n": 6}, "cat": {"right": 2, "n": 6}}
    assert result["known"] == "gold <b>"


def test_the_same_output_asked_again_is_a_repeat(campaign, project, people):
    rater = Rater.objects.get(project=project, user=people["ann"])
    first, second = campaign.items.first().outputs.order_by("pk")[:2]
    given = {output.pk: STARS["ann"][TEXTS.index(output.messages[0]["text"])] for output in (first, second)}
    make_rating(rater, first, given[first.pk], question="overall")
    make_rating(rater, second, 3, question="overall")
    result = report(campaign)
    [found] = next(one for one in result["people"] if one["name"] == "ann")["repeats"]
    assert (found["question"], found["right"], found["n"]) == ("overall", 1, 2)


def test_who_clicks_through_is_noticed_and_who_reads_is_not(project, people):
    question = {"kind": "rating", "key": "overall", "prompt": "How good?", "scale_low": 1, "scale_high": 5}
    long = ["word " * 100, "other " * 100]
    campaign = make_campaign(project, people["olga"], items=20, texts=long, questions=[question], overlap=2)
    generator = np.random.default_rng(3)

    def honest(name, assignment):
        return {"overall": {label: int(generator.integers(1, 6)) for label in "AB"}}

    submit_all(campaign, people["ann"], honest, seconds=60)
    submit_all(campaign, people["cat"], lambda *_: {"overall": {"A": 3, "B": 3}}, seconds=4)
    alarms = {one["name"]: [said(alarm) for alarm in one["alarms"]] for one in report(campaign)["people"]}
    assert alarms["ann"] == []
    assert alarms["cat"] == [
        "20 of 20 items at over 700 words a minute, where up to 5% may be (chance below 1 in 100,000)",
        "20 of 20 items in less than 33% of the others' time on them, 7% in the median (chance below 1 in 100,000)",
        "overall: the same answer 20 times running, where the others' vary more (chance below 1 in 100,000)",
    ]


def test_figures_that_take_more_people_say_so(project, people):
    campaign = make_campaign(project, people["olga"], items=1, texts=TEXTS[:2], questions=[QUESTIONS[0]], overlap=2)
    submit_all(campaign, people["ann"], lambda *_: {"overall": {"A": 3, "B": 4}})
    result = report(campaign)
    assert row(result, "overall")["value"] is None
    assert said(row(result, "overall")["note"]) == "Nothing has been answered by two people yet."
    assert {said(note["note"]) for note in result["notes"]} == {
        "Who errs how often takes three people and two answers to each unit.",
        "Leniency: 1 raters: leniency is one rater's against others', expected at least 2.",
    }


def test_a_campaign_of_another_project_is_refused(campaign, people):
    elsewhere = make_project("elsewhere", owner=people["olga"])
    study = run_study(elsewhere, kind="quality", parameters={"campaign": campaign.pk})
    assert (study.status, "expected one of this project" in study.failure) == ("failed", True)


def test_the_page_works_it_out_and_shows_every_question_and_person(
    client, campaign, project, people, django_capture_on_commit_callbacks
):
    client.force_login(people["olga"])
    address = f"/p/lab/campaigns/{campaign.pk}/quality/"
    assert "Nothing has been worked out yet" in client.get(address).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        client.post(address, {"known_rater": ""})
    page = client.get(address).content.decode()
    for words in (*(question["prompt"] for question in QUESTIONS), *STARS, "unitising alpha", "Dawid and Skene"):
        assert words in page, words
    assert "from 6 answers." in page
    partial = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert partial.strip().startswith('<div id="study-result"')


def test_the_page_of_a_report_costs_the_same_whatever_the_number_of_people(
    client, campaign, people, django_assert_num_queries, django_capture_on_commit_callbacks
):
    client.force_login(people["olga"])
    address = f"/p/lab/campaigns/{campaign.pk}/quality/"
    with django_capture_on_commit_callbacks(execute=True):
        client.post(address, {"known_rater": ""})
    # Session, user, project with role, campaign, the newest report, raters to choose from, notices; checks twice,
    # consent, study arms.
    with django_assert_num_queries(11):
        client.get(address)


def test_annotators_and_strangers_do_not_see_it(client, campaign, people):
    address = f"/p/lab/campaigns/{campaign.pk}/quality/"
    client.force_login(people["ann"])
    assert client.get(address).status_code == 403
    client.force_login(make_user("stranger"))
    assert client.get(address).status_code == 404


def rows_said(found):
    return question_rows(worded({"questions": [{"kind": "rating", **found}], "people": [], "notes": []})["questions"])


@pytest.mark.parametrize(
    ("value", "word"),
    [(0.8, "reliable"), (0.7, "for tentative conclusions"), (0.5, "too low to conclude from"), (None, "")],
)
def test_krippendorffs_levels_are_said_of_alpha_and_of_nothing_else(value, word):
    found = {"prompt": "?", "value": value, "low": value, "high": value, "measure": "Krippendorff's alpha, ordinal"}
    [row] = rows_said(found)
    assert row.word == word
    [tau] = rows_said({**found, "measure": "Kendall's tau-b, mean over pairs of people"})
    assert tau.word == ""


def test_a_coefficient_stands_on_a_scale_from_the_lowest_bound_to_one():
    found = {"prompt": "?", "value": 0.5, "low": -0.25, "high": 0.75, "measure": "Krippendorff's alpha, nominal"}
    [row] = rows_said(found)
    # From -0.25 to 1: 0.75 of 1.25; the interval from 0 to 1 of 1.25; zero at a fifth.
    assert (row.mark.value, row.mark.low, row.mark.width, row.mark.references[0]) == (60, 0, 80, 20)


def test_the_api_and_the_command_give_the_same_figures(
    client, campaign, people, capsys, django_capture_on_commit_callbacks
):
    client.force_login(people["olga"])
    asked = {"kind": "quality", "parameters": {"campaign": campaign.pk}}
    with django_capture_on_commit_callbacks(execute=True):
        made = client.post("/api/v1/projects/lab/studies", asked, content_type="application/json")
    assert made.status_code == 201, made.content
    result = client.get(f"/api/v1/projects/lab/studies/{made.json()['id']}").json()["result"]
    assert result == worded(report(campaign, known_rater=None, seed=0))
    call_command("study", "quality", "--project", "lab", "--campaign", str(campaign.pk))
    printed = capsys.readouterr().out
    assert f"{row(result, 'overall')['value']:.3f}" in printed
    assert "2 by ann: no alarm" in printed


def test_the_api_names_a_campaign_that_the_project_does_not_have(client, campaign, people):
    elsewhere = make_project("elsewhere", owner=people["olga"])
    client.force_login(people["olga"])
    asked = {"kind": "quality", "parameters": {"campaign": campaign.pk}}
    refused = client.post(f"/api/v1/projects/{elsewhere.slug}/studies", asked, content_type="application/json")
    assert refused.status_code == 400
    assert list(refused.json()["fields"]) == ["parameters.campaign"]
