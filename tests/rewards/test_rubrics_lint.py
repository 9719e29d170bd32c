"""Lint from a rubric's words and from the verdicts that were given under it."""

import pytest
from django.urls import reverse

from rewards.models import Judgment, Verdict
from rewards.rubrics.lint import FEWEST_OUTPUTS, Measure, lint, lint_measured
from rewards.rubrics.parse import rubric_from_dict
from tests.factories import make_judgment, make_output, make_rater, make_rubric, make_task


def codes(*texts, **fields):
    content = rubric_from_dict([{"key": f"c{i}", "text": text, **fields} for i, text in enumerate(texts)])
    return [(finding.code, finding.key) for finding in lint(content)]


@pytest.mark.parametrize(
    "text",
    [
        "Names the river and gives the year.",
        "The response explains the cause and also states the cure.",
        "Asks about fever; recommends a doctor soon.",
        "Mentions the dose as well as lists the side effects.",
    ],
)
def test_two_questions_in_one_are_found(text):
    assert ("compound", "c0") in codes(text)


@pytest.mark.parametrize(
    "text",
    [
        "Names salt and pepper.",
        "Names the bridges and rivers of Prague.",
        "Does not recommend antibiotics or surgery.",
        "Gives the year 1815.",
        "States that supply and demand meet.",
    ],
)
def test_lists_within_one_question_are_not_compound(text):
    assert ("compound", "c0") not in codes(text)


def test_criteria_that_share_most_of_their_words_overlap():
    # Content words: {name, river, runs?..}: names river Vltava Prague / names Vltava river near Prague: 4 of 5
    found = codes("Names the Vltava river in Prague.", "Names the Vltava, the river near Prague.", "Is polite.")
    assert found == [("overlap", "c1")]


def test_the_same_text_is_a_duplicate_and_not_an_overlap_as_well():
    assert codes("Names the Vltava river.", "names  the vltava river.") == [("duplicate_text", "c1")]


def test_texts_without_words_do_not_overlap():
    assert codes("...", "???") == []


def test_a_rubric_of_penalties_alone_is_told():
    assert codes("Insults the reader.", "Drifts off topic.", weight=-1)[0] == ("all_penalties", "")


def test_criteria_that_tell_no_outputs_apart_are_named_with_their_number():
    levels = [{"label": str(i), "value": i / 4, "anchor": "a"} for i in range(5)]
    content = rubric_from_dict(
        [
            {"key": "always", "text": "Met by all."},
            {"key": "never", "text": "Met by none."},
            {"key": "fault", "text": "Insults.", "weight": -1},
            {"key": "both", "text": "Met by some."},
            {"key": "few", "text": "Seldom judged."},
            {"key": "top", "text": "How good?", "kind": "ordinal", "levels": levels},
            {"key": "middle", "text": "How long?", "kind": "ordinal", "levels": levels},
        ]
    )
    found = lint_measured(
        content,
        {
            "always": Measure(24, 0.6, 1.0),
            "never": Measure(7, 0.0, 0.4),
            "fault": Measure(9, 0.0, 0.0),
            "both": Measure(24, 0.4, 1.0),
            "few": Measure(FEWEST_OUTPUTS - 1, 1.0, 1.0),
            # From 7/8 on the highest of five even levels is the nearest one.
            "top": Measure(6, 0.9, 1.0),
            "middle": Measure(6, 0.5, 0.5),
        },
    )
    assert [(finding.code, finding.key) for finding in found] == [
        ("never_failed", "always"),
        ("never_met", "never"),
        ("never_met", "fault"),
        ("never_failed", "top"),
    ]
    assert "24 outputs" in found[0].message
    assert "None of the 9 outputs with a verdict has the fault" in found[2].message


@pytest.fixture
def judged(cast):
    version = make_rubric(cast.project, criteria=[{"key": "met", "text": "Fine."}, {"key": "mixed", "text": "Short."}])
    task, rater = make_task(cast.project), make_rater(cast.project)
    for number in range(FEWEST_OUTPUTS):
        judgment = make_judgment(rater, Judgment.Kind.VERDICTS, task, make_output(task))
        for criterion, value in zip(version.criteria.all(), (1.0, number % 2), strict=True):
            Verdict.objects.create(judgment=judgment, criterion=criterion, value=value)
    return version


def test_the_version_page_and_the_api_say_what_verdicts_show(cast, browse, judged, django_assert_num_queries):
    client = browse(cast.viewer)

    # session, user, project, rubric, version, criteria, versions; stored criteria, their verdicts
    with django_assert_num_queries(9):
        page = client.get(reverse("rewards:rubric-detail", args=["quill", judged.rubric_id]))
    answer = client.get(f"/api/v1/projects/quill/rubrics/{judged.rubric_id}").json()

    expected = [("never_failed", "met")]
    assert [(finding.code, finding.key) for finding in page.context["findings"]] == expected
    assert [(finding["code"], finding["key"]) for finding in answer["findings"]] == expected


def test_the_editor_measures_the_criteria_that_still_ask_the_same(cast, browse, judged):
    address = f"{reverse('rewards:rubric-lint', args=['quill'])}?rubric={judged.rubric_id}"
    draft = {"name": "Quality", "criteria": "1", "c-0-key": "met", "c-0-text": "Fine."}
    client = browse(cast.manager)

    assert b"Every one of the 5 outputs" in client.post(address, draft).content
    assert b"Every one" not in client.post(address, draft | {"c-0-text": "Fine indeed."}).content


def test_the_editor_measures_no_rubric_of_others(cast, browse, judged):
    address = f"{reverse('rewards:rubric-lint', args=['vellum'])}?rubric={judged.rubric_id}"

    assert browse(cast.stranger).post(address, {"criteria": "0"}).status_code == 404
